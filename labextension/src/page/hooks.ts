/**
 * Reading from the server for what is in sight.
 */
import { ISignal } from '@lumino/signaling';
import { DependencyList, useCallback, useEffect, useRef, useState } from 'react';

import { IEvent } from '../events';
import { oneLine } from '../rest';

interface IState<T> {
  readonly value: T | null;
  readonly error: string | null;
}

/** What was read last, and why reading failed. */
export interface IRead<T> extends IState<T> {
  /** Read again. */
  readonly again: () => void;
}

/**
 * Read something now, and again when what it depends on is different; nothing while it is out of sight.
 *
 * Answers that come after a newer request was sent are dropped; however often something is wanted again while it is being
 * read, it is read once more.
 */
export function useRead<T>(
  read: () => Promise<T>,
  isVisible: boolean,
  needs: DependencyList
): IRead<T> {
  const [state, setState] = useState<IState<T>>({ value: null, error: null });
  const [turn, setTurn] = useState(0);
  const latest = useRef(0);
  const isReading = useRef(false);
  const isWanted = useRef(false);
  useEffect(() => {
    if (!isVisible) {
      return;
    }
    const number = ++latest.current;
    const settle = (after: (before: IState<T>) => IState<T>): void => {
      if (number !== latest.current) {
        return;
      }
      isReading.current = false;
      setState(after);
      if (isWanted.current) {
        isWanted.current = false;
        setTurn(before => before + 1);
      }
    };
    isReading.current = true;
    read().then(
      value => settle(() => ({ value, error: null })),
      (error: unknown) =>
        settle(before => ({ ...before, error: oneLine(error) }))
    );
  }, [isVisible, turn, ...needs]);
  useEffect(
    () => () => {
      latest.current = -1;
    },
    []
  );
  const again = useCallback(() => {
    if (isReading.current) {
      isWanted.current = true;
    } else {
      setTurn(before => before + 1);
    }
  }, []);
  return { ...state, again };
}

/** Do something whenever Jupyter's event bus says something that matters, while it can be seen. */
export function useEvents(
  events: ISignal<unknown, IEvent>,
  matters: (event: IEvent) => boolean,
  act: () => void,
  isVisible: boolean
): void {
  const latest = useRef(matters);
  latest.current = matters;
  useEffect(() => {
    if (!isVisible) {
      return;
    }
    const hear = (_: unknown, event: IEvent): void => {
      if (latest.current(event)) {
        act();
      }
    };
    events.connect(hear);
    return () => {
      events.disconnect(hear);
    };
  }, [events, act, isVisible]);
}

/** The time, in milliseconds since the epoch; each second another while something goes on that can be seen. */
export function useNow(goesOn: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!goesOn) {
      return;
    }
    setNow(Date.now());
    const timer = window.setInterval(() => setNow(Date.now()), 1000);
    return () => window.clearInterval(timer);
  }, [goesOn]);
  return now;
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
