/**
 * A tree that renders only what is in sight, and the row that has the focus.
 */
import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import React, { useEffect, useLayoutEffect, useRef, useState } from 'react';

import { StateIcon } from '../stateicon';
import { IRow } from './rows';

/** The height of a row in pixels, as in the style sheet. */
const ROW_PX = 24;

/** Rows rendered above and below those in sight, so that scrolling shows no gaps. */
const SPARE_ROWS = 12;

export interface ITreeProps {
  readonly label: string;
  readonly rows: readonly IRow[];
  /** The key of the row that is chosen; null when none is. */
  readonly chosen: string | null;
  readonly onChoose: (row: IRow) => void;
  readonly onOpen: (row: IRow, isOpen: boolean) => void;
  readonly onActivate: (row: IRow) => void;
}

export function Tree(props: ITreeProps): JSX.Element {
  const { rows } = props;
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const wantsFocus = useRef(false);
  const found = rows.findIndex(row => row.key === props.chosen);
  const active = found < 0 ? 0 : found;

  useEffect(() => {
    const element = box.current;
    if (element === null) {
      return;
    }
    const observer = new ResizeObserver(() => {
      const height = element.clientHeight;
      setView(before => (before.height === height ? before : { ...before, height }));
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    if (wantsFocus.current) {
      wantsFocus.current = false;
      box.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
    }
  });

  const first = Math.max(0, Math.floor(view.top / ROW_PX) - SPARE_ROWS);
  const behind = Math.min(
    rows.length,
    Math.ceil((view.top + view.height) / ROW_PX) + SPARE_ROWS
  );
  const shown: number[] = [];
  for (let index = first; index < behind; index++) {
    shown.push(index);
  }
  if (rows.length > 0 && (active < first || active >= behind)) {
    shown.push(active);
  }

  const onScroll = (): void => {
    // Rendering again is needed only when rows come into sight that are not there.
    const top = box.current?.scrollTop ?? 0;
    setView(before =>
      Math.abs(top - before.top) < (SPARE_ROWS / 2) * ROW_PX &&
      top > 0
        ? before
        : { ...before, top }
    );
  };

  const go = (index: number): void => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))];
    const element = box.current;
    if (row === undefined || element === null) {
      return;
    }
    const top = rows.indexOf(row) * ROW_PX;
    if (top < element.scrollTop) {
      element.scrollTop = top;
    } else if (top + ROW_PX > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + ROW_PX - element.clientHeight;
    }
    wantsFocus.current = true;
    props.onChoose(row);
  };

  const parentOf = (index: number): number => {
    const level = rows[index]?.level ?? 1;
    for (let above = index - 1; above >= 0; above--) {
      if ((rows[above]?.level ?? 0) < level) {
        return above;
      }
    }
    return index;
  };

  const onKeyDown = (event: React.KeyboardEvent): void => {
    const row = rows[active];
    if (row === undefined || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    const page = Math.max(1, Math.floor(view.height / ROW_PX) - 1);
    switch (event.key) {
      case 'ArrowDown':
        go(active + 1);
        break;
      case 'ArrowUp':
        go(active - 1);
        break;
      case 'PageDown':
        go(active + page);
        break;
      case 'PageUp':
        go(active - page);
        break;
      case 'Home':
        go(0);
        break;
      case 'End':
        go(rows.length - 1);
        break;
      case 'ArrowRight':
        if (row.isOpen === false) {
          props.onOpen(row, true);
        } else if (row.isOpen === true) {
          go(active + 1);
        }
        break;
      case 'ArrowLeft':
        if (row.isOpen === true) {
          props.onOpen(row, false);
        } else {
          go(parentOf(active));
        }
        break;
      case 'Enter':
      case ' ':
        if (row.isOpen !== null) {
          props.onOpen(row, !row.isOpen);
        } else {
          props.onActivate(row);
        }
        break;
      default:
        return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div
      ref={box}
      className="jp-wallaroo-tree"
      role="tree"
      aria-label={props.label}
      onScroll={onScroll}
      onKeyDown={onKeyDown}
    >
      <div role="presentation" style={{ height: rows.length * ROW_PX }}>
        {shown.map(index => {
          const row = rows[index];
          return (
            row && (
              <Row
                key={row.key}
                row={row}
                top={index * ROW_PX}
                isActive={index === active}
                isChosen={index === found}
                tree={props}
              />
            )
          );
        })}
      </div>
    </div>
  );
}

interface IRowProps {
  readonly row: IRow;
  readonly top: number;
  readonly isActive: boolean;
  readonly isChosen: boolean;
  readonly tree: ITreeProps;
}

/** A row; while the tree only scrolls, those that stay in sight are not rendered again. */
const Row = React.memo(function Row(props: IRowProps): JSX.Element {
  const { row, top, isActive, isChosen, tree } = props;
  const Caret = row.isOpen === true ? caretDownIcon : caretRightIcon;
  const words = [row.label, row.detail].filter(part => part !== '');
  return (
    <div
      className="jp-wallaroo-row"
      role="treeitem"
      data-kind={row.kind}
      aria-level={row.level}
      aria-posinset={row.position}
      aria-setsize={row.siblings}
      aria-expanded={row.isOpen ?? undefined}
      aria-selected={isChosen}
      aria-label={words.join(', ')}
      tabIndex={isActive ? 0 : -1}
      title={row.hint === '' ? row.label : `${row.label}\n${row.hint}`}
      style={{ top, paddingInlineStart: 4 + (row.level - 1) * 12 }}
      onMouseDown={() => tree.onChoose(row)}
      onFocus={() => {
        if (!isChosen) {
          tree.onChoose(row);
        }
      }}
      onClick={() => {
        if (row.isOpen !== null) {
          tree.onOpen(row, !row.isOpen);
        }
      }}
      onDoubleClick={() => tree.onActivate(row)}
    >
      {row.isOpen !== null && (
        <Caret.react tag="span" className="jp-wallaroo-caret" />
      )}
      {row.state !== null && <StateIcon state={row.state} />}
      <span className="jp-wallaroo-label">{row.label}</span>
      <span className="jp-wallaroo-detail">{row.detail}</span>
    </div>
  );
});
