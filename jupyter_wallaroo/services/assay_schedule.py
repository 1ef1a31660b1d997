"""When assays run. Pure functions of a schedule and an instant."""

from __future__ import annotations

from collections.abc import Iterator

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services import schedules
from jupyter_wallaroo.types.assay_definition import Schedule
from jupyter_wallaroo.types.drift import Span

MIN_INTERVAL_MS = 1000
CRON_INTERVAL_MS = 60_000
_ZONE = "UTC"
MAX_BACKLOG = 100_000
"""Runs that may be due already when an assay is made."""


def next_run(schedule: Schedule, after_ms: int | None) -> int | None:
    """Return the first run later than ``after_ms`` (None: the very first), None when there is none."""
    if schedule.cron is not None:
        from_ms = schedule.first_run_ms - 1 if after_ms is None else max(after_ms, schedule.first_run_ms - 1)
        run_ms = _next_cron(schedule.cron, from_ms)
    elif after_ms is None or after_ms < schedule.first_run_ms:
        run_ms = schedule.first_run_ms
    else:
        passed = (after_ms - schedule.first_run_ms) // schedule.interval_ms + 1
        run_ms = schedule.first_run_ms + passed * schedule.interval_ms
    return run_ms if run_ms is not None and (schedule.end_ms is None or run_ms <= schedule.end_ms) else None


def runs(schedule: Schedule, first_ms: int | None, until_ms: int) -> Iterator[int]:
    """Yield the runs from ``first_ms``, itself one, up to and including ``until_ms``."""
    run_ms = first_ms
    while run_ms is not None and run_ms <= until_ms:
        yield run_ms
        run_ms = next_run(schedule, run_ms)


def window(schedule: Schedule, run_ms: int) -> Span:
    """Return the stretch of time that a run looks at."""
    return Span(run_ms - schedule.width_ms, run_ms)


def check(schedule: Schedule, now_ms: int) -> None:
    """Refuse a schedule that cannot be kept (SECURITY C11).

    Raises
    ------
    InvalidRequest
        A width or interval of less than a second, a cron expression that never comes true, or too many runs due
        already.
    """
    if schedule.width_ms < MIN_INTERVAL_MS or schedule.interval_ms < MIN_INTERVAL_MS:
        raise InvalidRequest("The width and the interval of a window should be at least 1 second.")
    if schedule.cron is not None:
        _check_cron(schedule.cron, now_ms)
    until_ms = min(now_ms, now_ms if schedule.end_ms is None else schedule.end_ms)
    backlog = (until_ms - schedule.first_run_ms) // schedule.interval_ms
    if backlog > MAX_BACKLOG:
        raise InvalidRequest(
            f"{backlog} windows lie in the past already; at most {MAX_BACKLOG} are analysed afterwards.",
            hint="Let the first window start later, or choose a longer interval.",
        )


def _check_cron(text: str, now_ms: int) -> None:
    hint = "Write minute, hour, day, month and weekday, such as '0 1 * * *' for every day at 1:00 UTC."
    if len(text) > schedules.MAX_LENGTH or len(text.split()) != schedules.FIELDS:
        raise InvalidRequest(f"{text[:40]!r} is no cron expression of five fields.", hint=hint)
    run_ms = _next_cron(text, now_ms)
    if run_ms is None or run_ms > now_ms + schedules.WITHIN.total_seconds() * 1000:
        raise InvalidRequest(f"{text!r} does not come true within five years.", hint="Check the day and the month.")


def _next_cron(text: str, after_ms: int) -> int | None:
    return schedules.next_firing(text, _ZONE, after_ms)
