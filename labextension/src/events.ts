/**
 * What Jupyter's event bus says of things on the server; the names are the server's.
 */
import { Outcome, RunType, Status, StepStatus, TaskRunState, TaskStatus } from './wire';

/** Something on Jupyter's event bus. */
export interface IEvent {
  readonly schema_id: string;
}

const EVENTS_ROOT = 'https://schema.jupyter.org/jupyter_wallaroo';

/** The ids of the events that this extension follows. */
export const Schema = {
  connection: `${EVENTS_ROOT}/connection/v1`,
  deployment: `${EVENTS_ROOT}/deployment/v1`,
  model: `${EVENTS_ROOT}/model/v1`,
  orchestration: `${EVENTS_ROOT}/orchestration/v1`,
  pipeline: `${EVENTS_ROOT}/pipeline/v1`,
  run: `${EVENTS_ROOT}/run/v1`,
  runStep: `${EVENTS_ROOT}/run_step/v1`,
  task: `${EVENTS_ROOT}/task/v1`,
  taskRun: `${EVENTS_ROOT}/task_run/v1`
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

/** A pipeline was made, has a new version, or was removed. */
export interface IPipelineEvent extends IEvent {
  readonly pipeline_id: number;
  readonly pipeline: string;
  readonly workspace_id: number;
  readonly version: string;
  readonly action: 'created' | 'version_added' | 'removed';
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

/** A connection was made, deleted, or linked to a workspace or no longer. */
export interface IConnectionEvent extends IEvent {
  readonly connection_id: string;
  readonly connection: string;
  readonly type: string;
  /** Of the link; null where it is about the connection itself. */
  readonly workspace_id: number | null;
  readonly action:
    | 'created'
    | 'added_to_workspace'
    | 'removed_from_workspace'
    | 'deleted';
}

/** A task was made, killed, paused or goes on. */
export interface ITaskEvent extends IEvent {
  readonly task_id: string;
  readonly task: string | null;
  readonly workspace_id: number;
  readonly run_type: RunType;
  readonly status: TaskStatus;
  readonly schedule: string | null;
  readonly time_zone: string | null;
}

/** A run of a task waits, has begun, was skipped, or ended. */
export interface ITaskRunEvent extends IEvent {
  readonly run_id: string;
  readonly task_id: string;
  readonly workspace_id: number;
  readonly state: TaskRunState;
  readonly reason: string | null;
}

/** A run of a step graph was submitted, has begun or has ended. */
export interface IRunEvent extends IEvent {
  readonly run_id: string;
  readonly run: string | null;
  readonly workspace_id: number;
  readonly status: StepStatus;
  readonly outcome: Outcome | null;
  readonly reason: string | null;
}

/** A step of a run has begun, has ended, or says how far it is. */
export interface IRunStepEvent extends IEvent {
  readonly run_id: string;
  readonly step: string;
  readonly status: StepStatus;
}

export function isConnectionEvent(event: IEvent): event is IConnectionEvent {
  return event.schema_id === Schema.connection;
}

export function isTaskEvent(event: IEvent): event is ITaskEvent {
  return event.schema_id === Schema.task;
}

export function isTaskRunEvent(event: IEvent): event is ITaskRunEvent {
  return event.schema_id === Schema.taskRun;
}

export function isRunEvent(event: IEvent): event is IRunEvent {
  return event.schema_id === Schema.run;
}

export function isRunStepEvent(event: IEvent): event is IRunStepEvent {
  return event.schema_id === Schema.runStep;
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
