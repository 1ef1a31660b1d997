"""Waiting for the server, and how that is shown.

By default as a line of text that grows: it reads the same in notebooks, terminals and log files. `shown_by` puts
something else in its place for the calls within it, such as a bar.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from enum import Enum
from typing import Protocol, TextIO

FIRST_PAUSE_S = 0.1
LAST_PAUSE_S = 1.0
GROWTH = 1.3


class Outcome(Enum):
    """How a wait ended, where nobody raised."""

    DONE = "ok"
    TIMED_OUT = "timed out"


class Shown(Protocol):
    """One piece of long work as somebody sees it."""

    def begin(self, message: str) -> None:
        """Say what begins."""
        ...

    def step(self, share: float | None) -> None:
        """Say that it goes on; ``share``, from 0 to 1, is what is done, None where nobody knows."""
        ...

    def end(self, outcome: str) -> None:
        """Say how it ended."""
        ...


class Line:
    """A line of text that grows by a dot per step.

    Parameters
    ----------
    stream
        Where it goes; default: standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def begin(self, message: str) -> None:
        """Write what begins."""
        self._say(f"{message} ")

    def step(self, share: float | None) -> None:  # noqa: ARG002  dots say that time passes, not how much is done
        """Write a dot."""
        self._say(".")

    def end(self, outcome: str) -> None:
        """Write how it ended, and end the line."""
        self._say(f" {outcome}\n")

    def _say(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


_chosen: ContextVar[Callable[[], Shown] | None] = ContextVar("chosen", default=None)


def chosen() -> Callable[[], Shown] | None:
    """Return what `shown_by` was asked for, None for nothing."""
    return _chosen.get()


@contextlib.contextmanager
def shown_by(make: Callable[[], Shown]) -> Iterator[None]:
    """Have long work shown by what ``make`` makes for each piece of it."""
    token = _chosen.set(make)
    try:
        yield
    finally:
        _chosen.reset(token)


@contextlib.contextmanager
def progress(message: str, make: Callable[[], Shown] | None = None) -> Iterator[Callable[[float | None], None]]:
    """Show work that is not a wait, where `shown_by` was asked to; gives what takes the share that is done.

    Parameters
    ----------
    make
        Shows it in place of what `shown_by` was asked for.
    """
    make = make or chosen()
    if make is None:
        yield lambda _: None
        return
    with _showing(make(), message) as shown:
        yield shown.step
        shown.end(Outcome.DONE.value)


@contextlib.contextmanager
def _showing(shown: Shown, message: str) -> Iterator[Shown]:
    shown.begin(message)
    try:
        yield shown
    except BaseException:
        shown.end("failed")
        raise


def wait_until(message: str, is_done: Callable[[], bool], limit_s: float, *, output: TextIO | None = None) -> Outcome:
    """Ask ``is_done`` again and again until it says so or the time is over.

    Parameters
    ----------
    message
        What is waited for; a dot per question and the outcome follow it on the same line.
    limit_s
        Seconds.
    output
        Where the line goes; default: standard output.

    Examples
    --------
    >>> wait_until("Waiting for nothing", lambda: True, 1.0)
    Waiting for nothing . ok
    <Outcome.DONE: 'ok'>
    """
    make = _chosen.get()
    until = time.monotonic() + limit_s
    pause_s = FIRST_PAUSE_S
    with _showing(Line(output) if make is None else make(), message) as shown:
        while True:
            shown.step(None)
            if is_done():
                outcome = Outcome.DONE
                break
            if time.monotonic() + pause_s > until:
                outcome = Outcome.TIMED_OUT
                break
            time.sleep(pause_s)
            pause_s = min(LAST_PAUSE_S, pause_s * GROWTH)
    shown.end(outcome.value)
    return outcome
