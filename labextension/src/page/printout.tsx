/**
 * Printed text that keeps its end in sight while the reader is at its end.
 */
import React, { useLayoutEffect, useRef } from 'react';

/** How near to the end the reader has to be for new lines to be followed, in pixels. */
const NEAR_PX = 30;

export function Printout(props: {
  readonly label: string;
  readonly text: string;
}): JSX.Element {
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    if (isAtEnd.current && box.current !== null) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, [props.text]);
  return (
    <pre
      ref={box}
      className="jp-wallaroo-printout"
      role="region"
      aria-label={props.label}
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_PX;
      }}
    >
      {props.text}
    </pre>
  );
}
