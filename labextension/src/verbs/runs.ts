/**
 * What can be done with a run of a step graph: submit it again, or abort it.
 */
import { Notification } from '@jupyterlab/apputils';

import { IRunItem } from '../catalog/runs';
import { CommandIDs, IWallaroo } from '../tokens';
import { IRun } from '../wire';
import { isSure, IVerb } from './verb';

export function runVerbs({ rest, trans }: IWallaroo): readonly IVerb<IRunItem>[] {
  return [
    {
      id: CommandIDs.runAgain,
      label: trans.__('Run Again'),
      longLabel: trans.__('Run a Graph Again…'),
      caption: trans.__('Submit the same graph once more; its files are read as they are now'),
      execute: async ({ key, name }) => {
        const run = await rest.get<IRun>(`runs/${key}`);
        await rest.post('runs', {
          definition: run.definition,
          run_type: run.run_type,
          selection: run.selection,
          workspace_id: run.workspace_id,
          name: run.name,
          background: run.background,
          folder: run.folder
        });
        Notification.success(trans.__('%1 was submitted again', name), {
          autoClose: 4000
        });
      }
    },
    {
      id: CommandIDs.cancelRun,
      label: trans.__('Cancel…'),
      longLabel: trans.__('Cancel a Run…'),
      caption: trans.__('End the steps that are under way; others never begin'),
      isFor: ({ run }) => run.status === 'PENDING' || run.status === 'STARTED',
      execute: async ({ key, name }) => {
        const isMeant = await isSure(
          trans,
          trans.__('Cancel %1?', name),
          trans.__('Steps under way are ended, others never begin. What has ended stays.'),
          trans.__('Cancel the run')
        );
        if (isMeant) {
          await rest.delete(`runs/${key}`);
        }
      }
    }
  ];
}
