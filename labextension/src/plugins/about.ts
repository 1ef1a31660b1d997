/**
 * A command that shows the health of the server.
 */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { reportHealth } from '../report';
import { CommandIDs } from '../tokens';

export const about: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-wallaroo:about',
  description: 'Adds a command that shows the health of the Wallaroo server.',
  autoStart: true,
  optional: [ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('jupyter_wallaroo');

    app.commands.addCommand(CommandIDs.health, {
      label: trans.__('Wallaroo: Server Health'),
      caption: trans.__(
        'Show the state of the Wallaroo server behind this page'
      ),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => reportHealth(app.serviceManager.serverSettings, trans)
    });
    palette?.addItem({
      command: CommandIDs.health,
      category: trans.__('Wallaroo')
    });
  }
};
