/**
 * Models in the tree.
 */
import { TranslationBundle } from '@jupyterlab/translation';

import { IEvent, isModelEvent } from '../events';
import { Rest } from '../rest';
import { IModel } from '../wire';
import { IItem, INoun, State } from './noun';

export const MODEL = 'model';

/** A model; `versions` are the UUIDs that are known, the oldest first. */
export interface IModelItem extends IItem {
  readonly versions: readonly string[];
  readonly framework: string;
  /** The number of its newest version; null when that is not known. */
  readonly newestId: number | null;
}

export class Models implements INoun {
  readonly kind = MODEL;
  readonly isNewestFirst = false;

  constructor(private readonly trans: TranslationBundle) {}

  get label(): string {
    return this.trans.__('Model');
  }

  get heading(): string {
    return this.trans.__('Models');
  }

  async fetch(rest: Rest, workspaceId: number): Promise<readonly IItem[]> {
    const found = await rest.post<{ models: IModel[] }>('models/list', {
      workspace_id: workspaceId
    });
    return found.models.map(model => {
      const versions = model.model_versions.map(item => item.model_version);
      const newest = versions[versions.length - 1];
      return this.item(
        workspaceId,
        newest?.id ?? null,
        model.name,
        versions.map(version => version.file_info.version),
        newest?.conversion.framework ?? '',
        newest?.status ?? '',
        newest?.error_summary ?? null
      );
    });
  }

  hear(
    event: IEvent,
    workspaceId: number,
    known: ReadonlyMap<string, IItem>
  ): IItem | null {
    if (!isModelEvent(event) || event.workspace_id !== workspaceId) {
      return null;
    }
    const before = known.get(event.model) as IModelItem | undefined;
    const versions = before?.versions ?? [];
    if (versions.includes(event.version) && versions.at(-1) !== event.version) {
      return null; // The tree shows how the newest version is.
    }
    return this.item(
      workspaceId,
      event.model_version_id,
      event.model,
      versions.includes(event.version)
        ? versions
        : [...versions, event.version],
      before?.framework ?? '',
      event.status,
      event.reason
    );
  }

  private item(
    workspaceId: number,
    newestId: number | null,
    name: string,
    versions: readonly string[],
    framework: string,
    status: string,
    reason: string | null
  ): IModelItem {
    const count = this.trans._n('%1 version', '%1 versions', versions.length);
    return {
      kind: MODEL,
      workspaceId,
      newestId,
      key: name,
      name,
      state: stateOf(status),
      detail: status === 'ready' ? count : this.words(status),
      hint: reason ?? framework,
      versions,
      framework
    };
  }

  private words(status: string): string {
    switch (status) {
      case 'pending_conversion':
        return this.trans.__('Waiting for conversion');
      case 'converting':
        return this.trans.__('Converting');
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
