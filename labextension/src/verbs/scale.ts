/**
 * Scale: another number of replicas for what runs.
 */
import { InputDialog } from '@jupyterlab/apputils';

import { IPipelineItem } from '../catalog/pipelines';
import { CommandIDs, IWallaroo } from '../tokens';
import { configuration, deployVersion, withReplicas } from './deploy';
import { IVerb } from './verb';

/** More processes than a machine has use for. */
const MOST_REPLICAS = 64;

export class Scale implements IVerb<IPipelineItem> {
  readonly id = CommandIDs.scale;
  readonly label: string;
  readonly longLabel: string;
  readonly caption: string;

  constructor(private readonly wallaroo: IWallaroo) {
    const { trans } = wallaroo;
    this.label = trans.__('Scale…');
    this.longLabel = trans.__('Scale a Pipeline…');
    this.caption = trans.__('Change how many replicas answer for the pipeline');
  }

  isFor({ pipeline }: IPipelineItem): boolean {
    return pipeline.deployment_id !== null;
  }

  async execute({ pipeline }: IPipelineItem): Promise<void> {
    const { rest, trans } = this.wallaroo;
    const answer = await InputDialog.getNumber({
      title: trans.__('Scale %1', pipeline.pipeline),
      label: trans.__('Replicas, from 1 to %1', MOST_REPLICAS),
      value: pipeline.replicas_wanted,
      okLabel: trans.__('Scale')
    });
    const replicas = answer.value;
    if (!answer.button.accept || replicas === null) {
      return;
    }
    if (
      !Number.isInteger(replicas) ||
      replicas < 1 ||
      replicas > MOST_REPLICAS
    ) {
      throw new Error(
        trans.__(
          'Expected a whole number of replicas from 1 to %1; got %2.',
          MOST_REPLICAS,
          replicas
        )
      );
    }
    if (replicas === pipeline.replicas_wanted) {
      return;
    }
    const version = pipeline.pipeline_version ?? pipeline.version;
    const config = (await configuration(rest, pipeline)) ?? {};
    await deployVersion(
      this.wallaroo,
      pipeline,
      version,
      withReplicas(config, replicas),
      replicas
    );
  }
}
