/**
 * A part of a page: a heading, what stands beside it, and a body that may have failed.
 */
import React, { PropsWithChildren, ReactNode, useId } from 'react';

export function Section(
  props: PropsWithChildren<{
    readonly title: string;
    readonly beside?: ReactNode;
    readonly error?: string | null;
    readonly className?: string;
  }>
): JSX.Element {
  const id = useId();
  return (
    <section
      className={`jp-wallaroo-section ${props.className ?? ''}`}
      aria-labelledby={id}
    >
      <header>
        <h2 id={id}>{props.title}</h2>
        {props.beside}
      </header>
      {props.error != null && props.error !== '' && (
        <p className="jp-wallaroo-problem" role="alert">
          {props.error}
        </p>
      )}
      {props.children}
    </section>
  );
}

/** Something wide that scrolls by itself, with the keyboard too. */
export function Wide(
  props: PropsWithChildren<{ readonly label: string }>
): JSX.Element {
  return (
    <div
      className="jp-wallaroo-wide"
      role="region"
      aria-label={props.label}
      tabIndex={0}
    >
      {props.children}
    </div>
  );
}
