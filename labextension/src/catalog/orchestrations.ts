/**
 * Orchestrations in the tree.
 */
import { TranslationBundle } from '@jupyterlab/translation';

import { IEvent, isOrchestrationEvent } from '../events';
import { Rest } from '../rest';
import { IOrchestration } from '../wire';
import { IGone, IItem, INoun, State } from './noun';

export const ORCHESTRATION = 'orchestration';

export class Orchestrations implements INoun {
  readonly kind = ORCHESTRATION;
  readonly isNewestFirst = false;

  constructor(private readonly trans: TranslationBundle) {}

  get label(): string {
    return this.trans.__('Orchestration');
  }

  get heading(): string {
    return this.trans.__('Orchestrations');
  }

  async fetch(rest: Rest, workspaceId: number): Promise<readonly IItem[]> {
    const found = await rest.post<IOrchestration[]>('orchestration/list', {
      workspace_id: workspaceId
    });
    return found.map(({ id, name, status, error }) =>
      this.item(workspaceId, id, name, status, error)
    );
  }

  hear(event: IEvent, workspaceId: number): IItem | IGone | null {
    if (!isOrchestrationEvent(event) || event.workspace_id !== workspaceId) {
      return null;
    }
    const { orchestration_id: id, orchestration, status, reason } = event;
    return status === 'deleted'
      ? { key: id, isGone: true }
      : this.item(workspaceId, id, orchestration, status, reason);
  }

  private item(
    workspaceId: number,
    id: string,
    name: string | null,
    status: string,
    reason: string | null
  ): IItem {
    return {
      kind: ORCHESTRATION,
      workspaceId,
      key: id,
      name: name ?? id,
      state: stateOf(status),
      detail: this.words(status),
      hint: reason ?? id
    };
  }

  private words(status: string): string {
    switch (status) {
      case 'pending_packaging':
        return this.trans.__('Waiting for packaging');
      case 'packaging':
        return this.trans.__('Packaging');
      case 'ready':
        return this.trans.__('Ready');
      case 'error':
        return this.trans.__('Error');
      default:
        return status;
    }
  }
}

function stateOf(status: string): State {
  return status === 'ready' || status === 'error' ? status : 'starting';
}
