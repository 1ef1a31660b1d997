/**
 * The sidebar, and what brings it into sight: a command, a card of the launcher, an item in the status bar.
 */
import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { IStatusBar } from '@jupyterlab/statusbar';

import { wallarooIcon } from '../icons';
import { StatusItem } from '../statusitem';
import { CommandIDs, IWallaroo } from '../tokens';
import { Sidebar } from '../tree/sidebar';

export const sidebar: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-wallaroo:sidebar',
  description: 'Adds a sidebar with workspaces and what is in them.',
  autoStart: true,
  requires: [IWallaroo],
  optional: [ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    wallaroo: IWallaroo,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ): void => {
    const { trans, catalog } = wallaroo;
    const panel = new Sidebar(wallaroo, app.commands);
    app.shell.add(panel, 'left', { rank: 350, type: 'Wallaroo' });
    restorer?.add(panel, panel.id);

    app.commands.addCommand(CommandIDs.showSidebar, {
      label: trans.__('Wallaroo'),
      caption: trans.__('Show pipelines, models and connections'),
      icon: wallarooIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.shell.activateById(panel.id)
    });
    app.commands.addCommand(CommandIDs.refresh, {
      label: trans.__('Read Everything Again'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => catalog.refresh()
    });
    const category = trans.__('Wallaroo');
    for (const command of [CommandIDs.showSidebar, CommandIDs.refresh]) {
      palette?.addItem({ command, category });
    }
  }
};

export const launcher: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-wallaroo:launcher',
  description: 'Adds a card to the launcher.',
  autoStart: true,
  requires: [IWallaroo],
  optional: [ILauncher],
  activate: (
    _: JupyterFrontEnd,
    { trans }: IWallaroo,
    cards: ILauncher | null
  ): void => {
    cards?.add({
      command: CommandIDs.showSidebar,
      category: trans.__('Other'),
      rank: 10
    });
  }
};

export const status: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-wallaroo:status',
  description: 'Shows in the status bar how many pipelines run.',
  autoStart: true,
  requires: [IWallaroo],
  optional: [IStatusBar],
  activate: (
    app: JupyterFrontEnd,
    wallaroo: IWallaroo,
    bar: IStatusBar | null
  ): void => {
    bar?.registerStatusItem('jupyter-wallaroo:status', {
      item: new StatusItem(
        wallaroo,
        () => void app.commands.execute(CommandIDs.showSidebar)
      ),
      align: 'left',
      rank: 90
    });
  }
};
