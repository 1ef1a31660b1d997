/**
 * Orchestrations in the tree.
 */
import { TranslationBundle } from '@jupyterlab/translation';

import { Rest } from '../rest';
import { IEvent, IOrchestration, isOrchestrationEvent } from '../wire';
import { IGone, IItem, INoun, State } from './noun';

export class Orchestrations implements INoun {
  readonly kind = 'orchestration';

  constructor(private readonly trans: TranslationBundle) {}

  get heading(): string {
    return this.trans.__('Orchestrations');
  }

  async fetch(rest: Rest, workspaceId: number): Promise<readonly IItem[]> {
    const found = await rest.post<IOrchestration[]>('orchestration/list', {
      workspace_id: workspaceId
    });
    return found.map(({ id, name, status, error }) =>
      this.item(id, name, status, error)
    );
  }

  hear(event: IEvent, workspaceId: number): IItem | IGone | null {
    if (!isOrchestrationEvent(event) || event.workspace_id !== workspaceId) {
      return null;
    }
    const { orchestration_id: id, orchestration, status, reason } = event;
    return status === 'deleted'
      ? { key: id, isGone: true }
      : this.item(id, orchestration, status, reason);
  }

  private item(
    id: string,
    name: string | null,
    status: string,
    reason: string | null
  ): IItem {
    return {
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
