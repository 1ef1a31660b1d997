/**
 * How something is, as a shape: colours only repeat what the shape says.
 */
import React from 'react';

import { State } from './catalog/noun';

const SHAPES: Record<State, JSX.Element> = {
  running: <circle cx="8" cy="8" r="5" />,
  ready: <path d="M3 8.5 6.5 12 13 4.5" fill="none" strokeWidth="2" />,
  starting: (
    <path d="M8 3a5 5 0 1 1-4.6 3.04" fill="none" strokeWidth="2" />
  ),
  error: <path d="M8 2 15 14H1zM7.2 6v4h1.6V6zm0 5v1.6h1.6V11z" fillRule="evenodd" />,
  waiting: (
    <circle
      cx="8"
      cy="8"
      r="5"
      fill="none"
      strokeWidth="1.6"
      strokeDasharray="2.2 2"
    />
  ),
  done: <path d="M3 8.5 6.5 12 13 4.5" fill="none" strokeWidth="2.4" />,
  paused: <path d="M4.5 3h2.4v10H4.5zM9.1 3h2.4v10H9.1z" />,
  stopped: (
    <path d="M3.4 8a4.6 4.6 0 1 0 9.2 0 4.6 4.6 0 1 0-9.2 0M4.8 4.8l6.4 6.4" fill="none" strokeWidth="1.8" />
  ),
  off: <circle cx="8" cy="8" r="4.2" fill="none" strokeWidth="1.6" />
};

/** The icon of a state; the words beside it say the same. */
export function StateIcon(props: { state: State }): JSX.Element {
  return (
    <svg
      className="jp-wallaroo-state"
      data-state={props.state}
      viewBox="0 0 16 16"
      aria-hidden="true"
    >
      {SHAPES[props.state]}
    </svg>
  );
}
