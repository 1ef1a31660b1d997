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

export type RunType = 'Oneshot' | 'CronJob' | 'NetworkService';

export type TaskStatus =
  | 'pending'
  | 'started'
  | 'success'
  | 'failed'
  | 'timed_out'
  | 'crash_loop'
  | 'pending_kill'
  | 'killed'
  | 'pending_pause'
  | 'paused'
  | 'schedule_error';

export type TaskRunState =
  | 'queued'
  | 'running'
  | 'success'
  | 'failure'
  | 'timed_out'
  | 'killed'
  | 'interrupted'
  | 'skipped';

/** `task/list_task_runs`: a run of a task. */
export interface ITaskRun {
  readonly run_id: string;
  readonly state: TaskRunState;
  readonly reason: string | null;
  readonly exit_code: number | null;
  readonly fire_time: string;
  readonly missed: number;
  readonly started_at: string | null;
  readonly updated_at: string;
}

/** `task/get_by_id`, `task/list`: a task. */
export interface ITask {
  readonly id: string;
  readonly name: string | null;
  readonly workspace_id: number;
  readonly orch_id: string;
  readonly input_data: Fields;
  readonly status: TaskStatus;
  readonly run_type: RunType;
  readonly schedule: string | null;
  readonly time_zone: string | null;
  readonly next_firings: readonly string[];
  readonly timeout: number | null;
  readonly last_runs: readonly ITaskRun[];
  readonly created_at: string;
}

export type StepStatus =
  | 'PENDING'
  | 'STARTED'
  | 'SUCCESS'
  | 'FAILURE'
  | 'ABORTED';

export type Outcome = 'ok' | 'failed' | 'aborted';

/** `runs`: a run of a step graph. */
export interface IListedRun {
  readonly id: string;
  readonly name: string | null;
  readonly workspace_id: number;
  readonly run_type: string;
  readonly selection: readonly string[];
  readonly background: boolean;
  readonly owner: string;
  readonly status: StepStatus;
  readonly outcome: Outcome | null;
  readonly reason: string | null;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  readonly place: number | null;
}

/** What a step of a run left for its children. */
export interface IStepOutput {
  readonly name: string;
  readonly kind: string;
  readonly size_bytes: number;
  readonly file_name: string | null;
}

/** How a step of a run stands. */
export interface IStep {
  readonly key: string;
  readonly status: StepStatus;
  readonly reason: string | null;
  readonly traceback: string | null;
  readonly message: string | null;
  readonly outputs: readonly IStepOutput[];
  readonly has_notebook: boolean;
  readonly started_at: string | null;
  readonly ended_at: string | null;
}

/** A step as it was submitted, as far as a page shows it. */
export interface IStepDefinition {
  readonly kind: string;
  readonly path?: string | null;
  readonly pipeline?: string;
  readonly parents?: readonly string[];
  readonly parameters?: Fields;
}

/** `runs/{run}`: a run with the steps that it executes, and all that its graph has. */
export interface IRun extends IListedRun {
  readonly steps: readonly IStep[];
  readonly definition: {
    readonly steps: Readonly<Record<string, IStepDefinition>>;
    readonly parameters?: Fields;
  };
  readonly folder: string | null;
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
