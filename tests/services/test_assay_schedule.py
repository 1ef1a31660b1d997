"""When assays run: by intervals, by cron, until they end; what cannot be kept is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services import assay_schedule, assay_status
from jupyter_wallaroo.types.assay_definition import Schedule
from jupyter_wallaroo.types.drift import Span, Status

HOUR = 3_600_000
NOW = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp() * 1000)


def cron(text: str, first_run_ms: int = NOW, end_ms: int | None = None) -> Schedule:
    return Schedule(first_run_ms=first_run_ms, width_ms=HOUR, interval_ms=60_000, cron=text, end_ms=end_ms)


@given(st.integers(0, 10**6), st.integers(1, 1000), st.integers(-10, 10**6))
def test_intervals_keep_step_with_the_first_run(first: int, interval: int, after: int) -> None:
    """The first later run, however late it is asked for."""
    schedule = Schedule(first_run_ms=first, width_ms=1, interval_ms=interval)
    found = assay_schedule.next_run(schedule, after)
    assert found is not None and found > after
    assert (found - first) % interval == 0
    assert found == first or found - interval <= after


def test_runs_end_with_the_schedule() -> None:
    schedule = Schedule(first_run_ms=10, width_ms=5, interval_ms=10, end_ms=40)
    assert list(assay_schedule.runs(schedule, assay_schedule.next_run(schedule, None), 10**6)) == [10, 20, 30, 40]
    assert list(assay_schedule.runs(schedule, 20, 35)) == [20, 30]
    assert assay_schedule.window(schedule, 20) == Span(15, 20)
    late = Schedule(first_run_ms=50, width_ms=5, interval_ms=10, end_ms=40)
    assert assay_schedule.next_run(late, None) is None


def test_cron_runs_at_its_times_in_utc() -> None:
    runs = assay_schedule.runs(cron("30 6 * * 1"), assay_schedule.next_run(cron("30 6 * * 1"), None), 2**53)
    assert [datetime.fromtimestamp(run / 1000, UTC).isoformat() for run in islice(runs, 2)] == [
        "2026-11-23T06:30:00+00:00",
        "2026-11-30T06:30:00+00:00",
    ]
    assert assay_schedule.next_run(cron("0 12 * * *"), None) == NOW
    assert assay_schedule.next_run(cron("0 12 * * *", end_ms=NOW + 1), NOW) is None


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (cron("* * * * * *"), "no cron expression of five fields"),
        (cron("every day"), "no cron expression of five fields"),
        (cron("61 * * * *"), "is no cron expression"),
        (cron("0 0 30 2 *"), "does not come true within 5 years|is no cron expression"),
        (cron(f"{'0,' * 60}0 * * * *"), "no cron expression of five fields"),
        (Schedule(first_run_ms=0, width_ms=1000, interval_ms=0), "at least 1 second"),
        (Schedule(first_run_ms=0, width_ms=0, interval_ms=1000), "at least 1 second"),
        (Schedule(first_run_ms=0, width_ms=1000, interval_ms=1000), "windows lie in the past already"),
    ],
)
def test_what_cannot_be_kept_is_refused(schedule: Schedule, message: str) -> None:
    """SECURITY C11."""
    with pytest.raises(InvalidRequest, match=message):
        assay_schedule.check(schedule, NOW)


@pytest.mark.parametrize(
    ("score", "warning", "alert", "expected"),
    [
        (0.0, 0.0, 0.25, Status.OK),
        (0.2, 0.1, 0.25, Status.WARNING),
        (0.25, 0.1, 0.25, Status.WARNING),
        (0.26, 0.1, 0.25, Status.ALERT),
        (0.2, None, 0.25, Status.OK),
        (9.0, 0.1, None, Status.WARNING),
        (9.0, None, None, Status.OK),
    ],
)
def test_thresholds_are_passed_by_what_is_above(
    score: float, warning: float | None, alert: float | None, expected: Status
) -> None:
    assert assay_status.of(score, warning, alert) is expected
