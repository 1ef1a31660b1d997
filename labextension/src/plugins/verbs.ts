/**
 * The commands about a pipeline, in the palette and (by `schema/core.json`) in context menus and on keys.
 */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';

import { IPipelineArgs, IWallaroo } from '../tokens';
import { verbs } from '../verbs';
import { complain, named, target } from '../verbs/verb';

/** What JupyterLab tells of the arguments of these commands. */
export const DESCRIBED_BY = {
  args: {
    type: 'object',
    properties: {
      pipelineId: {
        type: 'integer',
        description: 'The pipeline; default: the one that is chosen in the tree'
      },
      ask: { type: 'boolean', description: 'Ask which pipeline is meant' },
      version: {
        type: 'string',
        description: 'The UUID of the version to roll back to'
      }
    }
  }
} as const;

export const verbCommands: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-wallaroo:verbs',
  description: 'Adds commands that deploy, scale, roll back and undeploy.',
  autoStart: true,
  requires: [IWallaroo],
  optional: [ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    wallaroo: IWallaroo,
    palette: ICommandPalette | null
  ): void => {
    for (const verb of verbs(wallaroo)) {
      app.commands.addCommand(verb.id, {
        label: args => (args['ask'] === true ? verb.longLabel : verb.label),
        caption: verb.caption,
        describedBy: DESCRIBED_BY,
        isEnabled: args => {
          const item = named(wallaroo, args as IPipelineArgs);
          return item === null || (verb.isFor?.(item) ?? true);
        },
        execute: async args => {
          try {
            const item = await target(wallaroo, args as IPipelineArgs, verb);
            if (item !== null) {
              await verb.execute(item, args);
            }
          } catch (error) {
            complain(error);
          }
        }
      });
      palette?.addItem({
        command: verb.id,
        category: wallaroo.trans.__('Wallaroo'),
        args: { ask: true }
      });
    }
  }
};
