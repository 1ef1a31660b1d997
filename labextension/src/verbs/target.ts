/**
 * Which thing a command is about: the one that it names, that is chosen in the tree, or that the user picks.
 */
import { InputDialog, Notification } from '@jupyterlab/apputils';

import { IItem, INoun } from '../catalog/noun';
import { IItemArgs, IWallaroo } from '../tokens';
import { IVerb } from './verb';

/** The thing that a command is about; null when the user did not choose one. */
export async function target(
  wallaroo: IWallaroo,
  noun: INoun,
  args: IItemArgs,
  verb: Pick<IVerb, 'isFor' | 'label' | 'longLabel'>
): Promise<IItem | null> {
  const { catalog, trans } = wallaroo;
  const known = named(wallaroo, noun, args);
  if (known !== null) {
    return known;
  }
  if (catalog.progress !== 'ready') {
    await catalog.refresh();
  }
  const again = named(wallaroo, noun, args);
  if (again !== null) {
    return again;
  }
  const fitting = catalog
    .items(noun.kind)
    .filter(item => verb.isFor?.(item) ?? true);
  if (fitting.length === 0) {
    Notification.info(
      catalog.progress === 'ready'
        ? trans.__('There is nothing here for which this can be done.')
        : trans.__('The server could not be read: %1', catalog.error),
      { autoClose: 5000 }
    );
    return null;
  }
  const labels = labelled(wallaroo, fitting);
  const answer = await InputDialog.getItem({
    title: verb.longLabel,
    label: noun.label,
    items: labels,
    current: Math.max(0, fitting.findIndex(item => isSame(item, wallaroo))),
    okLabel: verb.label
  });
  return answer.button.accept && answer.value !== null
    ? (fitting[labels.indexOf(answer.value)] ?? null)
    : null;
}

/** The thing that is named by a command's arguments, or chosen in the tree. */
export function named(
  { catalog, chosen }: IWallaroo,
  noun: INoun,
  args: IItemArgs
): IItem | null {
  if (args.key !== undefined && args.workspaceId !== undefined) {
    return catalog.item(noun.kind, args.workspaceId, args.key);
  }
  if (args.ask === true || chosen === null || chosen.kind !== noun.kind) {
    return null;
  }
  return catalog.item(noun.kind, chosen.workspaceId, chosen.key);
}

function isSame(item: IItem, { chosen }: IWallaroo): boolean {
  return (
    chosen?.key === item.key &&
    chosen.kind === item.kind &&
    chosen.workspaceId === item.workspaceId
  );
}

/** A line for each thing that no other has. */
function labelled(
  { catalog }: IWallaroo,
  items: readonly IItem[]
): string[] {
  const places = new Map(
    catalog.workspaces.map(workspace => [workspace.id, workspace.name])
  );
  const seen = new Set<string>();
  return items.map(item => {
    const plain = `${item.name} — ${places.get(item.workspaceId) ?? ''} (${item.detail})`;
    const label = seen.has(plain) ? `${plain} ${item.key}` : plain;
    seen.add(label);
    return label;
  });
}
