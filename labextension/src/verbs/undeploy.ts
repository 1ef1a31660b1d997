/**
 * Undeploy: end a pipeline's deployment.
 */
import { showDialog } from '@jupyterlab/apputils';

import { IPipelineItem } from '../catalog/pipelines';
import { CommandIDs, IWallaroo } from '../tokens';
import { choices, follow, IVerb } from './verb';

export class Undeploy implements IVerb<IPipelineItem> {
  readonly id = CommandIDs.undeploy;
  readonly label: string;
  readonly longLabel: string;
  readonly caption: string;

  constructor(private readonly wallaroo: IWallaroo) {
    const { trans } = wallaroo;
    this.label = trans.__('Undeploy…');
    this.longLabel = trans.__('Undeploy a Pipeline…');
    this.caption = trans.__('End the deployment of the pipeline');
  }

  isFor({ pipeline }: IPipelineItem): boolean {
    return pipeline.deployment_id !== null;
  }

  async execute({ pipeline }: IPipelineItem): Promise<void> {
    const { rest, trans } = this.wallaroo;
    const name = pipeline.pipeline;
    const answer = await showDialog({
      title: trans.__('Undeploy %1?', name),
      body: trans.__(
        'Requests under way finish, new ones are refused. The pipeline, its versions and its log stay.'
      ),
      buttons: choices(trans.__('Cancel'), trans.__('Undeploy'))
    });
    if (!answer.button.accept) {
      return;
    }
    await follow(
      this.wallaroo,
      {
        doing: trans.__('Undeploying %1…', name),
        done: trans.__('%1 is not deployed any more', name)
      },
      async () => {
        await rest.post('pipelines/undeploy', {
          pipeline_id: pipeline.pipeline_id
        });
        return pipeline.pipeline_id;
      },
      deployed => deployed.status === 'Undeployed'
    );
  }
}
