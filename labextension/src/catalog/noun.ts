/**
 * What the tree needs to know of a kind of thing: a new kind is one module beside this one.
 */
import { IEvent } from '../events';
import { Rest } from '../rest';

/** How something is, as its icon shows it. */
export type State =
  | 'running'
  | 'starting'
  | 'error'
  | 'off'
  | 'ready'
  | 'waiting'
  | 'done'
  | 'paused'
  | 'stopped';

/** One thing in a workspace; a new object whenever anything about it is different. */
export interface IItem {
  /** The word of its noun. */
  readonly kind: string;
  readonly workspaceId: number;
  /** What tells it apart from others of its kind in its workspace. */
  readonly key: string;
  readonly name: string;
  /** How it is, where that can be said. */
  readonly state: State | null;
  /** A few words beside the name. */
  readonly detail: string;
  /** More words, for whoever points at it. */
  readonly hint: string;
}

/** A thing that is not there any more. */
export interface IGone {
  readonly key: string;
  readonly isGone: true;
}

export function isGone(what: IItem | IGone): what is IGone {
  return 'isGone' in what;
}

/** A kind of thing that workspaces hold. */
export interface INoun {
  /** The word in selectors of context menus: `[data-kind="pipeline"]`. */
  readonly kind: string;
  /** What one thing is called. */
  readonly label: string;
  /** What the things of a workspace are called together. */
  readonly heading: string;
  /** Whether the newest stands at the top, and not at the end. */
  readonly isNewestFirst: boolean;
  /** Read all things of a workspace. */
  fetch(rest: Rest, workspaceId: number): Promise<readonly IItem[]>;
  /**
   * Tell what an event makes of a thing of a workspace; null when nothing.
   *
   * No request is made for an event: it says all that the tree shows.
   */
  hear(
    event: IEvent,
    workspaceId: number,
    known: ReadonlyMap<string, IItem>
  ): IItem | IGone | null;
}
