/**
 * Deploy: have the newest version of a pipeline run.
 */
import { IPipelineItem } from '../catalog/pipelines';
import { Rest } from '../rest';
import { CommandIDs, IWallaroo } from '../tokens';
import { IPipeline } from '../wire';
import { follow, IVerb, runs } from './verb';

export class Deploy implements IVerb<IPipelineItem> {
  readonly id = CommandIDs.deploy;
  readonly label: string;
  readonly longLabel: string;
  readonly caption: string;

  constructor(private readonly wallaroo: IWallaroo) {
    const { trans } = wallaroo;
    this.label = trans.__('Deploy');
    this.longLabel = trans.__('Deploy a Pipeline…');
    this.caption = trans.__('Have the newest version of the pipeline run');
  }

  isFor({ pipeline }: IPipelineItem): boolean {
    return (
      pipeline.status === 'Undeployed' ||
      pipeline.pipeline_version !== pipeline.version
    );
  }

  async execute({ pipeline }: IPipelineItem): Promise<void> {
    const { rest, settings } = this.wallaroo;
    const config =
      (await configuration(rest, pipeline)) ?? withReplicas({}, settings.replicas);
    await deployVersion(this.wallaroo, pipeline, pipeline.version, config);
  }
}

/** The configuration of a deployment, of which this extension knows the replicas only. */
export type EngineConfig = Readonly<Record<string, unknown>>;

/** A configuration with another number of replicas. */
export function withReplicas(
  config: EngineConfig,
  replicas: number
): EngineConfig {
  const { autoscale: _, ...engine } = (config['engine'] ?? {}) as Record<
    string,
    unknown
  >;
  return { ...config, engine: { ...engine, replicas } };
}

/** The configuration that a pipeline runs with; null when it is not deployed. */
export async function configuration(
  rest: Rest,
  pipeline: IPipeline
): Promise<EngineConfig | null> {
  if (pipeline.deployment === null) {
    return null;
  }
  const found = await rest.post<{
    deployment: { engine_config: EngineConfig } | null;
  }>('pipelines/get_pipeline_by_name', {
    pipeline_name: pipeline.pipeline,
    workspace_id: pipeline.workspace_id
  });
  return found.deployment?.engine_config ?? null;
}

/** Deploy a version, and show how it goes until it runs. */
export async function deployVersion(
  wallaroo: IWallaroo,
  pipeline: IPipeline,
  version: string,
  config: EngineConfig,
  replicas?: number
): Promise<void> {
  const { rest, trans } = wallaroo;
  const name = pipeline.pipeline;
  await follow(
    wallaroo,
    {
      doing: trans.__('Deploying %1…', name),
      done: trans.__('%1 is running', name)
    },
    async () => {
      await rest.post('pipelines/deploy', {
        deploy_id: deployIdOf(pipeline),
        pipeline_id: pipeline.pipeline_id,
        pipeline_version: version,
        strict_models: false,
        engine_config: config
      });
      return pipeline.pipeline_id;
    },
    deployed => runs(deployed, version, replicas)
  );
}

/** What a pipeline's deployment is called: as before, or as its name would stand in an address. */
export function deployIdOf(
  pipeline: Pick<IPipeline, 'deployment' | 'pipeline'>
): string {
  if (pipeline.deployment !== null) {
    return pipeline.deployment.replace(/-\d+$/, '');
  }
  const reduced = pipeline.pipeline
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .slice(0, 63)
    .replace(/^[._-]+|[._-]+$/g, '');
  return reduced === '' ? 'pipeline' : reduced;
}
