/**
 * Tasks in the tree: how the last run of each went, or what keeps it from running.
 */
import { TranslationBundle } from '@jupyterlab/translation';

import { IEvent, isTaskEvent, isTaskRunEvent } from '../events';
import { Rest } from '../rest';
import { ITask, ITaskRun, RunType, TaskRunState } from '../wire';
import { IGone, IItem, INoun, State } from './noun';

export const TASK = 'task';

/** A task with what tells how it is. */
export interface ITaskItem extends IItem {
  readonly task: ITaskFacts;
}

type ITaskFacts = Pick<
  ITask,
  'id' | 'name' | 'workspace_id' | 'run_type' | 'status' | 'schedule' | 'time_zone'
> & { readonly lastRun: Pick<ITaskRun, 'state' | 'reason'> | null };

export class Tasks implements INoun {
  readonly kind = TASK;
  readonly isNewestFirst = true;

  constructor(private readonly trans: TranslationBundle) {}

  get label(): string {
    return this.trans.__('Task');
  }

  get heading(): string {
    return this.trans.__('Tasks');
  }

  async fetch(rest: Rest, workspaceId: number): Promise<readonly IItem[]> {
    const found = await rest.post<ITask[]>('task/list', {
      workspace_id: workspaceId,
      run_limit: 1
    });
    return found.map(task => taskItem(task, this.trans));
  }

  hear(
    event: IEvent,
    workspaceId: number,
    known: ReadonlyMap<string, IItem>
  ): IItem | IGone | null {
    const isTask = isTaskEvent(event);
    if (
      (!isTask && !isTaskRunEvent(event)) ||
      event.workspace_id !== workspaceId
    ) {
      return null;
    }
    const before = known.get(event.task_id) as ITaskItem | undefined;
    if (!isTask) {
      const lastRun = { state: event.state, reason: event.reason };
      return before === undefined
        ? null
        : itemOf({ ...before.task, lastRun }, this.trans);
    }
    const { task_id: id, task: name, status } = event;
    if (status === 'killed' || status === 'pending_kill') {
      // It never runs again; lists leave it out.
      return before === undefined ? null : { key: id, isGone: true };
    }
    const lastRun = before?.task.lastRun ?? null;
    return itemOf({ ...event, id, name, lastRun }, this.trans);
  }
}

/** A task as the tree shows it. */
export function taskItem(task: ITask, trans: TranslationBundle): ITaskItem {
  return itemOf({ ...task, lastRun: task.last_runs[0] ?? null }, trans);
}

function itemOf(task: ITaskFacts, trans: TranslationBundle): ITaskItem {
  const hints = [
    task.lastRun?.reason,
    task.schedule && `${task.schedule} ${task.time_zone ?? ''}`,
    runTypeText(task.run_type, trans)
  ];
  return {
    kind: TASK,
    workspaceId: task.workspace_id,
    key: task.id,
    name: task.name ?? task.id,
    ...look(task, trans),
    hint: hints.filter(Boolean).join('\n'),
    task
  };
}

function look(
  { status, run_type, lastRun }: ITaskFacts,
  trans: TranslationBundle
): { state: State; detail: string } {
  switch (status) {
    case 'killed':
      return { state: 'stopped', detail: trans.__('Killed') };
    case 'pending_kill':
      return { state: 'starting', detail: trans.__('Ending') };
    case 'paused':
      return { state: 'paused', detail: trans.__('Paused') };
    case 'pending_pause':
      return { state: 'starting', detail: trans.__('Pausing') };
    case 'schedule_error':
      return { state: 'error', detail: trans.__('Schedule error') };
    case 'crash_loop':
      return { state: 'error', detail: trans.__('Keeps failing') };
    default:
  }
  if (lastRun === null) {
    const words =
      run_type === 'CronJob' ? trans.__('Scheduled') : trans.__('Waiting');
    return { state: 'waiting', detail: words };
  }
  const isLasting =
    run_type === 'NetworkService' && lastRun.state === 'running';
  return {
    state: isLasting ? 'running' : taskRunState(lastRun.state),
    detail: taskRunText(lastRun.state, trans)
  };
}

/** The icon's state for a run of a task. */
export function taskRunState(state: TaskRunState): State {
  switch (state) {
    case 'queued':
      return 'waiting';
    case 'running':
      return 'starting';
    case 'success':
      return 'done';
    case 'killed':
    case 'skipped':
      return 'stopped';
    default:
      return 'error';
  }
}

/** The words for the state of a run of a task. */
export function taskRunText(
  state: TaskRunState,
  trans: TranslationBundle
): string {
  switch (state) {
    case 'queued':
      return trans.__('Waiting');
    case 'running':
      return trans.__('Running');
    case 'success':
      return trans.__('Succeeded');
    case 'failure':
      return trans.__('Failed');
    case 'timed_out':
      return trans.__('Timed out');
    case 'killed':
      return trans.__('Killed');
    case 'interrupted':
      return trans.__('Interrupted');
    case 'skipped':
      return trans.__('Skipped');
    default:
      return state;
  }
}

/** The words for when a task runs. */
export function runTypeText(type: RunType, trans: TranslationBundle): string {
  switch (type) {
    case 'Oneshot':
      return trans.__('Runs once');
    case 'CronJob':
      return trans.__('Runs on a schedule');
    case 'NetworkService':
      return trans.__('Runs all the time');
    default:
      return type;
  }
}
