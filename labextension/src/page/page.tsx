/**
 * The page of a pipeline, as a widget that reads only while it is in sight.
 */
import { ReactWidget } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { IDisposable } from '@lumino/disposable';
import { Message } from '@lumino/messaging';
import React from 'react';

import { wallarooIcon } from '../icons';
import { MissingServer } from '../missing';
import { IWallaroo } from '../tokens';
import { IVerb } from '../verbs/verb';
import { PipelineView } from './view';

/** Which pipeline a page is about. */
export interface IPageArgs {
  readonly pipelineId: number;
  readonly workspaceId: number;
  readonly name: string;
}

export class PipelinePage extends ReactWidget {
  constructor(
    private readonly wallaroo: IWallaroo,
    private readonly commands: CommandRegistry,
    private readonly verbs: readonly IVerb[],
    readonly args: IPageArgs
  ) {
    super();
    this.id = `jp-wallaroo-pipeline-${args.pipelineId}`;
    this.addClass('jp-wallaroo-page');
    this.title.label = args.name;
    this.title.caption = wallaroo.trans.__('Pipeline %1', args.name);
    this.title.icon = wallarooIcon;
    this.title.closable = true;
    this.node.tabIndex = -1;
    wallaroo.catalog.changed.connect(this.onChanged, this);
    wallaroo.settings.changed.connect(this.onChanged, this);
  }

  /** Bring the log into sight. */
  showLog(): void {
    this.node.querySelector('.jp-wallaroo-log')?.scrollIntoView();
  }

  private onChanged(): void {
    if (this.isVisible) {
      this.update();
    }
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.attend();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) {
      this.attend();
    }
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this.leave();
  }

  protected override onBeforeDetach(message: Message): void {
    this.leave();
    super.onBeforeDetach(message);
  }

  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.node.focus();
  }

  private attend(): void {
    const { catalog } = this.wallaroo;
    this.attending ??= catalog.attend();
    void catalog.open(this.args.workspaceId);
    this.update();
  }

  private leave(): void {
    this.attending?.dispose();
    this.attending = null;
    if (this.isAttached) {
      this.update();
    }
  }

  protected override render(): JSX.Element {
    const { catalog, trans } = this.wallaroo;
    const item = catalog.pipeline(this.args.pipelineId);
    if (item !== null) {
      return (
        <PipelineView
          wallaroo={this.wallaroo}
          commands={this.commands}
          verbs={this.verbs}
          item={item}
          isVisible={this.attending !== null}
        />
      );
    }
    if (catalog.progress === 'missing') {
      return (
        <MissingServer trans={trans} onRetry={() => void catalog.refresh()} />
      );
    }
    return (
      <p className="jp-wallaroo-note" role="status">
        {this.words()}
      </p>
    );
  }

  private words(): string {
    const { catalog, trans } = this.wallaroo;
    if (catalog.progress === 'failed') {
      return trans.__('The server could not be read: %1', catalog.error);
    }
    const shelf = catalog.shelf(this.args.workspaceId, 'pipeline');
    return catalog.progress === 'ready' && shelf.progress === 'ready'
      ? trans.__('Pipeline %1 does not exist any more.', this.args.name)
      : trans.__('Reading…');
  }

  private attending: IDisposable | null = null;
}
