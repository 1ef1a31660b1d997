/**
 * Copy as curl: a command that sends an inference, without a token in it.
 */
import { Clipboard, Notification } from '@jupyterlab/apputils';

import { IPipelineItem } from '../catalog/pipelines';
import { bodyOf, fieldsOf } from '../form';
import { inferPath, inputsOf, RECORDS_TYPE } from '../inference';
import { CommandIDs, IWallaroo } from '../tokens';
import { IVerb } from './verb';

export class CopyCurl implements IVerb<IPipelineItem> {
  readonly id = CommandIDs.copyCurl;
  readonly label: string;
  readonly longLabel: string;
  readonly caption: string;

  constructor(private readonly wallaroo: IWallaroo) {
    const { trans } = wallaroo;
    this.label = trans.__('Copy as curl');
    this.longLabel = trans.__('Copy a Pipeline’s Address as curl…');
    this.caption = trans.__(
      'Copy a command that sends an inference; the token stays out of it'
    );
  }

  isFor({ pipeline }: IPipelineItem): boolean {
    return pipeline.deployment !== null;
  }

  async execute({ pipeline }: IPipelineItem): Promise<void> {
    const { rest, trans } = this.wallaroo;
    const path = inferPath(pipeline);
    if (path === null) {
      throw new Error(
        trans.__('%1 is not deployed: deploy it first.', pipeline.pipeline)
      );
    }
    const fields = fieldsOf((await inputsOf(rest, pipeline)) ?? []);
    const url = new URL(rest.url(path), window.location.href).href;
    Clipboard.copyToSystem(curl(url, bodyOf(fields, new Map()) ?? '[{}]'));
    Notification.success(
      trans.__('Copied. Set JUPYTER_TOKEN before you run it.'),
      { autoClose: 4000 }
    );
  }
}

/** A command for a POSIX shell; the token is taken from its environment. */
export function curl(url: string, body: string): string {
  return [
    `curl -X POST ${quoted(url)}`,
    `-H "Authorization: Bearer $JUPYTER_TOKEN"`,
    `-H ${quoted(`Content-Type: ${RECORDS_TYPE}`)}`,
    `-d ${quoted(body)}`
  ].join(' \\\n  ');
}

function quoted(text: string): string {
  return `'${text.replace(/'/g, `'\\''`)}'`;
}
