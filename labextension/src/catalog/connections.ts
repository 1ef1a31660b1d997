/**
 * Connections in the tree; their details stay on the server.
 */
import { TranslationBundle } from '@jupyterlab/translation';

import { IEvent, isConnectionEvent } from '../events';
import { Rest } from '../rest';
import { IConnection } from '../wire';
import { IGone, IItem, INoun } from './noun';

export const CONNECTION = 'connection';

export class Connections implements INoun {
  readonly kind = CONNECTION;
  readonly isNewestFirst = false;

  constructor(private readonly trans: TranslationBundle) {}

  get label(): string {
    return this.trans.__('Connection');
  }

  get heading(): string {
    return this.trans.__('Connections');
  }

  async fetch(rest: Rest, workspaceId: number): Promise<readonly IItem[]> {
    const found = await rest.post<{ connections: IConnection[] }>(
      'connections/list',
      { workspace_id: workspaceId }
    );
    return found.connections.map(({ id, name, type }) =>
      this.item(workspaceId, id, name, type)
    );
  }

  hear(
    event: IEvent,
    workspaceId: number,
    known: ReadonlyMap<string, IItem>
  ): IItem | IGone | null {
    if (!isConnectionEvent(event)) {
      return null;
    }
    const { connection_id: id, connection, type, action } = event;
    const isHere = event.workspace_id === workspaceId;
    if (action === 'added_to_workspace' && isHere) {
      return this.item(workspaceId, id, connection, type);
    }
    const isOver =
      action === 'deleted' || (action === 'removed_from_workspace' && isHere);
    return isOver && known.has(id) ? { key: id, isGone: true } : null;
  }

  private item(
    workspaceId: number,
    id: string,
    name: string,
    type: string
  ): IItem {
    return {
      kind: CONNECTION,
      workspaceId,
      key: id,
      name,
      state: null,
      detail: type,
      hint: type
    };
  }
}
