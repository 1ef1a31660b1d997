/**
 * Roll back: have a version run again that ran before.
 */
import { showDialog } from '@jupyterlab/apputils';

import { IPipelineItem } from '../catalog/pipelines';
import { CommandIDs, IWallaroo } from '../tokens';
import { choices, follow, IVerb, runs } from './verb';

export class RollBack implements IVerb<IPipelineItem> {
  readonly id = CommandIDs.rollback;
  readonly label: string;
  readonly longLabel: string;
  readonly caption: string;

  constructor(private readonly wallaroo: IWallaroo) {
    const { trans } = wallaroo;
    this.label = trans.__('Roll Back…');
    this.longLabel = trans.__('Roll a Pipeline Back…');
    this.caption = trans.__('Have the version run again that ran before');
  }

  isFor({ pipeline }: IPipelineItem): boolean {
    return pipeline.deployment_id !== null;
  }

  /**
   * @param args - `version`: the UUID of the version to go back to; default: the one before.
   */
  async execute(
    { pipeline }: IPipelineItem,
    args: { version?: unknown }
  ): Promise<void> {
    const { rest, trans } = this.wallaroo;
    const name = pipeline.pipeline;
    const to = typeof args.version === 'string' ? args.version : null;
    const answer = await showDialog({
      title: trans.__('Roll %1 back?', name),
      body:
        to === null
          ? trans.__('The version that ran before takes over without a gap.')
          : trans.__('Version %1 takes over without a gap.', to),
      buttons: choices(trans.__('Cancel'), trans.__('Roll back'))
    });
    if (!answer.button.accept) {
      return;
    }
    let version = '';
    await follow(
      this.wallaroo,
      {
        doing: trans.__('Rolling %1 back…', name),
        done: trans.__('%1 runs an earlier version', name)
      },
      async () => {
        const done = await rest.post<{ to_version: string }>(
          'pipelines/rollback',
          { pipeline_id: pipeline.pipeline_id, to }
        );
        version = done.to_version;
        return pipeline.pipeline_id;
      },
      deployed => runs(deployed, version)
    );
  }
}
