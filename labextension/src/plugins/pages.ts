/**
 * The pages of pipelines: in the main area, or below it where there is room for one thing only (Notebook 7).
 */
import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';

import { IPageArgs, PipelinePage } from '../page/page';
import { CommandIDs, IPipelineArgs, IWallaroo } from '../tokens';
import { verbs } from '../verbs';
import { complain, IVerb, target } from '../verbs/verb';
import { DESCRIBED_BY } from './verbs';

export const pages: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-wallaroo:pages',
  description: 'Opens pages of pipelines.',
  autoStart: true,
  requires: [IWallaroo],
  optional: [ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    wallaroo: IWallaroo,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ): void => {
    const { commands, shell } = app;
    const { trans } = wallaroo;
    const tracker = new WidgetTracker<PipelinePage>({
      namespace: 'jupyter-wallaroo-pages'
    });

    const show = async (args: IPageArgs): Promise<PipelinePage> => {
      const open = tracker.find(
        page => page.args.pipelineId === args.pipelineId
      );
      const page =
        open ?? new PipelinePage(wallaroo, commands, verbs(wallaroo), args);
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

    const add = (
      verb: Omit<IVerb, 'execute'>,
      then: (page: PipelinePage) => void
    ): void => {
      commands.addCommand(verb.id, {
        label: args => (args['ask'] === true ? verb.longLabel : verb.label),
        caption: verb.caption,
        describedBy: DESCRIBED_BY,
        execute: async args => {
          try {
            const item = isPage(args)
              ? null
              : await target(wallaroo, args as IPipelineArgs, {
                  ...verb,
                  execute: async () => undefined
                });
            if (item !== null) {
              const { pipeline_id, workspace_id, pipeline } = item.pipeline;
              then(
                await show({
                  pipelineId: pipeline_id,
                  workspaceId: workspace_id,
                  name: pipeline
                })
              );
            } else if (isPage(args)) {
              then(await show(args));
            }
          } catch (error) {
            complain(error);
          }
        }
      });
      palette?.addItem({
        command: verb.id,
        category: trans.__('Wallaroo'),
        args: { ask: true }
      });
    };

    add(
      {
        id: CommandIDs.open,
        label: trans.__('Open'),
        longLabel: trans.__('Open a Pipeline…'),
        caption: trans.__('Show status, traffic, versions and log')
      },
      () => undefined
    );
    add(
      {
        id: CommandIDs.logs,
        label: trans.__('Show Log'),
        longLabel: trans.__('Show the Log of a Pipeline…'),
        caption: trans.__('Show what the pipeline answered')
      },
      page => page.showLog()
    );

    void restorer?.restore(tracker, {
      command: CommandIDs.open,
      args: page => ({ ...page.args }),
      name: page => String(page.args.pipelineId)
    });
  }
};

/** Whether a command's arguments say all that a page needs, as those of a restored one do. */
function isPage(args: object): args is IPageArgs {
  return 'pipelineId' in args && 'workspaceId' in args && 'name' in args;
}
