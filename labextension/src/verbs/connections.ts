/**
 * What can be done with a connection; the server opens none: whatever reads through one runs in a kernel.
 */
import { Clipboard, Notification } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';

import { CommandIDs, IWallaroo } from '../tokens';
import { isSure, IVerb } from './verb';

/** JupyterLab's command that opens a console, and what it returns as far as it is used here. */
const CONSOLE = 'console:create';

interface IConsolePanel {
  readonly console: { inject(code: string): Promise<void> };
  readonly sessionContext: { readonly ready: Promise<void> };
}

export function connectionVerbs(
  { rest, trans, catalog }: IWallaroo,
  commands: CommandRegistry
): readonly IVerb[] {
  return [
    {
      id: CommandIDs.readConnection,
      label: trans.__('Read a Sample'),
      longLabel: trans.__('Read a Sample from a Connection…'),
      caption: trans.__('Try the connection in a console: read data, show the first rows'),
      execute: async ({ name }) => {
        const code = sampleCode(name);
        if (!commands.hasCommand(CONSOLE)) {
          Clipboard.copyToSystem(code);
          Notification.info(
            trans.__('Copied: paste it into a cell and run it.'),
            { autoClose: 4000 }
          );
          return;
        }
        const panel = (await commands.execute(CONSOLE, {
          activate: true,
          kernelPreference: { autoStartDefault: true }
        })) as IConsolePanel;
        await panel.sessionContext.ready;
        await panel.console.inject(code);
      }
    },
    {
      id: CommandIDs.copyConnection,
      label: trans.__('Copy as %wl'),
      longLabel: trans.__('Copy a Connection as %wl…'),
      caption: trans.__('Copy the line that gives the connection in a notebook'),
      execute: async ({ name }) => {
        Clipboard.copyToSystem(getCode(name));
        Notification.success(trans.__('Copied.'), { autoClose: 4000 });
      }
    },
    {
      id: CommandIDs.unlinkConnection,
      label: trans.__('Remove from Workspace…'),
      longLabel: trans.__('Remove a Connection from Its Workspace…'),
      caption: trans.__('The users of this workspace cannot use it any more'),
      execute: async ({ key, name, workspaceId }) => {
        const place = catalog.workspaces.find(({ id }) => id === workspaceId);
        const isMeant = await isSure(
          trans,
          trans.__('Remove %1?', name),
          trans.__(
            'The users of workspace %1 cannot use it any more. The connection itself stays.',
            place?.name ?? ''
          ),
          trans.__('Remove')
        );
        if (isMeant) {
          await rest.send(
            'connections/remove_from_workspace',
            JSON.stringify({ connection_id: key, workspace_id: workspaceId })
          );
        }
      }
    },
    {
      id: CommandIDs.deleteConnection,
      label: trans.__('Delete…'),
      longLabel: trans.__('Delete a Connection…'),
      caption: trans.__('Delete the connection and its details'),
      execute: async ({ name }) => {
        const isMeant = await isSure(
          trans,
          trans.__('Delete %1?', name),
          trans.__(
            'The connection, its details and its links to all workspaces are deleted. This cannot be undone.'
          ),
          trans.__('Delete')
        );
        if (isMeant) {
          await rest.send('connections/delete', JSON.stringify({ name }));
        }
      }
    }
  ];
}

/** A name that a magic takes as it stands. */
const PLAIN = /^[\w.-]+$/;

function getCode(name: string): string {
  return PLAIN.test(name) ? `%wl connection get ${name}` : pythonOf(name);
}

/** Code for a cell: the first rows of what a connection leads to. */
function sampleCode(name: string): string {
  return PLAIN.test(name)
    ? `%load_ext jupyter_wallaroo\n%wl connection read ${name} --out sample\nsample.head(20)`
    : `${pythonOf(name)}.read().head(20)`;
}

/** Strings of JSON are strings of Python, whatever is in them. */
function pythonOf(name: string): string {
  return `from jupyter_wallaroo.sdk import Client\nClient().get_connection(${JSON.stringify(name)})`;
}
