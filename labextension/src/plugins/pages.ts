/**
 * The pages of things: in the main area, or below it where there is room for one thing only (Notebook 7).
 */
import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';

import { INoun } from '../catalog/noun';
import { PIPELINE } from '../catalog/pipelines';
import { RUN } from '../catalog/runs';
import { TASK } from '../catalog/tasks';
import { IPageArgs, Page } from '../page/page';
import { PipelinePage } from '../page/pipeline';
import { RunPage } from '../page/run';
import { TaskPage } from '../page/task';
import { CommandIDs, IItemArgs, IWallaroo } from '../tokens';
import { pipelineVerbs } from '../verbs/pipelines';
import { runVerbs } from '../verbs/runs';
import { target } from '../verbs/target';
import { taskVerbs } from '../verbs/tasks';
import { complain } from '../verbs/verb';
import { DESCRIBED_BY } from './verbs';

/** A command that shows a page. */
interface IShowing {
  readonly id: string;
  readonly label: string;
  readonly longLabel: string;
  readonly caption: string;
  readonly then?: (page: Page) => void;
}

/** The pages of a kind of things; the first of its commands opens one. */
interface IPageKind {
  readonly kind: string;
  readonly make: (args: IPageArgs) => Page;
  readonly showing: readonly [IShowing, ...IShowing[]];
}

export const pages: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-wallaroo:pages',
  description: 'Opens pages of pipelines, tasks and runs.',
  autoStart: true,
  requires: [IWallaroo],
  optional: [ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    wallaroo: IWallaroo,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ): void => {
    const { nouns } = wallaroo.catalog;
    for (const pageKind of kinds(app, wallaroo)) {
      const noun = nouns.find(item => item.kind === pageKind.kind);
      if (noun !== undefined) {
        addPages(app, wallaroo, palette, restorer, noun, pageKind);
      }
    }
  }
};

function kinds(
  { commands, serviceManager }: JupyterFrontEnd,
  wallaroo: IWallaroo
): readonly IPageKind[] {
  const { trans } = wallaroo;
  return [
    {
      kind: PIPELINE,
      make: args => new PipelinePage(wallaroo, args, pipelineVerbs(wallaroo)),
      showing: [
        {
          id: CommandIDs.open,
          label: trans.__('Open'),
          longLabel: trans.__('Open a Pipeline…'),
          caption: trans.__('Show status, traffic, versions and log')
        },
        {
          id: CommandIDs.logs,
          label: trans.__('Show Log'),
          longLabel: trans.__('Show the Log of a Pipeline…'),
          caption: trans.__('Show what the pipeline answered'),
          then: page => page.showLog()
        }
      ]
    },
    {
      kind: TASK,
      make: args => new TaskPage(wallaroo, args, taskVerbs(wallaroo)),
      showing: [
        {
          id: CommandIDs.openTask,
          label: trans.__('Open'),
          longLabel: trans.__('Open a Task…'),
          caption: trans.__('Show runs, next firings and log')
        },
        {
          id: CommandIDs.taskLog,
          label: trans.__('Show Log'),
          longLabel: trans.__('Show the Log of a Task…'),
          caption: trans.__('Show what the last run printed'),
          then: page => page.showLog()
        }
      ]
    },
    {
      kind: RUN,
      make: args =>
        new RunPage(wallaroo, args, runVerbs(wallaroo), {
          commands,
          contents: serviceManager.contents
        }),
      showing: [
        {
          id: CommandIDs.openRun,
          label: trans.__('Open Graph'),
          longLabel: trans.__('Open the Graph of a Run…'),
          caption: trans.__('Show the steps and how far each is')
        }
      ]
    }
  ];
}

function addPages(
  { commands, shell }: JupyterFrontEnd,
  wallaroo: IWallaroo,
  palette: ICommandPalette | null,
  restorer: ILayoutRestorer | null,
  noun: INoun,
  { make, showing }: IPageKind
): void {
  const tracker = new WidgetTracker<Page>({
    namespace: `jupyter-wallaroo-${noun.kind}`
  });

  const show = async (args: IPageArgs): Promise<Page> => {
    const open = tracker.find(
      page =>
        page.args.key === args.key &&
        page.args.workspaceId === args.workspaceId
    );
    const page = open ?? make(args);
    if (open === undefined) {
      shell.add(page, 'main');
      if (!page.isAttached) {
        page.addClass('jp-mod-below');
        shell.add(page, 'down');
      }
      await tracker.add(page);
    }
    shell.activateById(page.id);
    return page;
  };

  for (const verb of showing) {
    commands.addCommand(verb.id, {
      label: args => (args['ask'] === true ? verb.longLabel : verb.label),
      caption: verb.caption,
      describedBy: DESCRIBED_BY,
      execute: async args => {
        try {
          // Whatever says all that a page needs, as a restored one does, asks nothing of the server.
          const page = isPage(args)
            ? args
            : await target(wallaroo, noun, args as IItemArgs, verb);
          if (page !== null) {
            const { key, workspaceId, name } = page;
            const shown = await show({ key, workspaceId, name });
            verb.then?.(shown);
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

  void restorer?.restore(tracker, {
    command: showing[0].id,
    args: page => ({ ...page.args }),
    name: page => `${page.args.workspaceId}/${page.args.key}`
  });
}

function isPage(args: object): args is IPageArgs {
  return 'key' in args && 'workspaceId' in args && 'name' in args;
}
