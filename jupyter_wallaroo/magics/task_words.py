"""Tasks in words: which one a name means, what a run of it printed, how it ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from jupyter_wallaroo.magics.listings import SHOWN_UUID
from jupyter_wallaroo.magics.states import marked
from jupyter_wallaroo.magics.usage import unknown, usage
from jupyter_wallaroo.sdk.task import Task

if TYPE_CHECKING:
    from jupyter_wallaroo.magics.verb import Call
    from jupyter_wallaroo.sdk.task_run import TaskRun

TAIL_LINES = 20
TRACEBACK_LINES = 100
"""How much of a log is shown at most where it ends with a traceback."""
_TRACEBACK = "Traceback (most recent call last):"
_STAMP = re.compile(r"^\S+ std(?:out|err) [FP] ?")


def label(task: Task) -> str:
    """Return what a task is called on a line: its name, else its UUID."""
    return task.name() or task.id()


def named(call: Call, word: str, is_meant: Callable[[Task], bool] = lambda _: True) -> Task:
    """Return the task of the current workspace that a word means: by its name, its UUID, or how that begins.

    Parameters
    ----------
    is_meant
        Of several with the name the newest for which this holds is meant, else the newest; which one is said.

    Raises
    ------
    UsageError
        There is none, and names the nearest; or several UUIDs begin so.
    """
    tasks = call.client.list_tasks()
    found = [task for task in tasks if task.name() == word]
    if not found and len(word) >= SHOWN_UUID:
        found = [task for task in tasks if task.id().startswith(word.lower())]
        if len(found) > 1:
            raise usage(f"The UUIDs of {len(found)} tasks begin with {word!r}.", "Give more of it.")
    if not found:
        known = dict.fromkeys(label(task) for task in tasks)
        raise unknown("task", word, known, more="" if known else "This workspace has no tasks: %%wl task makes one.")
    fitting = [task for task in found if is_meant(task)] or found
    if len(found) > 1:
        which = "newest" if fitting[0] == found[0] else "newest that can be meant"
        short = fitting[0].id()[:SHOWN_UUID]
        call.say(f"{len(found)} tasks are called {word!r}; this is the {which}, {short}. %wl task ls lists them.")
    return fitting[0]


def tail(lines: Sequence[str]) -> list[str]:
    r"""Return the last lines of a log without their times; all of the traceback where it ends with one.

    Examples
    --------
    >>> tail(["2026-01-02T03:04:05.000001Z stdout F a\tb"])
    ['a       b']
    """
    texts = [_STAMP.sub("", line, count=1).expandtabs() for line in lines]
    begun = max((place for place, text in enumerate(texts) if text == _TRACEBACK), default=len(texts))
    return texts[-min(max(TAIL_LINES, len(texts) - begun), TRACEBACK_LINES) :]


def say_end(call: Call, task: Task, run: TaskRun) -> None:
    """Print the end of a run's log and how it ended.

    Raises
    ------
    UsageError
        It did not end well; says why, so that a notebook stops there.
    """
    lines = run.logs(limit=TRACEBACK_LINES + 1)
    shown = tail(lines)
    if len(shown) < len(lines):
        shown.insert(0, f"… %wl task logs {label(task)} shows more")
    seconds = (run.updated_at() - run.created_at()).total_seconds()
    call.say("\n".join([*shown, f"{label(task)}: {marked(run.status())} after {seconds:.1f} s"]))
    if run.status() == "success":
        return
    why = run.reason() or (shown[-1].strip() if shown else "nobody knows why")
    raise usage(
        f"Task {label(task)!r}: its run did not end well ({run.status().replace('_', ' ')}): {why.rstrip('.')}."
    )
