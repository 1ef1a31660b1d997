/**
 * Lines over time, drawn as one picture with its own words.
 */
import React from 'react';

const WIDTH = 480;
const HEIGHT = 96;
const TOP = 6;

export interface ILine {
  readonly name: string;
  /** Which of the theme's colours and dash patterns it has: 1, 2 or 3. */
  readonly tone: 1 | 2 | 3;
  /** From left to right; null where there is nothing. */
  readonly values: readonly (number | null)[];
}

export function Chart(props: {
  readonly title: string;
  /** What the picture says, for whoever does not see it. */
  readonly words: string;
  readonly lines: readonly ILine[];
  readonly format: (value: number) => string;
  /** What stands below the left and the right end. */
  readonly ends: readonly [string, string];
}): JSX.Element {
  const highest = Math.max(
    0,
    ...props.lines.flatMap(line => line.values.map(value => value ?? 0))
  );
  return (
    <figure className="jp-wallaroo-chart">
      <figcaption>
        <span>{props.title}</span>
        <span className="jp-wallaroo-legend">
          {props.lines.length > 1 &&
            props.lines.map(line => (
              <span key={line.name}>
                <svg viewBox="0 0 20 8" aria-hidden="true">
                  <path d="M0 4H20" data-tone={line.tone} />
                </svg>
                {line.name}
              </span>
            ))}
          <span>{highest > 0 ? `≤ ${props.format(highest)}` : ''}</span>
        </span>
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={props.words}
      >
        <path className="jp-wallaroo-grid" d={`M0 ${TOP}H${WIDTH}M0 ${HEIGHT - 1}H${WIDTH}`} />
        {props.lines.map(line => (
          <path
            key={line.name}
            data-tone={line.tone}
            d={pathOf(line.values, highest)}
          />
        ))}
      </svg>
      <div className="jp-wallaroo-ends">
        <span>{props.ends[0]}</span>
        <span>{props.ends[1]}</span>
      </div>
    </figure>
  );
}

function pathOf(values: readonly (number | null)[], highest: number): string {
  const step = WIDTH / Math.max(1, values.length - 1);
  const scale = highest > 0 ? (HEIGHT - 1 - TOP) / highest : 0;
  let path = '';
  let isDrawing = false;
  values.forEach((value, index) => {
    if (value === null) {
      isDrawing = false;
      return;
    }
    const x = (index * step).toFixed(1);
    const y = (HEIGHT - 1 - value * scale).toFixed(1);
    // A lone point is a short line, or it would not be seen.
    path += isDrawing ? `L${x} ${y}` : `M${x} ${y}h1.5`;
    isDrawing = true;
  });
  return path;
}
