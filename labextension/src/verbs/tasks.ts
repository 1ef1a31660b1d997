/**
 * What can be done with a task: run it now, have it rest or go on, end it.
 */
import { Notification } from '@jupyterlab/apputils';

import { ITaskItem } from '../catalog/tasks';
import { CommandIDs, IWallaroo } from '../tokens';
import { ITask } from '../wire';
import { isSure, IVerb } from './verb';

export function taskVerbs({
  rest,
  trans
}: IWallaroo): readonly IVerb<ITaskItem>[] {
  const pause = (item: ITaskItem, isPaused: boolean): Promise<unknown> =>
    rest.post('task/pause', { id: item.key, pause: isPaused });
  return [
    {
      id: CommandIDs.runTask,
      label: trans.__('Run Now'),
      longLabel: trans.__('Run a Task Now…'),
      caption: trans.__('Run the same orchestration once more, with the same arguments'),
      execute: async ({ key, name }) => {
        const task = await rest.post<ITask>('task/get_by_id', { id: key });
        await rest.post('task/run_once', {
          orch_id: task.orch_id,
          workspace_id: task.workspace_id,
          json: task.input_data,
          name: task.name,
          timeout: task.timeout
        });
        Notification.success(trans.__('%1 runs once more, as a task of its own', name), {
          autoClose: 4000
        });
      }
    },
    {
      id: CommandIDs.pauseTask,
      label: trans.__('Pause'),
      longLabel: trans.__('Pause a Task…'),
      caption: trans.__('Have the task rest until it is resumed'),
      isFor: item => isLasting(item) && !isPaused(item),
      execute: async item => {
        await pause(item, true);
      }
    },
    {
      id: CommandIDs.resumeTask,
      label: trans.__('Resume'),
      longLabel: trans.__('Resume a Task…'),
      caption: trans.__('Have the task go on'),
      isFor: item => isLasting(item) && isPaused(item),
      execute: async item => {
        await pause(item, false);
      }
    },
    {
      id: CommandIDs.killTask,
      label: trans.__('Kill…'),
      longLabel: trans.__('Kill a Task…'),
      caption: trans.__('End what runs of the task; it never runs again'),
      isFor: item => !isEnding(item),
      execute: async ({ key, name }) => {
        const isMeant = await isSure(
          trans,
          trans.__('Kill %1?', name),
          trans.__(
            'What runs of it is ended, it never runs again, and lists leave it out. This cannot be undone.'
          ),
          trans.__('Kill')
        );
        if (isMeant) {
          await rest.post('task/kill', { id: key });
        }
      }
    }
  ];
}

function isLasting({ task }: ITaskItem): boolean {
  return task.run_type !== 'Oneshot' && !isEnding({ task });
}

function isPaused({ task }: ITaskItem): boolean {
  return task.status === 'paused' || task.status === 'pending_pause';
}

function isEnding({ task }: Pick<ITaskItem, 'task'>): boolean {
  return task.status === 'killed' || task.status === 'pending_kill';
}
