/**
 * Connections in the tree; their details stay on the server.
 */
import { TranslationBundle } from '@jupyterlab/translation';

import { Rest } from '../rest';
import { IConnection } from '../wire';
import { IItem, INoun } from './noun';

export class Connections implements INoun {
  readonly kind = 'connection';

  constructor(private readonly trans: TranslationBundle) {}

  get heading(): string {
    return this.trans.__('Connections');
  }

  async fetch(rest: Rest, workspaceId: number): Promise<readonly IItem[]> {
    const found = await rest.post<{ connections: IConnection[] }>(
      'connections/list',
      { workspace_id: workspaceId }
    );
    return found.connections.map(connection => ({
      key: connection.id,
      name: connection.name,
      state: null,
      detail: connection.type,
      hint: connection.type
    }));
  }

  hear(): IItem | null {
    return null; // No event tells of connections: they are read when the tree is.
  }
}
