"""Waiting for the server, with a line of text that grows: it reads the same in notebooks, terminals and log files."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from enum import Enum
from typing import TextIO

FIRST_PAUSE_S = 0.1
LAST_PAUSE_S = 1.0
GROWTH = 1.3


class Outcome(Enum):
    """How a wait ended, where nobody raised."""

    DONE = "ok"
    TIMED_OUT = "timed out"


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
    stream = output or sys.stdout
    until = time.monotonic() + limit_s
    pause_s = FIRST_PAUSE_S
    _say(stream, f"{message} ")
    try:
        while True:
            _say(stream, ".")
            if is_done():
                outcome = Outcome.DONE
                break
            if time.monotonic() + pause_s > until:
                outcome = Outcome.TIMED_OUT
                break
            time.sleep(pause_s)
            pause_s = min(LAST_PAUSE_S, pause_s * GROWTH)
    except BaseException:
        _say(stream, " failed\n")
        raise
    _say(stream, f" {outcome.value}\n")
    return outcome


def _say(stream: TextIO, text: str) -> None:
    stream.write(text)
    stream.flush()
