/**
 * What is in the workspaces: read when somebody looks, kept true by Jupyter's events.
 *
 * Nothing is asked of the server while nobody looks, and nothing is polled: an event says all that is shown. What events
 * may have been missed (the connection was lost, the page slept) is read again as soon as somebody looks.
 */
import { DisposableDelegate, IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

import { IEvent } from '../events';
import { oneLine, Rest, RestError } from '../rest';
import { IWorkspace } from '../wire';
import { IGone, IItem, INoun, isGone } from './noun';

/** How far reading has come; `missing`: Jupyter runs without our server half. */
export type Progress = 'unread' | 'reading' | 'ready' | 'missing' | 'failed';

/** The things of one kind in one workspace. */
export interface IShelf {
  readonly progress: Progress;
  readonly items: ReadonlyMap<string, IItem>;
  /** Why reading failed. */
  readonly error: string;
}

const EMPTY: IShelf = { progress: 'unread', items: new Map(), error: '' };

/** How long after a failure the next attempt is made, in milliseconds, and at most. */
const RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 30_000;

/** By when Jupyter has connected to its events again, in milliseconds. */
const EVENTS_BACK_MS = 35_000;

/** How long a page may have been out of sight without being read again, in milliseconds. */
const ASLEEP_MS = 60_000;

export class Catalog {
  /**
   * @param rest - the server.
   * @param nouns - the kinds of things to read.
   */
  constructor(
    private readonly rest: Rest,
    readonly nouns: readonly INoun[]
  ) {
    document.addEventListener('visibilitychange', () => this.onVisibility());
  }

  /** Emitted when anything that is shown is different. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** How often everything was read: whatever was read before may have missed an event. */
  get turn(): number {
    return this._turn;
  }

  get progress(): Progress {
    return this._progress;
  }

  /** Why the workspaces could not be read. */
  get error(): string {
    return this._error;
  }

  get workspaces(): readonly IWorkspace[] {
    return this._workspaces;
  }

  /** The id of the user's own workspace; null while that is not known. */
  get defaultWorkspace(): number | null {
    return this._defaultWorkspace;
  }

  /** The things of a kind in a workspace, as far as they were read. */
  shelf(workspaceId: number, kind: string): IShelf {
    return this.shelves.get(shelfKey(workspaceId, kind)) ?? EMPTY;
  }

  /** All things of a kind that were read. */
  items(kind: string): readonly IItem[] {
    return this._workspaces.flatMap(workspace => [
      ...this.shelf(workspace.id, kind).items.values()
    ]);
  }

  /** A thing; null when it was not read. */
  item(kind: string, workspaceId: number, key: string): IItem | null {
    return this.shelf(workspaceId, kind).items.get(key) ?? null;
  }

  /** Have the catalog read, and kept true, until what is returned is disposed. */
  attend(): IDisposable {
    this.watchers += 1;
    if (this.isStale) {
      void this.refresh();
    }
    return new DisposableDelegate(() => {
      this.watchers -= 1;
      if (this.watchers === 0) {
        clearTimeout(this.timer);
      }
    });
  }

  /** Note that events may have been missed. */
  distrust(): void {
    this.isStale = true;
    if (this.watchers > 0) {
      this.refreshIn(RETRY_MS);
    }
  }

  /** Read the workspaces, and again what was read of them; never rejects. */
  refresh(): Promise<void> {
    this.reading ??= this.read().finally(() => {
      this.reading = null;
    });
    return this.reading;
  }

  /** Read what a workspace holds, unless that was done; never rejects. */
  async open(workspaceId: number): Promise<void> {
    this.opened.add(workspaceId);
    await Promise.all(
      this.nouns
        .filter(
          noun => this.shelf(workspaceId, noun.kind).progress === 'unread'
        )
        .map(noun => this.fill(workspaceId, noun))
    );
  }

  /** Take in an event of Jupyter's. */
  hear(event: IEvent): void {
    let isNew = false;
    for (const workspace of this._workspaces) {
      for (const noun of this.nouns) {
        const shelf = this.shelf(workspace.id, noun.kind);
        if (shelf.progress === 'unread') {
          continue;
        }
        const item = noun.hear(event, workspace.id, shelf.items);
        if (item !== null) {
          const key = shelfKey(workspace.id, noun.kind);
          this.shelves.set(key, { ...shelf, items: after(shelf, item, noun) });
          this.heard.add(shelfKey(workspace.id, noun.kind));
          isNew = true;
        }
      }
    }
    if (isNew) {
      this._changed.emit();
    }
  }

  private async read(): Promise<void> {
    clearTimeout(this.timer);
    this.set(this._progress === 'ready' ? 'ready' : 'reading', '');
    try {
      const [found, own] = await Promise.all([
        this.rest.post<{ workspaces: IWorkspace[] }>('workspaces/list', {}),
        this.rest.post<IWorkspace>('workspaces/get', {})
      ]);
      this._workspaces = found.workspaces;
      this._defaultWorkspace = own.id;
    } catch (error) {
      this.fail(error);
      return;
    }
    const isRecovered = this.retryMs > RETRY_MS;
    this.isStale = false;
    this._turn += 1;
    this.retryMs = RETRY_MS;
    this.opened.add(this._defaultWorkspace);
    this.set('ready', '');
    await Promise.all(
      [...this.opened].flatMap(workspaceId =>
        this.nouns.map(noun => this.fill(workspaceId, noun))
      )
    );
    if (isRecovered && this.watchers > 0) {
      this.refreshIn(EVENTS_BACK_MS);
    }
  }

  private async fill(workspaceId: number, noun: INoun): Promise<void> {
    const key = shelfKey(workspaceId, noun.kind);
    const before = this.shelf(workspaceId, noun.kind);
    const progress = before.progress === 'ready' ? 'ready' : 'reading';
    this.shelves.set(key, {
      ...before,
      items: new Map(before.items),
      progress
    });
    let isNews = true;
    try {
      // What an event said while the answer was on its way is newer than the answer: read once more.
      for (let turn = 0; isNews && turn < 3; turn++) {
        this.heard.delete(key);
        const items = await noun.fetch(this.rest, workspaceId);
        isNews = this.heard.has(key);
        this.shelves.set(key, {
          progress: 'ready',
          items: new Map(items.map(item => [item.key, item])),
          error: ''
        });
      }
    } catch (error) {
      const words = oneLine(error);
      this.shelves.set(key, { ...before, progress: 'failed', error: words });
    }
    this._changed.emit();
  }

  private fail(error: unknown): void {
    this.isStale = true;
    const isMissing = error instanceof RestError && error.isMissing;
    this.set(isMissing ? 'missing' : 'failed', oneLine(error));
    if (this.watchers > 0 && !isMissing) {
      this.refreshIn(this.retryMs);
      this.retryMs = Math.min(2 * this.retryMs, LONGEST_RETRY_MS);
    }
  }

  private refreshIn(delayMs: number): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      if (document.visibilityState === 'visible') {
        void this.refresh();
      } else {
        this.isStale = true;
      }
    }, delayMs);
  }

  private onVisibility(): void {
    if (document.visibilityState === 'hidden') {
      this.hiddenAt = Date.now();
    } else {
      const slept = Date.now() - this.hiddenAt > ASLEEP_MS;
      this.isStale ||= slept && this._progress !== 'unread';
      if (this.isStale && this.watchers > 0) {
        void this.refresh();
      }
    }
  }

  private set(progress: Progress, error: string): void {
    this._progress = progress;
    this._error = error;
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly shelves = new Map<string, IShelf>();
  private readonly opened = new Set<number>();
  private readonly heard = new Set<string>();
  private _workspaces: readonly IWorkspace[] = [];
  private _defaultWorkspace: number | null = null;
  private _turn = 0;
  private _progress: Progress = 'unread';
  private _error = '';
  private reading: Promise<void> | null = null;
  private isStale = true;
  private watchers = 0;
  private retryMs = RETRY_MS;
  private hiddenAt = Date.now();
  private timer = 0;
}

/** What a shelf holds after something on it is new, different or gone. */
function after(
  shelf: IShelf,
  item: IItem | IGone,
  noun: INoun
): ReadonlyMap<string, IItem> {
  if (!isGone(item) && noun.isNewestFirst && !shelf.items.has(item.key)) {
    return new Map([[item.key, item], ...shelf.items]);
  }
  const items = shelf.items as Map<string, IItem>;
  if (isGone(item)) {
    items.delete(item.key);
  } else {
    items.set(item.key, item);
  }
  return items;
}

function shelfKey(workspaceId: number, kind: string): string {
  return `${workspaceId}/${kind}`;
}
