/**
 * The words of the wire that this extension reads; the names are the server's.
 */

export type Status = 'Running' | 'Starting' | 'Error' | 'Undeployed';

export interface IWorkspace {
  readonly id: number;
  readonly name: string;
}

/** `pipelines/overview`: a pipeline and how it runs. */
export interface IPipeline {
  readonly pipeline_id: number;
  readonly pipeline: string;
  readonly workspace_id: number;
  /** The newest version. */
  readonly version: string;
  readonly status: Status;
  readonly deployment_id: number | null;
  /** The name in inference URLs and status calls. */
  readonly deployment: string | null;
  /** The version that answers. */
  readonly pipeline_version: string | null;
  readonly replicas_running: number;
  readonly replicas_wanted: number;
  readonly reason: string | null;
}

/** `pipelines/list_versions`: a version of a pipeline. */
export interface IVersion {
  readonly id: number;
  readonly version: string;
  readonly created_at: string;
  readonly author: string;
  readonly models: readonly string[];
  readonly was_deployed: boolean;
  readonly is_deployed: boolean;
}

/** `pipelines/get_traffic`: the requests of a slot of time. */
export interface ISlot {
  readonly start: string;
  readonly requests: number;
  readonly failed: number;
  readonly rows: number;
  readonly anomalies: number;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly p99_ms: number | null;
}

export interface ITraffic {
  readonly slot_s: number;
  readonly slots: readonly ISlot[];
  readonly recent: ISlot;
  readonly recent_s: number;
  readonly total_requests: number;
}

/** `status/get_deployment`: one process of a deployment. */
export interface IPod {
  readonly name: string;
  readonly status: string;
  readonly reason: string | null;
  readonly info: {
    readonly health: Status;
    readonly labels: Readonly<Record<string, string>>;
    readonly required_cpu: string | null;
    readonly required_memory: string | null;
  };
}

export interface IDeploymentStatus {
  readonly status: Status;
  readonly details: readonly string[];
  readonly engines: readonly IPod[];
  readonly sidekicks: readonly IPod[];
}

export interface ITensorSpec {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | null)[];
}

export interface IModelVersion {
  readonly id: number;
  readonly name: string;
  readonly workspace_id: number;
  readonly status: string;
  readonly error_summary: string | null;
  readonly file_info: {
    readonly version: string;
    readonly sha: string;
    readonly file_name: string;
    readonly size: number;
  };
  readonly conversion: { readonly framework: string };
  readonly signature: { readonly inputs: readonly ITensorSpec[] } | null;
}

/** `models/list`: a model with its versions. */
export interface IModel {
  readonly id: number;
  readonly name: string;
  readonly model_versions: readonly {
    readonly model_version: IModelVersion;
  }[];
}

export interface IConnection {
  readonly id: string;
  readonly name: string;
  readonly type: string;
}

/** `orchestration/list`: an orchestration. */
export interface IOrchestration {
  readonly id: string;
  readonly name: string | null;
  readonly status: string;
  readonly error: string | null;
}

export type Fields = Readonly<Record<string, unknown>>;

/** `pipelines/get_logs` and the answers of an inference: one row. */
export interface IRecord {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly in: Fields;
  readonly out: Fields;
  readonly anomaly: Readonly<Record<string, number | boolean>>;
}

/** Something on Jupyter's event bus. */
export interface IEvent {
  readonly schema_id: string;
}

const EVENTS_ROOT = 'https://schema.jupyter.org/jupyter_wallaroo';

/** The ids of the events that this extension follows. */
export const Schema = {
  deployment: `${EVENTS_ROOT}/deployment/v1`,
  model: `${EVENTS_ROOT}/model/v1`,
  orchestration: `${EVENTS_ROOT}/orchestration/v1`,
  pipeline: `${EVENTS_ROOT}/pipeline/v1`
} as const;

/** A deployment has another status, version or number of replicas. */
export interface IDeploymentEvent extends IEvent {
  readonly deployment_id: number;
  readonly deployment: string;
  readonly pipeline_id: number;
  readonly pipeline: string;
  readonly pipeline_version: string;
  readonly status: Status;
  readonly replicas_running: number;
  readonly replicas_wanted: number;
  readonly reason: string | null;
}

/** A pipeline was made, or has a new version. */
export interface IPipelineEvent extends IEvent {
  readonly pipeline_id: number;
  readonly pipeline: string;
  readonly workspace_id: number;
  readonly version: string;
}

/** A model version was uploaded, is being converted, is ready or cannot be. */
export interface IModelEvent extends IEvent {
  readonly model_version_id: number;
  readonly model: string;
  readonly version: string;
  readonly workspace_id: number;
  readonly status: string;
  readonly reason: string | null;
}

/** An orchestration was uploaded, is being packaged, is ready or cannot be, or was deleted. */
export interface IOrchestrationEvent extends IEvent {
  readonly orchestration_id: string;
  readonly orchestration: string | null;
  readonly workspace_id: number;
  readonly status: string;
  readonly reason: string | null;
}

export function isDeploymentEvent(event: IEvent): event is IDeploymentEvent {
  return event.schema_id === Schema.deployment;
}

export function isPipelineEvent(event: IEvent): event is IPipelineEvent {
  return event.schema_id === Schema.pipeline;
}

export function isModelEvent(event: IEvent): event is IModelEvent {
  return event.schema_id === Schema.model;
}

export function isOrchestrationEvent(
  event: IEvent
): event is IOrchestrationEvent {
  return event.schema_id === Schema.orchestration;
}
