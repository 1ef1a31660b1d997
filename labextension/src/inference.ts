/**
 * What a pipeline takes: the inputs of its first model, and rows that fit them.
 */
import { Rest } from './rest';
import { IModelVersion, IPipeline, IRecord, ITensorSpec } from './wire';

/** How rows are sent and answered: one object per row. */
export const RECORDS_TYPE = 'application/json; format=pandas-records';

/** A step as pipelines define it, as far as it names models. */
interface IStep {
  readonly ModelInference?: { readonly models: readonly IReference[] };
  readonly RandomSplit?: {
    readonly weights: readonly { readonly model: IReference }[];
  };
  readonly MetaValueSplit?: { readonly control: IReference };
}

/** The triple by which a step names a model version. */
export interface IReference {
  readonly name: string;
  readonly version: string;
  readonly sha: string;
}

/** The path of a pipeline's inferences; null while it is not deployed. */
export function inferPath(pipeline: IPipeline): string | null {
  return pipeline.deployment === null
    ? null
    : `pipelines/infer/${encodeURIComponent(pipeline.deployment)}/${encodeURIComponent(pipeline.pipeline)}`;
}

/**
 * The inputs of a pipeline's first model; null when they are not known, as with a model whose inputs are not declared.
 */
export async function inputsOf(
  rest: Rest,
  pipeline: IPipeline
): Promise<readonly ITensorSpec[] | null> {
  const version = await rest.post<{
    definition: { steps?: readonly IStep[] };
  }>('pipelines/get_version', {
    version: pipeline.pipeline_version ?? pipeline.version
  });
  const reference = firstModel(version.definition.steps?.[0]);
  if (reference === null) {
    return null;
  }
  const known = await rest.post<{ id: number; model_version: string }[]>(
    'models/list_versions',
    { model_id: reference.name }
  );
  const found = known.find(item => item.model_version === reference.version);
  if (found === undefined) {
    return null;
  }
  const model = await modelVersion(rest, found.id);
  return model.signature?.inputs ?? null;
}

/** A model version by its number. */
export async function modelVersion(
  rest: Rest,
  id: number
): Promise<IModelVersion> {
  const found = await rest.post<{
    model_version: { model_version: IModelVersion };
  }>('models/get_version_by_id', { model_version_id: id });
  return found.model_version.model_version;
}

/** Pages of a pipeline's log, the newest first. */
export interface ILogPage {
  readonly records: readonly IRecord[];
  /** Where the next page begins; null when there is none. */
  readonly cursor: string | null;
}

/** Read a page of a pipeline's log. */
export async function logPage(
  rest: Rest,
  pipeline: IPipeline,
  options: { pageSize: number; cursor?: string; onlyAnomalies?: boolean }
): Promise<ILogPage> {
  const body: Record<string, unknown> = {
    pipeline_name: pipeline.pipeline,
    workspace_id: pipeline.workspace_id,
    page_size: options.pageSize
  };
  if (options.cursor !== undefined) {
    body['cursor'] = options.cursor;
  }
  if (options.onlyAnomalies === true) {
    body['valid'] = false;
  }
  const answer = await rest.send('pipelines/get_logs', JSON.stringify(body));
  return {
    records: (await answer.json()) as IRecord[],
    cursor: answer.headers.get('x-iteration-cursor')
  };
}

function firstModel(step: IStep | undefined): IReference | null {
  return (
    step?.ModelInference?.models[0] ??
    step?.RandomSplit?.weights[0]?.model ??
    step?.MetaValueSplit?.control ??
    null
  );
}
