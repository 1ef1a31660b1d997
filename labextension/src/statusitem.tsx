/**
 * One item in the status bar: how many pipelines run, as far as that is known; it asks nothing of the server.
 */
import { ReactWidget } from '@jupyterlab/ui-components';
import React from 'react';

import { PIPELINE } from './catalog/pipelines';
import { wallarooIcon } from './icons';
import { IWallaroo } from './tokens';

export class StatusItem extends ReactWidget {
  constructor(
    private readonly wallaroo: IWallaroo,
    private readonly onClick: () => void
  ) {
    super();
    this.addClass('jp-wallaroo-statusitem');
    wallaroo.catalog.changed.connect(() => this.update());
  }

  protected override render(): JSX.Element {
    const { trans } = this.wallaroo;
    const words = this.words();
    return (
      <button
        title={trans.__('Wallaroo: show the sidebar')}
        aria-label={trans.__('Wallaroo: %1', words)}
        onClick={this.onClick}
      >
        <wallarooIcon.react tag="span" width="14px" height="14px" />
        <span>{words}</span>
      </button>
    );
  }

  private words(): string {
    const { catalog, trans } = this.wallaroo;
    if (catalog.progress === 'missing') {
      return trans.__('server missing');
    }
    if (catalog.progress !== 'ready') {
      return trans.__('Wallaroo');
    }
    const wanted = catalog
      .items(PIPELINE)
      .filter(item => item.state !== 'off');
    const failed = wanted.filter(item => item.state === 'error').length;
    const running = wanted.filter(item => item.state === 'running').length;
    const words = trans.__('%1 of %2 running', running, wanted.length);
    return failed === 0
      ? words
      : `${words}, ${trans._n('%1 error', '%1 errors', failed)}`;
  }
}
