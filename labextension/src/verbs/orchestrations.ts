/**
 * What can be done with an orchestration: run it now or on a schedule, or delete it.
 */
import { InputDialog, Notification } from '@jupyterlab/apputils';

import { IItem } from '../catalog/noun';
import { CommandIDs, IWallaroo } from '../tokens';
import { isSure, IVerb } from './verb';

export function orchestrationVerbs({
  rest,
  trans
}: IWallaroo): readonly IVerb[] {
  return [
    {
      id: CommandIDs.runOrchestration,
      label: trans.__('Run…'),
      longLabel: trans.__('Run an Orchestration…'),
      caption: trans.__('Make a task that runs it once, now'),
      isFor: isReady,
      execute: async ({ key, name, workspaceId }) => {
        const given = await asked(
          trans.__('Run %1', name),
          trans.__('Arguments, as a JSON object'),
          '{}',
          trans.__('Run')
        );
        if (given !== null) {
          await rest.post('task/run_once', {
            orch_id: key,
            workspace_id: workspaceId,
            name,
            json: argumentsOf(given)
          });
          Notification.success(trans.__('%1 runs as a task', name), {
            autoClose: 4000
          });
        }
      }
    },
    {
      id: CommandIDs.scheduleOrchestration,
      label: trans.__('Schedule…'),
      longLabel: trans.__('Schedule an Orchestration…'),
      caption: trans.__('Make a task that runs it on a schedule'),
      isFor: isReady,
      execute: async ({ key, name, workspaceId }) => {
        const schedule = await asked(
          trans.__('Schedule %1', name),
          trans.__('Minute, hour, day, month and weekday, as cron writes them'),
          '0 2 * * *',
          trans.__('Schedule')
        );
        if (schedule !== null) {
          await rest.post('task/run_scheduled', {
            orch_id: key,
            workspace_id: workspaceId,
            name,
            json: {},
            schedule,
            time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone
          });
          Notification.success(trans.__('%1 is scheduled', name), {
            autoClose: 4000
          });
        }
      }
    },
    {
      id: CommandIDs.deleteOrchestration,
      label: trans.__('Delete…'),
      longLabel: trans.__('Delete an Orchestration…'),
      caption: trans.__('Delete the orchestration; tasks that may run again have to be killed first'),
      execute: async ({ key, name }) => {
        const isMeant = await isSure(
          trans,
          trans.__('Delete %1?', name),
          trans.__('It cannot be run any more. This cannot be undone.'),
          trans.__('Delete')
        );
        if (isMeant) {
          await rest.send(
            'orchestration/delete_orchestrations',
            JSON.stringify({ orchestrations: [key] })
          );
        }
      }
    }
  ];

  function argumentsOf(text: string): object {
    let found: unknown;
    try {
      found = JSON.parse(text);
    } catch {
      found = null;
    }
    if (typeof found !== 'object' || found === null || Array.isArray(found)) {
      throw new Error(
        trans.__('Expected a JSON object, as {"rows": 100}; got %1.', text)
      );
    }
    return found;
  }
}

function isReady(item: IItem): boolean {
  return item.state === 'ready';
}

/** Ask for a text; null when there is none. */
async function asked(
  title: string,
  label: string,
  text: string,
  okLabel: string
): Promise<string | null> {
  const answer = await InputDialog.getText({ title, label, text, okLabel });
  const given = answer.value?.trim() ?? '';
  return answer.button.accept && given !== '' ? given : null;
}
