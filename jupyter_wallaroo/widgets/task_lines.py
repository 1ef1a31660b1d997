"""Tasks, their runs and their logs, as the tasks panel shows them: words and times in place of the wire's."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from jupyter_wallaroo.sdk.instants import zone
from jupyter_wallaroo.types import task as wire
from jupyter_wallaroo.types.task import RunState, RunType, TaskStatus

LONGEST_LINE = 2000
"""Characters of a line of a log that are shown."""

_KINDS = {RunType.ONCE: "once", RunType.SCHEDULED: "scheduled", RunType.CONTINUOUS: "continuous"}
_OVER = (TaskStatus.SUCCESS, TaskStatus.FAILED, TaskStatus.TIMED_OUT, TaskStatus.KILLED)
_RESTING = (TaskStatus.PAUSED, TaskStatus.PENDING_PAUSE)
_WRONG = (RunState.FAILURE, RunState.TIMED_OUT, RunState.INTERRUPTED)
_PRINTED = " stdout F "


class RunLine(Struct, frozen=True, kw_only=True):
    """One run; times are UTC, ``mark`` says whether it stands for firings that were missed."""

    id: str
    state: str
    is_over: bool
    exit_code: int | None
    reason: str
    mark: str
    due: str
    started: str
    took: str


class TaskLine(Struct, frozen=True, kw_only=True):
    """One task; ``firings`` are in ``time_zone``, and what can be done with it now is said."""

    id: str
    name: str
    kind: str
    status: str
    schedule: str
    time_zone: str
    firings: list[str]
    last_run: RunLine | None
    can_pause: bool
    can_resume: bool
    can_kill: bool


class LogLine(Struct, frozen=True, kw_only=True):
    """One line that a run printed, and when (UTC)."""

    time: str
    text: str


def is_open(facts: wire.Task) -> bool:
    """Tell whether a task runs, will run, or rests: it is not over."""
    return facts.status not in _OVER


def went_wrong(facts: wire.Task) -> bool:
    """Tell whether the last run of a task failed, or whether it cannot go on."""
    stuck = facts.status in (TaskStatus.CRASH_LOOP, TaskStatus.SCHEDULE_ERROR)
    return stuck or bool(facts.last_runs and facts.last_runs[0].state in _WRONG)


def is_busy(facts: wire.Task) -> bool:
    """Tell whether a task has a run that is not over, as far as its last runs tell."""
    return any(not run.state.is_over for run in facts.last_runs)


def task_line(facts: wire.Task) -> TaskLine:
    """Return a task as the panel shows it."""
    there = zone(facts.time_zone)
    may_go_on = is_open(facts) and facts.status is not TaskStatus.PENDING_KILL
    is_resting = facts.status in _RESTING
    return TaskLine(
        id=facts.id,
        name=facts.name or facts.id[:8],
        kind=_KINDS[facts.run_type],
        status=_words(facts.status),
        schedule=facts.schedule or "",
        time_zone=facts.time_zone or "",
        firings=[
            datetime.fromisoformat(text).astimezone(there).isoformat(" ", "minutes") for text in facts.next_firings
        ],
        last_run=run_line(facts.last_runs[0]) if facts.last_runs else None,
        can_pause=may_go_on and not is_resting and facts.run_type is not RunType.ONCE,
        can_resume=is_resting,
        can_kill=may_go_on,
    )


def run_line(facts: wire.TaskRun) -> RunLine:
    """Return a run as the panel shows it."""
    firings = "firing" if facts.missed == 1 else "firings"
    return RunLine(
        id=facts.run_id,
        state=_words(facts.state),
        is_over=facts.state.is_over,
        exit_code=facts.exit_code,
        reason=facts.reason or "",
        mark=f"late, for {facts.missed:,} missed {firings}" if facts.late else "",
        due=_moment(facts.fire_time),
        started=_moment(facts.started_at) if facts.started_at else "",
        took=_took(facts),
    )


def log_line(printed: str) -> LogLine:
    """Return a line of a log (S5-37) as the panel shows it.

    Examples
    --------
    >>> log_line("2023-05-22T19:54:06.123456Z stdout F done")
    LogLine(time='19:54:06.123', text='done')
    """
    time, separator, text = printed.partition(_PRINTED)
    if not separator:
        time, text = "", printed
    shown = text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"
    return LogLine(time=time.partition("T")[2][:12], text=shown)


def _words(status: TaskStatus | RunState) -> str:
    return status.value.replace("_", " ")


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _took(run: wire.TaskRun) -> str:
    """Return how long a run took; nothing for one that goes on, or whose end nobody saw."""
    if run.started_at is None or not run.state.is_over or run.state is RunState.INTERRUPTED:
        return ""
    took_s = (datetime.fromisoformat(run.updated_at) - datetime.fromisoformat(run.started_at)).total_seconds()
    if took_s < 60:
        return f"{took_s:.1f} s"
    minutes, seconds = divmod(round(took_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
