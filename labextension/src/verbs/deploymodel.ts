/**
 * From a model to a running pipeline.
 */
import { modelVersion } from '../inference';
import { Rest } from '../rest';
import { IWallaroo } from '../tokens';
import { IPipeline } from '../wire';
import { configuration, deployIdOf, withReplicas } from './deploy';
import { runs } from './verb';

/**
 * Make a pipeline of a model version, or a version of the pipeline with that name, and wait until it runs.
 *
 * @param name - of the pipeline.
 */
export async function deployModel(
  wallaroo: IWallaroo,
  workspaceId: number,
  name: string,
  versionId: number
): Promise<void> {
  const { rest, settings, follower } = wallaroo;
  const model = await modelVersion(rest, versionId);
  const { version, sha } = model.file_info;
  const before = await existing(rest, workspaceId, name);
  const config =
    (before && (await configuration(rest, before))) ??
    withReplicas({}, settings.replicas);
  let made = '';
  await follower.after(
    async () => {
      const created = await rest.post<{
        pipeline_pk_id: number;
        pipeline_variant_version: string;
      }>('pipelines/create', {
        pipeline_id: name,
        workspace_id: workspaceId,
        definition: {
          id: name,
          steps: [
            { ModelInference: { models: [{ name: model.name, version, sha }] } }
          ]
        }
      });
      made = created.pipeline_variant_version;
      await rest.post('pipelines/deploy', {
        deploy_id: deployIdOf({
          pipeline: name,
          deployment: before?.deployment ?? null
        }),
        pipeline_id: created.pipeline_pk_id,
        pipeline_version: made,
        strict_models: false,
        engine_config: config
      });
      return created.pipeline_pk_id;
    },
    state => runs(state, made)
  );
}

/** The pipeline with a name, which differs from others by more than case; null when there is none. */
async function existing(
  rest: Rest,
  workspaceId: number,
  name: string
): Promise<IPipeline | null> {
  const found = await rest.post<{ pipelines: IPipeline[] }>(
    'pipelines/overview',
    { workspace_id: workspaceId }
  );
  const same = (other: string): boolean =>
    other.toLowerCase() === name.toLowerCase();
  return found.pipelines.find(item => same(item.pipeline)) ?? null;
}
