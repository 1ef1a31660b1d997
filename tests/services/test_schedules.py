"""When a schedule fires, against an oracle that looks at every minute; and what is refused, with the right form shown."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services import schedules
from tests.services import minutes

COUNT = int(os.environ.get("JUPYTER_WALLAROO_TEST_SCHEDULES", "32"))
NOW_MS = 1_790_000_000_000


@pytest.mark.timeout(3600)
def test_a_year_of_schedules_in_four_zones() -> None:
    """Must show 2: none missed, none doubled (all 500 with JUPYTER_WALLAROO_TEST_SCHEDULES=500)."""
    start_ms = int(datetime(minutes.YEAR, 1, 1, tzinfo=UTC).timestamp()) * 1000
    end_ms = int(datetime(minutes.YEAR + 1, 1, 1, tzinfo=UTC).timestamp()) * 1000
    years = {zone: minutes.year_of(zone) for zone in minutes.ZONES}
    fired = missed = doubled = 0
    for number, schedule in enumerate(minutes.schedules(COUNT, seed=5)):
        for zone in minutes.ZONES if COUNT >= 500 else (minutes.ZONES[number % len(minutes.ZONES)],):
            expected = minutes.firings(schedule, years[zone])
            walk = schedules.firings(schedule.text, zone, start_ms - 1)
            actual = list(takewhile(lambda moment: moment < end_ms, walk))
            fired += len(actual)
            missed += len(set(expected) - set(actual))
            doubled += len(actual) - len(set(actual))
            assert actual == expected, f"{schedule.text!r} in {zone}"
    print(f"{COUNT} schedules, {fired} firings, {missed} missed, {doubled} doubled")
    assert fired > 1000 * COUNT / 10


@pytest.mark.parametrize("zone", minutes.ZONES)
@pytest.mark.parametrize("text", ["30 2 * * *", "0,30 1-3 * * *", "*/10 2 * * *", "40 * * * *", "5 */2 * * *"])
def test_a_schedule_taken_up_anew_at_any_moment_goes_on_as_if_never_put_down(text: str, zone: str) -> None:
    """The server asks for the next firing after each, also in the hours around a change of the clocks."""
    for change in ("2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01"):
        start_ms = int(datetime.fromisoformat(f"{change}T00:00:00Z").timestamp() * 1000) - 12 * 3_600_000
        walk = list(takewhile(lambda ms: ms < start_ms + 48 * 3_600_000, schedules.firings(text, zone, start_ms)))  # noqa: B023
        for number, moment in enumerate(walk[1:]):
            assert schedules.next_firing(text, zone, moment - 1) == moment
            assert schedules.next_firing(text, zone, walk[number]) == moment
            assert schedules.next_firing(text, zone, (walk[number] + moment) // 2) == moment


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", ["03-28T02:30:00+01:00", "03-29T03:00:00+02:00", "03-30T02:30:00+02:00"]),
        ("30 2 * * *", "UTC", ["03-28T02:30:00+00:00", "03-29T02:30:00+00:00", "03-30T02:30:00+00:00"]),
        ("*/30 2 * * *", "Europe/Berlin", ["03-28T02:00:00+01:00", "03-28T02:30:00+01:00", "03-30T02:00:00+02:00"]),
    ],
)
def test_the_hour_that_is_skipped(text: str, zone: str, expected: list[str]) -> None:
    """A daily job at 02:30 runs once, right after the gap (F21)."""
    after_ms = int(datetime(2026, 3, 28, tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    found = schedules.next_firings(text, zone, after_ms)
    assert [datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)).isoformat()[5:] for ms in found] == expected


def test_the_hour_that_comes_twice() -> None:
    """A daily job at 02:30 runs once, in the first of the two hours."""
    zone = "Europe/Berlin"
    after_ms = int(datetime(2026, 10, 25, tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    found = [datetime.fromtimestamp(ms / 1000, UTC) for ms in schedules.next_firings("30 2 * * *", zone, after_ms, 2)]
    assert found == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("0 42 * * * *", "got 6", "42 * * * *"),
        ("*/5 * * * * *", "Seconds are not scheduled", "* * * * *"),
        ("* * * *", "got 4", "42 * * * *"),
        ("", "got 0", "42 * * * *"),
        ("@daily", "'@daily'", "0 0 * * *"),
        ("@reboot", "'@reboot'", "42 * * * *"),
        ("61 * * * *", "minute", "42 * * * *"),
        ("0 0 30 2 *", "day", "42 * * * *"),
        ("$(id) * * * *", "minute", "42 * * * *"),
        (",".join(["1"] * 60) + " * * * *", "at most 100 characters", ""),
    ],
)
def test_what_is_no_schedule_is_refused_with_the_right_form(text: str, message: str, hint: str) -> None:
    """A six-field example in the tutorials is a mistake (A29)."""
    with pytest.raises(InvalidRequest) as refused:
        schedules.check(text, "UTC", NOW_MS)
    assert message in refused.value.message
    assert hint in refused.value.hint


def test_a_time_zone_that_is_none_names_the_nearest() -> None:
    with pytest.raises(InvalidRequest) as refused:
        schedules.check("* * * * *", "Europe/Berln", NOW_MS)
    assert "Europe/Berlin" in refused.value.hint


@pytest.mark.parametrize("zone", ["../etc/passwd", "/etc/passwd", "\0", "", "posixrules/../UTC"])
def test_a_time_zone_that_is_a_path_is_refused(zone: str) -> None:
    with pytest.raises(InvalidRequest):
        schedules.check("* * * * *", zone, NOW_MS)


def test_what_never_fires_in_five_years_is_refused() -> None:
    """29 February on a Monday comes every 28 years."""
    with pytest.raises(InvalidRequest, match="five years"):
        schedules.check("0 0 29 2 */7", "UTC", NOW_MS)
