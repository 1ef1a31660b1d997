/**
 * From a file of Jupyter's to a running pipeline.
 */
import { Notification } from '@jupyterlab/apputils';
import { Contents } from '@jupyterlab/services';

import { oneLine, Rest } from './rest';
import { IWallaroo } from './tokens';
import { deployModel } from './verbs/deploymodel';

/** How long an upload may take, in milliseconds. */
const UPLOAD_LIMIT_MS = 3_600_000;

/** A name that the server takes, made of a file's. */
export function suggestedName(fileName: string): string {
  const stem = fileName.replace(/\.[^.]*$/, '');
  const reduced = stem
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|-+$/g, '')
    .slice(0, 100);
  return reduced === '' ? 'model' : reduced;
}

/**
 * Upload a model file, make a pipeline of it (or a version of the one with that name), and have it run.
 *
 * @param name - of the model and of the pipeline.
 */
export async function uploadAndDeploy(
  wallaroo: IWallaroo,
  contents: Contents.IManager,
  file: { readonly path: string; readonly name: string },
  name: string
): Promise<void> {
  const { rest, trans } = wallaroo;
  const cancelling = new AbortController();
  const signal = AbortSignal.any([
    cancelling.signal,
    AbortSignal.timeout(UPLOAD_LIMIT_MS)
  ]);
  const id = Notification.emit(
    trans.__('Reading %1…', file.name),
    'in-progress',
    {
      autoClose: false,
      actions: [
        { label: trans.__('Cancel'), callback: () => cancelling.abort() }
      ]
    }
  );
  try {
    const bytes = await fetched(rest, contents, file.path, signal, part =>
      Notification.update({
        id,
        message: trans.__('Reading %1…', file.name),
        progress: part
      })
    );
    const megabytes = (bytes.size / 1e6).toFixed(1);
    Notification.update({
      id,
      message: trans.__('Uploading %1 (%2 MB)…', file.name, megabytes)
    });
    const workspaceId = await ownWorkspace(wallaroo);
    const versionId = await upload(rest, bytes, file, name, workspaceId, signal);
    Notification.update({
      id,
      message: trans.__('Deploying %1…', name),
      actions: []
    });
    await deployModel(wallaroo, workspaceId, name, versionId);
    Notification.update({
      id,
      message: trans.__('%1 is running', name),
      type: 'success',
      autoClose: 4000,
      actions: []
    });
  } catch (error) {
    Notification.update({
      id,
      message: cancelling.signal.aborted
        ? trans.__('The upload of %1 was cancelled', file.name)
        : trans.__('%1 was not deployed: %2', file.name, oneLine(error)),
      type: cancelling.signal.aborted ? 'info' : 'error',
      autoClose: cancelling.signal.aborted ? 4000 : false,
      actions: []
    });
  }
}

/** Read a file of Jupyter's as a blob, which the browser keeps where it has room. */
async function fetched(
  rest: Rest,
  contents: Contents.IManager,
  path: string,
  signal: AbortSignal,
  onProgress: (part: number) => void
): Promise<Blob> {
  const url = await contents.getDownloadUrl(path);
  const response = await rest.request(url, { method: 'GET', signal });
  const total = Number(response.headers.get('Content-Length'));
  if (response.body === null || !(total > 0)) {
    return response.blob();
  }
  let seen = 0;
  let shown = 0;
  const counting = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      seen += chunk.byteLength;
      if (seen / total - shown >= 0.02) {
        shown = Math.min(1, seen / total);
        onProgress(shown);
      }
      controller.enqueue(chunk);
    }
  });
  return new Response(response.body.pipeThrough(counting)).blob();
}

async function upload(
  rest: Rest,
  bytes: Blob,
  file: { readonly name: string },
  name: string,
  workspaceId: number,
  signal: AbortSignal
): Promise<number> {
  const query = new URLSearchParams({
    name,
    workspace_id: String(workspaceId),
    filename: file.name
  });
  const answer = await rest.send(`models/upload_stream?${query}`, bytes, {
    headers: { 'Content-Type': 'application/octet-stream' },
    signal
  });
  const said = (await answer.json()) as {
    insert_models: { returning: { models: { id: number }[] }[] };
  };
  const id = said.insert_models.returning[0]?.models[0]?.id;
  if (id === undefined) {
    throw new TypeError('the answer of the upload names no model');
  }
  return id;
}

async function ownWorkspace({ rest, catalog }: IWallaroo): Promise<number> {
  return (
    catalog.defaultWorkspace ??
    (await rest.post<{ id: number }>('workspaces/get', {})).id
  );
}
