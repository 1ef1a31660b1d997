/**
 * What can be done with a thing: a further verb is a class or a few lines beside this, and a line in `index.ts`.
 */
import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';

import { IItem } from '../catalog/noun';
import { IDeployed } from '../follower';
import { oneLine } from '../rest';
import { IWallaroo } from '../tokens';

export interface IVerb<T extends IItem = IItem> {
  readonly id: string;
  /** In menus, where it is clear what is meant. */
  readonly label: string;
  /** In the palette, where it is not. */
  readonly longLabel: string;
  readonly caption: string;
  /** Whether it makes sense for a thing as it is. */
  isFor?(item: T): boolean;
  /** Do it; what is thrown is shown. */
  execute(item: T, args: object): Promise<void>;
}

/**
 * Do something with a deployment and show how it goes until it is as wanted.
 *
 * @param words - what is said while it goes on, and when it is done.
 * @param act - what is done; returns the pipeline's id.
 * @param isDone - whether the deployment is as wanted; throws when it never will be.
 */
export async function follow(
  wallaroo: IWallaroo,
  words: { readonly doing: string; readonly done: string },
  act: () => Promise<number>,
  isDone: (deployed: IDeployed) => boolean
): Promise<void> {
  await busy(words, () => wallaroo.follower.after(act, isDone));
}

/**
 * Do something that takes its time, and show that it goes on and when it is done.
 *
 * @param words - what is said while it goes on, and when it is done.
 */
export async function busy(
  words: { readonly doing: string; readonly done: string },
  work: () => Promise<void>
): Promise<void> {
  const id = Notification.emit(words.doing, 'in-progress', {
    autoClose: false
  });
  try {
    await work();
  } catch (error) {
    Notification.dismiss(id);
    throw error;
  }
  Notification.update({
    id,
    message: words.done,
    type: 'success',
    autoClose: 4000
  });
}

/**
 * Whether a version runs on all its replicas.
 *
 * @throws Error when it cannot come up; its message is the server's reason.
 */
export function runs(
  deployed: IDeployed,
  version: string,
  replicas?: number
): boolean {
  const isIt = deployed.pipeline_version === version;
  const failed = isIt ? deployed.status === 'Error' : deployed.status !== 'Undeployed';
  if (failed && deployed.reason !== null) {
    throw new Error(deployed.reason);
  }
  return (
    isIt &&
    deployed.status === 'Running' &&
    (replicas === undefined || deployed.replicas_wanted === replicas)
  );
}

/** Show that something could not be done. */
export function complain(error: unknown): void {
  Notification.error(oneLine(error), { autoClose: false });
}

/** Ask whether something that cannot be undone is to be done. */
export async function isSure(
  trans: TranslationBundle,
  title: string,
  body: string,
  doIt: string
): Promise<boolean> {
  const buttons = choices(trans.__('Cancel'), doIt);
  return (await showDialog({ title, body, buttons })).button.accept;
}

/** Buttons of a question that defaults to doing nothing. */
export function choices(
  cancel: string,
  doIt: string
): readonly Dialog.IButton[] {
  return [
    Dialog.cancelButton({ label: cancel }),
    Dialog.warnButton({ label: doIt })
  ];
}
