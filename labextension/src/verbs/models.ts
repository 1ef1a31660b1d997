/**
 * What can be done with a model: have it run, or name its newest version where steps are written.
 */
import { Clipboard, InputDialog, Notification } from '@jupyterlab/apputils';

import { IModelItem } from '../catalog/models';
import { modelVersion } from '../inference';
import { CommandIDs, IWallaroo } from '../tokens';
import { deployModel } from './deploymodel';
import { busy, IVerb } from './verb';

export function modelVerbs(wallaroo: IWallaroo): readonly IVerb<IModelItem>[] {
  const { rest, trans } = wallaroo;
  return [
    {
      id: CommandIDs.deployModel,
      label: trans.__('Deploy…'),
      longLabel: trans.__('Deploy a Model…'),
      caption: trans.__('Have a pipeline run with the newest version'),
      isFor: isReady,
      execute: async item => {
        const answer = await InputDialog.getText({
          title: trans.__('Deploy %1', item.name),
          label: trans.__('Name of the pipeline'),
          text: item.name,
          okLabel: trans.__('Deploy')
        });
        const name = answer.value?.trim() ?? '';
        if (answer.button.accept && name !== '') {
          await busy(
            {
              doing: trans.__('Deploying %1…', name),
              done: trans.__('%1 is running', name)
            },
            () => deployModel(wallaroo, item.workspaceId, name, newest(item))
          );
        }
      }
    },
    {
      id: CommandIDs.copyModel,
      label: trans.__('Copy Reference'),
      longLabel: trans.__('Copy the Reference of a Model…'),
      caption: trans.__('Copy name, version and hash, as steps name a model'),
      isFor: item => item.newestId !== null,
      execute: async item => {
        const { name, file_info } = await modelVersion(rest, newest(item));
        const { version, sha } = file_info;
        Clipboard.copyToSystem(JSON.stringify({ name, version, sha }, null, 2));
        Notification.success(trans.__('Copied.'), { autoClose: 4000 });
      }
    }
  ];

  function newest(item: IModelItem): number {
    if (item.newestId === null) {
      throw new Error(trans.__('%1 has no version yet.', item.name));
    }
    return item.newestId;
  }
}

function isReady(item: IModelItem): boolean {
  return item.state === 'ready' && item.newestId !== null;
}
