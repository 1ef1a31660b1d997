/**
 * In the file browser: from a right click on an `.onnx` file to a running pipeline.
 */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  InputDialog,
  Notification
} from '@jupyterlab/apputils';
import { IDefaultFileBrowser, IFileBrowserFactory } from '@jupyterlab/filebrowser';
import { Contents } from '@jupyterlab/services';

import { wallarooIcon } from '../icons';
import { CommandIDs, IWallaroo } from '../tokens';
import { suggestedName, uploadAndDeploy } from '../upload';
import { complain } from '../verbs/verb';

const EXTENSION = '.onnx';

export const files: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-wallaroo:files',
  description: 'Uploads and deploys model files of the file browser.',
  autoStart: true,
  requires: [IWallaroo],
  optional: [IFileBrowserFactory, IDefaultFileBrowser, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    wallaroo: IWallaroo,
    factory: IFileBrowserFactory | null,
    browser: IDefaultFileBrowser | null,
    palette: ICommandPalette | null
  ): void => {
    if (factory === null) {
      return;
    }
    const { trans } = wallaroo;
    const { contents } = app.serviceManager;
    // The context menu of `schema/core.json` finds the files by their type.
    app.docRegistry.addFileType({
      name: 'onnx',
      displayName: trans.__('ONNX Model'),
      extensions: [EXTENSION],
      mimeTypes: ['application/octet-stream'],
      fileFormat: 'base64',
      icon: wallarooIcon
    });
    const chosen = (): Contents.IModel[] => {
      const shown = factory.tracker.currentWidget ?? browser;
      return [...(shown?.selectedItems() ?? [])].filter(
        item => item.type === 'file' && item.name.endsWith(EXTENSION)
      );
    };
    app.commands.addCommand(CommandIDs.uploadFile, {
      label: trans.__('Upload and Deploy…'),
      caption: trans.__('Make a running pipeline of the chosen model file'),
      icon: wallarooIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: async () => {
        const items = chosen();
        if (items.length === 0) {
          Notification.info(
            trans.__('Choose an .onnx file in the file browser first.'),
            { autoClose: 5000 }
          );
        }
        for (const item of items) {
          const answer = await InputDialog.getText({
            title: trans.__('Upload and deploy %1', item.name),
            label: trans.__('Name of the model and the pipeline'),
            text: suggestedName(item.name),
            okLabel: trans.__('Deploy')
          });
          const name = answer.value?.trim() ?? '';
          if (!answer.button.accept || name === '') {
            return;
          }
          uploadAndDeploy(wallaroo, contents, item, name).catch(complain);
        }
      }
    });
    palette?.addItem({
      command: CommandIDs.uploadFile,
      category: trans.__('Wallaroo')
    });
  }
};
