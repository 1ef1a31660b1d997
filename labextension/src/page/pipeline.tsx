/**
 * The page of a pipeline.
 */
import React from 'react';

import { isPipelineItem, IPipelineItem, PIPELINE } from '../catalog/pipelines';
import { IWallaroo } from '../tokens';
import { IVerb } from '../verbs/verb';
import { IPageArgs, Page } from './page';
import { PipelineView } from './view';

export class PipelinePage extends Page {
  constructor(
    wallaroo: IWallaroo,
    args: IPageArgs,
    private readonly verbs: readonly IVerb<IPipelineItem>[]
  ) {
    const caption = wallaroo.trans.__('Pipeline %1', args.name);
    super(wallaroo, args, PIPELINE, caption);
  }

  protected content(): JSX.Element {
    const { key, workspaceId } = this.args;
    const item = this.wallaroo.catalog.item(PIPELINE, workspaceId, key);
    return item !== null && isPipelineItem(item) ? (
      <PipelineView
        wallaroo={this.wallaroo}
        verbs={this.verbs}
        item={item}
        isVisible={this.isAttending}
      />
    ) : (
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
    const shelf = catalog.shelf(this.args.workspaceId, PIPELINE);
    return catalog.progress === 'ready' && shelf.progress === 'ready'
      ? trans.__('Pipeline %1 does not exist any more.', this.args.name)
      : trans.__('Reading…');
  }
}
