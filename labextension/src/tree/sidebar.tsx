/**
 * The sidebar: workspaces and what is in them, or what to do when there is no server.
 */
import { refreshIcon, ToolbarButtonComponent } from '@jupyterlab/ui-components';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Message } from '@lumino/messaging';
import React, { useState } from 'react';

import { AttendingWidget } from '../attending';
import { Catalog } from '../catalog/catalog';
import { PIPELINE } from '../catalog/pipelines';
import { RUN } from '../catalog/runs';
import { TASK } from '../catalog/tasks';
import { wallarooIcon } from '../icons';
import { MissingServer } from '../missing';
import { CommandIDs, IWallaroo } from '../tokens';
import { ITreeProps, Tree } from './list';
import { IRow, OpenRows, rowsOf } from './rows';

/** The commands that open a thing, by its kind; others have nothing to open. */
const OPENING: Readonly<Record<string, string>> = {
  [PIPELINE]: CommandIDs.open,
  [TASK]: CommandIDs.openTask,
  [RUN]: CommandIDs.openRun
};

export class Sidebar extends AttendingWidget {
  constructor(
    wallaroo: IWallaroo,
    private readonly commands: CommandRegistry
  ) {
    super(wallaroo);
    const { trans } = wallaroo;
    this.id = 'jp-wallaroo-sidebar';
    this.addClass('jp-wallaroo-sidebar');
    this.title.icon = wallarooIcon;
    this.title.caption = trans.__('Wallaroo');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Wallaroo'));
  }

  protected override onActivateRequest(message: Message): void {
    super.onActivateRequest(message);
    this.node.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }

  private choose(row: IRow): void {
    this.chosen = row.key;
    this.wallaroo.chosen = row.item;
    this.update();
  }

  private turn(row: IRow, isOpen: boolean): void {
    this.open.turn(row.key, isOpen);
    if (isOpen && row.kind === 'workspace') {
      void this.wallaroo.catalog.open(row.workspaceId);
    }
    this.update();
  }

  private activateRow(row: IRow): void {
    const command = OPENING[row.kind];
    if (row.item !== null && command !== undefined) {
      const { key, workspaceId } = row.item;
      void this.commands.execute(command, { key, workspaceId });
    }
  }

  protected override render(): JSX.Element {
    const { catalog, trans } = this.wallaroo;
    return (
      <>
        <div className="jp-wallaroo-sidebar-head">
          <h2>{trans.__('Wallaroo')}</h2>
          <ToolbarButtonComponent
            icon={refreshIcon}
            tooltip={trans.__('Read everything again')}
            onClick={() => void catalog.refresh()}
          />
        </div>
        <Contents
          catalog={catalog}
          trans={trans}
          open={this.open}
          chosen={this.chosen}
          onChoose={row => this.choose(row)}
          onOpen={(row, isOpen) => this.turn(row, isOpen)}
          onActivate={row => this.activateRow(row)}
        />
      </>
    );
  }

  private readonly open = new OpenRows();
  private chosen: string | null = null;
}

interface IContentsProps extends Omit<ITreeProps, 'label' | 'rows'> {
  readonly catalog: Catalog;
  readonly trans: TranslationBundle;
  readonly open: OpenRows;
}

function Contents(props: IContentsProps): JSX.Element {
  const { catalog, trans, open, ...tree } = props;
  const [filter, setFilter] = useState('');
  if (catalog.progress === 'missing') {
    return (
      <MissingServer trans={trans} onRetry={() => void catalog.refresh()} />
    );
  }
  if (catalog.workspaces.length === 0) {
    return (
      <p className="jp-wallaroo-note" role="status">
        {catalog.progress === 'failed'
          ? trans.__('The server could not be read: %1', catalog.error)
          : trans.__('Reading…')}
      </p>
    );
  }
  return (
    <>
      {catalog.progress === 'failed' && (
        <p className="jp-wallaroo-note" role="status">
          {trans.__('Not up to date: %1', catalog.error)}
        </p>
      )}
      <input
        className="jp-wallaroo-input jp-wallaroo-filter"
        type="search"
        placeholder={trans.__('Filter by name')}
        aria-label={trans.__('Filter by name')}
        value={filter}
        onChange={event => setFilter(event.target.value)}
      />
      <Tree
        {...tree}
        label={trans.__('Workspaces')}
        rows={rowsOf(catalog, open, filter, trans)}
      />
    </>
  );
}
