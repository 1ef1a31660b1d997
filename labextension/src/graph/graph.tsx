/**
 * A graph of steps: boxes that can be reached and chosen with the keyboard, and arrows between them.
 *
 * How a step is, is told by a sign and a word; the colour only repeats it.
 */
import React, { useMemo, useRef, useState } from 'react';

import { State } from '../catalog/noun';
import { StateIcon } from '../stateicon';
import { BOX_HEIGHT, BOX_WIDTH, IPlace, layout } from './layout';

export interface INodeFacts {
  readonly key: string;
  readonly parents: readonly string[];
  readonly state: State;
  /** How it is, in words. */
  readonly words: string;
  /** How long it took. */
  readonly took: string;
  /** What it needs, in words. */
  readonly needs: string;
}

export function Graph(props: {
  readonly label: string;
  readonly nodes: readonly INodeFacts[];
  readonly chosen: string | null;
  readonly onChoose: (key: string) => void;
}): JSX.Element {
  const { nodes, chosen, onChoose } = props;
  const box = useRef<HTMLDivElement>(null);
  const [focused, setFocused] = useState<string | null>(null);
  // A graph never changes once it is submitted: only how its steps are.
  const shape = nodes.map(node => [node.key, node.parents]);
  const { width, height, places, arrows } = useMemo(
    () => layout(new Map(shape as [string, string[]][])),
    [JSON.stringify(shape)]
  );
  const facts = new Map(nodes.map(node => [node.key, node]));
  const keys = [...places.keys()];
  const active = [focused, chosen].find(key => key !== null && facts.has(key)) ?? keys[0];

  const go = (key: string | undefined): void => {
    if (key !== undefined) {
      const index = keys.indexOf(key);
      box.current?.querySelectorAll<HTMLElement>('[role="option"]')[index]?.focus();
    }
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (active === undefined || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    switch (event.key) {
      case 'ArrowRight':
        go(nearest(places, active, 1));
        break;
      case 'ArrowLeft':
        go(nearest(places, active, -1));
        break;
      case 'ArrowDown':
        go(below(places, active, 1));
        break;
      case 'ArrowUp':
        go(below(places, active, -1));
        break;
      case 'Home':
        go(keys[0]);
        break;
      case 'End':
        go(keys.at(-1));
        break;
      case 'Enter':
      case ' ':
        onChoose(active);
        break;
      default:
        return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div className="jp-wallaroo-graph">
      <div
        ref={box}
        className="jp-wallaroo-steps"
        role="listbox"
        aria-label={props.label}
        aria-orientation="horizontal"
        style={{ width, height }}
        onKeyDown={onKeyDown}
      >
        <svg width={width} height={height} aria-hidden="true">
          {arrows.map(({ from, to, path }) => (
            <path
              key={`${keys.indexOf(from)}/${keys.indexOf(to)}`}
              d={path}
              data-chosen={from === chosen || to === chosen}
            />
          ))}
        </svg>
        {[...places].map(([key, { x, y }]) => {
          const node = facts.get(key);
          return (
            node && (
              <div
                key={key}
                className="jp-wallaroo-step"
                role="option"
                aria-selected={key === chosen}
                aria-label={[key, node.words, node.took, node.needs]
                  .filter(part => part !== '')
                  .join(', ')}
                data-state={node.state}
                tabIndex={key === active ? 0 : -1}
                title={key}
                style={{ left: x, top: y, width: BOX_WIDTH, height: BOX_HEIGHT }}
                onFocus={() => setFocused(key)}
                onClick={() => onChoose(key)}
              >
                <span className="jp-wallaroo-label">{key}</span>
                <span className="jp-wallaroo-status">
                  <StateIcon state={node.state} />
                  <span>{node.words}</span>
                  <span className="jp-wallaroo-took">{node.took}</span>
                </span>
              </div>
            )
          );
        })}
      </div>
    </div>
  );
}

type Places = ReadonlyMap<string, IPlace>;

/** The step of the next column on a side that is nearest in height. */
function nearest(places: Places, key: string, side: 1 | -1): string | undefined {
  const here = places.get(key);
  return here && closest(places, here, ({ column }) => column === here.column + side);
}

/** The next step of the same column. */
function below(places: Places, key: string, side: 1 | -1): string | undefined {
  const here = places.get(key);
  return (
    here &&
    closest(
      places,
      here,
      ({ column, y }) => column === here.column && (y - here.y) * side > 0
    )
  );
}

function closest(
  places: Places,
  here: IPlace,
  isFit: (place: IPlace) => boolean
): string | undefined {
  return [...places]
    .filter(([, place]) => isFit(place))
    .sort(([, one], [, other]) => Math.abs(one.y - here.y) - Math.abs(other.y - here.y))[0]?.[0];
}
