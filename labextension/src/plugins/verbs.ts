/**
 * The commands about things, in the palette and (by `schema/core.json`) in context menus and on keys.
 */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';

import { CONNECTION } from '../catalog/connections';
import { MODEL } from '../catalog/models';
import { ORCHESTRATION } from '../catalog/orchestrations';
import { PIPELINE } from '../catalog/pipelines';
import { RUN } from '../catalog/runs';
import { TASK } from '../catalog/tasks';
import { IItemArgs, IWallaroo } from '../tokens';
import { connectionVerbs } from '../verbs/connections';
import { modelVerbs } from '../verbs/models';
import { orchestrationVerbs } from '../verbs/orchestrations';
import { pipelineVerbs } from '../verbs/pipelines';
import { runVerbs } from '../verbs/runs';
import { named, target } from '../verbs/target';
import { taskVerbs } from '../verbs/tasks';
import { complain, IVerb } from '../verbs/verb';

/** What JupyterLab tells of the arguments of these commands. */
export const DESCRIBED_BY = {
  args: {
    type: 'object',
    properties: {
      key: {
        type: 'string',
        description:
          'What tells the thing apart from others of its kind: a UUID, of pipelines the number, of models the name; default: the one that is chosen in the tree'
      },
      workspaceId: {
        type: 'integer',
        description: 'The workspace that it is in'
      },
      ask: { type: 'boolean', description: 'Ask which one is meant' },
      version: {
        type: 'string',
        description: 'Of rolling back: the UUID of the version to go back to'
      }
    }
  }
} as const;

export const verbCommands: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-wallaroo:verbs',
  description: 'Adds commands for what can be done with each thing.',
  autoStart: true,
  requires: [IWallaroo],
  optional: [ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    wallaroo: IWallaroo,
    palette: ICommandPalette | null
  ): void => {
    const { commands } = app;
    const verbs: Readonly<Record<string, readonly IVerb[]>> = {
      [PIPELINE]: pipelineVerbs(wallaroo),
      [MODEL]: modelVerbs(wallaroo),
      [CONNECTION]: connectionVerbs(wallaroo, commands),
      [ORCHESTRATION]: orchestrationVerbs(wallaroo),
      [TASK]: taskVerbs(wallaroo),
      [RUN]: runVerbs(wallaroo)
    };
    for (const noun of wallaroo.catalog.nouns) {
      for (const verb of verbs[noun.kind] ?? []) {
        commands.addCommand(verb.id, {
          label: args => (args['ask'] === true ? verb.longLabel : verb.label),
          caption: verb.caption,
          describedBy: DESCRIBED_BY,
          isEnabled: args => {
            const item = named(wallaroo, noun, args as IItemArgs);
            return item === null || (verb.isFor?.(item) ?? true);
          },
          execute: async args => {
            try {
              const item = await target(wallaroo, noun, args as IItemArgs, verb);
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
  }
};
