/**
 * What can be done with a pipeline: a further verb is one module beside this one and a line in `index.ts`.
 */
import { Dialog, InputDialog, Notification } from '@jupyterlab/apputils';

import { IPipelineItem } from '../catalog/pipelines';
import { IDeployed } from '../follower';
import { oneLine } from '../rest';
import { IPipelineArgs, IWallaroo } from '../tokens';

export interface IVerb {
  readonly id: string;
  /** In menus, where it is clear which pipeline is meant. */
  readonly label: string;
  /** In the palette, where it is not. */
  readonly longLabel: string;
  readonly caption: string;
  /** Whether it makes sense for a pipeline as it is. */
  isFor?(item: IPipelineItem): boolean;
  /** Do it; what is thrown is shown. */
  execute(item: IPipelineItem, args: object): Promise<void>;
}

/** The pipeline that a command is about; null when the user did not choose one. */
export async function target(
  wallaroo: IWallaroo,
  args: IPipelineArgs,
  verb: IVerb
): Promise<IPipelineItem | null> {
  const { catalog, trans } = wallaroo;
  const known = named(wallaroo, args);
  if (known !== null) {
    return known;
  }
  if (catalog.progress !== 'ready') {
    await catalog.refresh();
  }
  const again = named(wallaroo, args);
  if (again !== null) {
    return again;
  }
  const fitting = catalog.pipelines.filter(item => verb.isFor?.(item) ?? true);
  if (fitting.length === 0) {
    Notification.info(
      catalog.progress === 'ready'
        ? trans.__('There is no pipeline for which this can be done.')
        : trans.__('The server could not be read: %1', catalog.error),
      { autoClose: 5000 }
    );
    return null;
  }
  const places = new Map(
    catalog.workspaces.map(workspace => [workspace.id, workspace.name])
  );
  const labels = fitting.map(
    item =>
      `${item.name} — ${places.get(item.pipeline.workspace_id) ?? ''} (${item.detail})`
  );
  const chosen = wallaroo.chosen?.key;
  const answer = await InputDialog.getItem({
    title: verb.longLabel,
    label: trans.__('Pipeline'),
    items: labels,
    current: Math.max(
      0,
      fitting.findIndex(item => item.key === chosen)
    ),
    okLabel: verb.label
  });
  return answer.button.accept && answer.value !== null
    ? (fitting[labels.indexOf(answer.value)] ?? null)
    : null;
}

/** The pipeline that is named by a command's arguments, or chosen in the tree. */
export function named(
  wallaroo: IWallaroo,
  args: IPipelineArgs
): IPipelineItem | null {
  const { catalog, chosen } = wallaroo;
  if (args.pipelineId !== undefined) {
    return catalog.pipeline(args.pipelineId);
  }
  if (args.ask === true || chosen === null) {
    return null;
  }
  return catalog.pipeline(chosen.pipeline.pipeline_id);
}

/**
 * Do something with a deployment and show how it goes until it is as wanted.
 *
 * @param words - what is said while it goes on, and when it is done.
 * @param act - what is done; returns the pipeline's id.
 * @param isDone - whether the deployment is as wanted; throws when it never will be.
 */
export async function follow(
  wallaroo: IWallaroo,
  words: { readonly doing: string; readonly done: string },
  act: () => Promise<number>,
  isDone: (deployed: IDeployed) => boolean
): Promise<void> {
  const id = Notification.emit(words.doing, 'in-progress', {
    autoClose: false
  });
  try {
    await wallaroo.follower.after(act, isDone);
  } catch (error) {
    Notification.dismiss(id);
    throw error;
  }
  Notification.update({
    id,
    message: words.done,
    type: 'success',
    autoClose: 4000
  });
}

/**
 * Whether a version runs on all its replicas.
 *
 * @throws Error when it cannot come up; its message is the server's reason.
 */
export function runs(
  deployed: IDeployed,
  version: string,
  replicas?: number
): boolean {
  const isIt = deployed.pipeline_version === version;
  const failed = isIt ? deployed.status === 'Error' : deployed.status !== 'Undeployed';
  if (failed && deployed.reason !== null) {
    throw new Error(deployed.reason);
  }
  return (
    isIt &&
    deployed.status === 'Running' &&
    (replicas === undefined || deployed.replicas_wanted === replicas)
  );
}

/** Show that something could not be done. */
export function complain(error: unknown): void {
  Notification.error(oneLine(error), { autoClose: false });
}

/** Buttons of a question that defaults to doing nothing. */
export function choices(
  cancel: string,
  doIt: string
): readonly Dialog.IButton[] {
  return [
    Dialog.cancelButton({ label: cancel }),
    Dialog.warnButton({ label: doIt })
  ];
}
