/**
 * The tree as a list of rows: what is open, from top to bottom.
 */
import { Catalog, IShelf } from '../catalog/catalog';
import { IItem, INoun, State } from '../catalog/noun';
import { TranslationBundle } from '@jupyterlab/translation';

/** One line of the tree; it has all that assistive technology wants to know of it. */
export interface IRow {
  readonly key: string;
  /** `workspace`, `group`, `note`, or the kind of the item's noun. */
  readonly kind: string;
  /** From 1. */
  readonly level: number;
  readonly label: string;
  readonly detail: string;
  readonly hint: string;
  readonly state: State | null;
  /** Whether it is open; null when there is nothing to open. */
  readonly isOpen: boolean | null;
  /** Its place among its siblings, from 1, and how many they are. */
  readonly position: number;
  readonly siblings: number;
  readonly workspaceId: number;
  readonly item: IItem | null;
}

/** Which rows are open: those that a reader turned, or else those that are open by themselves. */
export class OpenRows {
  isOpen(key: string, byItself: boolean): boolean {
    return this.turned.get(key) ?? byItself;
  }

  turn(key: string, isOpen: boolean): void {
    this.turned.set(key, isOpen);
  }

  private readonly turned = new Map<string, boolean>();
}

/**
 * The rows to show.
 *
 * @param filter - only things whose name holds it, in any case; all when empty.
 */
export function rowsOf(
  catalog: Catalog,
  open: OpenRows,
  filter: string,
  trans: TranslationBundle
): IRow[] {
  const rows: IRow[] = [];
  const { workspaces } = catalog;
  workspaces.forEach((workspace, index) => {
    const key = workspaceKey(workspace.id);
    const isOwn = workspace.id === catalog.defaultWorkspace;
    const isOpen = open.isOpen(key, isOwn);
    rows.push({
      ...PLAIN,
      key,
      kind: 'workspace',
      level: 1,
      label: workspace.name,
      isOpen,
      position: index + 1,
      siblings: workspaces.length,
      workspaceId: workspace.id
    });
    if (isOpen) {
      const groups = groupsOf(catalog, workspace.id, filter);
      groups.forEach(({ noun, shelf, shown }, place) => {
        const group = `${key}/${noun.kind}`;
        const isGroupOpen = open.isOpen(group, true);
        rows.push({
          ...PLAIN,
          key: group,
          kind: 'group',
          level: 2,
          label: noun.heading,
          detail: countText(shelf, shown.length, filter),
          isOpen: isGroupOpen,
          position: place + 1,
          siblings: groups.length,
          workspaceId: workspace.id
        });
        if (isGroupOpen) {
          addItems(rows, group, noun, shown, workspace.id);
          const words = noteText(shelf, shown.length, trans);
          addNote(rows, group, words, workspace.id);
        }
      });
      if (groups.length === 0) {
        addNote(rows, key, trans.__('No match'), workspace.id);
      }
    }
  });
  return rows;
}

/** The key of a workspace's row. */
export function workspaceKey(id: number): string {
  return `workspace/${id}`;
}

const PLAIN = {
  detail: '',
  hint: '',
  state: null,
  isOpen: null,
  item: null
} as const;

interface IGroup {
  readonly noun: INoun;
  readonly shelf: IShelf;
  /** The things that the filter lets through. */
  readonly shown: readonly IItem[];
}

/** The groups of a workspace; with a filter only those that have something that it lets through, or may yet. */
function groupsOf(
  catalog: Catalog,
  workspaceId: number,
  filter: string
): readonly IGroup[] {
  const groups = catalog.nouns.map(noun => {
    const shelf = catalog.shelf(workspaceId, noun.kind);
    return { noun, shelf, shown: matching(shelf, filter) };
  });
  return filter.trim() === ''
    ? groups
    : groups.filter(
        ({ shelf, shown }) => shown.length > 0 || shelf.progress !== 'ready'
      );
}

function matching(shelf: IShelf, filter: string): readonly IItem[] {
  const items = [...shelf.items.values()];
  const words = filter.trim().toLowerCase();
  return words === ''
    ? items
    : items.filter(item => item.name.toLowerCase().includes(words));
}

function countText(shelf: IShelf, shown: number, filter: string): string {
  if (shelf.progress !== 'ready') {
    return '';
  }
  const all = shelf.items.size;
  return filter.trim() === '' ? String(all) : `${shown}/${all}`;
}

function addItems(
  rows: IRow[],
  group: string,
  noun: INoun,
  items: readonly IItem[],
  workspaceId: number
): void {
  items.forEach((item, index) =>
    rows.push({
      key: `${group}/${item.key}`,
      kind: noun.kind,
      level: 3,
      label: item.name,
      detail: item.detail,
      hint: item.hint,
      state: item.state,
      isOpen: null,
      position: index + 1,
      siblings: items.length,
      workspaceId,
      item
    })
  );
}

/** What stands in a group that has nothing to show; empty where it has. */
function noteText(
  shelf: IShelf,
  shown: number,
  trans: TranslationBundle
): string {
  if (shelf.progress === 'failed') {
    return shelf.error;
  }
  if (shelf.progress !== 'ready') {
    return trans.__('Reading…');
  }
  return shown === 0 ? trans.__('None yet') : '';
}

function addNote(
  rows: IRow[],
  above: string,
  label: string,
  workspaceId: number
): void {
  if (label !== '') {
    rows.push({
      ...PLAIN,
      key: `${above}/note`,
      kind: 'note',
      level: 3,
      label,
      hint: label,
      position: 1,
      siblings: 1,
      workspaceId
    });
  }
}
