/**
 * Reading from the server for what is in sight.
 */
import { DependencyList, useCallback, useEffect, useRef, useState } from 'react';

import { oneLine } from '../rest';

/** What was read last, and why reading failed. */
export interface IRead<T> {
  readonly value: T | null;
  readonly error: string | null;
  /** Read again. */
  readonly again: () => void;
}

/**
 * Read something now, and again when what it depends on is different; nothing while it is out of sight.
 *
 * Answers that come after a newer request was sent are dropped.
 */
export function useRead<T>(
  read: () => Promise<T>,
  isVisible: boolean,
  needs: DependencyList
): IRead<T> {
  const [state, setState] = useState<{ value: T | null; error: string | null }>(
    { value: null, error: null }
  );
  const [turn, setTurn] = useState(0);
  const latest = useRef(0);
  useEffect(() => {
    if (!isVisible) {
      return;
    }
    const number = ++latest.current;
    read().then(
      value => {
        if (number === latest.current) {
          setState({ value, error: null });
        }
      },
      (error: unknown) => {
        if (number === latest.current) {
          setState(before => ({ ...before, error: oneLine(error) }));
        }
      }
    );
  }, [isVisible, turn, ...needs]);
  useEffect(
    () => () => {
      latest.current = -1;
    },
    []
  );
  const again = useCallback(() => setTurn(before => before + 1), []);
  return { ...state, again };
}

/** Do something every few seconds while it can be seen; never when the period is 0. */
export function usePeriod(
  act: () => void,
  period_s: number,
  isVisible: boolean
): void {
  useEffect(() => {
    if (!isVisible || period_s <= 0) {
      return;
    }
    const timer = window.setInterval(() => {
      if (document.visibilityState === 'visible') {
        act();
      }
    }, 1000 * period_s);
    return () => window.clearInterval(timer);
  }, [act, period_s, isVisible]);
}
