/**
 * A page of one thing, as a widget that reads only while it is in sight.
 */
import { Message } from '@lumino/messaging';
import React from 'react';

import { AttendingWidget } from '../attending';
import { wallarooIcon } from '../icons';
import { MissingServer } from '../missing';
import { IWallaroo } from '../tokens';

/** What a page is about. */
export interface IPageArgs {
  readonly key: string;
  readonly workspaceId: number;
  readonly name: string;
}

export abstract class Page extends AttendingWidget {
  /**
   * @param kind - the word of the thing's noun.
   * @param caption - what the tab says to whoever points at it.
   */
  protected constructor(
    wallaroo: IWallaroo,
    readonly args: IPageArgs,
    kind: string,
    caption: string
  ) {
    super(wallaroo);
    this.id = `jp-wallaroo-${kind}-${args.workspaceId}-${args.key}`;
    this.addClass('jp-wallaroo-page');
    this.title.label = args.name;
    this.title.caption = caption;
    this.title.icon = wallarooIcon;
    this.title.closable = true;
    this.node.tabIndex = -1;
  }

  /** Bring the log into sight. */
  showLog(): void {
    this.node.querySelector('.jp-wallaroo-log')?.scrollIntoView();
  }

  protected override onAttend(): void {
    void this.wallaroo.catalog.open(this.args.workspaceId);
  }

  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.node.focus();
  }

  protected override render(): JSX.Element {
    const { catalog, trans } = this.wallaroo;
    return catalog.progress === 'missing' ? (
      <MissingServer trans={trans} onRetry={() => void catalog.refresh()} />
    ) : (
      this.content()
    );
  }

  /** What there is to see of the thing. */
  protected abstract content(): JSX.Element;
}
