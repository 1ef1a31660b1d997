"""When a cron schedule fires. Pure functions of the five fields, a time zone and an instant (S5-31, A29, SECURITY C11).

The fields are read by `cronsim`, with the meaning of Debian's cron: ``42 * * * *`` is minute 42 of every hour. The walk
over the year is our own: cronsim's misses firings where clocks change by half an hour (Australia/Lord_Howe). Where
the clocks change, a schedule whose minute or hour begins with ``*`` goes by what the clock shows: minutes that are
skipped do not fire, minutes that come twice fire twice. One at fixed times fires once for each of them: right after the
gap when its minute is skipped, the first time when it comes twice.
"""

from __future__ import annotations

import contextlib
import os
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from jupyter_wallaroo.errors import InvalidRequest, nearest

if TYPE_CHECKING:
    from cronsim import CronSim

FIELDS = 5
MAX_LENGTH = 100
WITHIN = timedelta(days=5 * 366)
SHOWN = 3
"""Firings that are told when a schedule is made."""

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_HINT = "Write five fields: minute, hour, day, month and weekday, such as '{example}' for {meaning}."
_MACROS = {
    "@yearly": ("0 0 1 1 *", "the first of January at midnight"),
    "@annually": ("0 0 1 1 *", "the first of January at midnight"),
    "@monthly": ("0 0 1 * *", "the first of every month at midnight"),
    "@weekly": ("0 0 * * 0", "every Sunday at midnight"),
    "@daily": ("0 0 * * *", "every day at midnight"),
    "@midnight": ("0 0 * * *", "every day at midnight"),
    "@hourly": ("0 * * * *", "every full hour"),
}
_EXAMPLE = ("42 * * * *", "minute 42 of every hour")


def check(schedule: str, time_zone: str, now_ms: int) -> None:
    """Refuse a schedule that cannot be kept.

    Parameters
    ----------
    schedule
        Five fields of cron, at most `MAX_LENGTH` characters.
    time_zone
        The IANA name of the zone that the fields are meant in.
    now_ms
        The present instant, in ms since the epoch.

    Raises
    ------
    InvalidRequest
        It is not of that form, names no zone, or does not fire within five years; the hint shows the right form.
    """
    _zone(time_zone)
    _check_form(schedule)
    _parsed(schedule)
    run_ms = next_firing(schedule, time_zone, now_ms)
    if run_ms is None or run_ms > now_ms + WITHIN.total_seconds() * 1000:
        raise InvalidRequest(
            f"'schedule': {schedule!r} does not fire within five years.", hint="Check the day and the month."
        )


def next_firing(schedule: str, time_zone: str, after_ms: int) -> int | None:
    """Return the first firing later than an instant, in ms since the epoch; None when there is none in 50 years."""
    return next(firings(schedule, time_zone, after_ms), None)


def next_firings(schedule: str, time_zone: str, after_ms: int, count: int = SHOWN) -> list[int]:
    """Return the next firings later than an instant, in ms since the epoch."""
    return list(islice(firings(schedule, time_zone, after_ms), count))


def firings(schedule: str, time_zone: str, after_ms: int) -> Iterator[int]:
    """Yield the firings later than an instant, in ms since the epoch, each once and in order."""
    fields, zone = _parsed(schedule), _zone(time_zone)
    after = datetime.fromtimestamp(after_ms / 1000, UTC)
    found = _by_the_clock(fields, zone, after) if is_relative(schedule) else _at_fixed_times(fields, zone, after)
    for moment in found:
        yield round(moment.timestamp() * 1000)


def is_relative(schedule: str) -> bool:
    """Tell whether a schedule's minute or hour begins with ``*``, so that it goes by what the clock shows."""
    minute, hour, *_ = schedule.split()
    return minute.startswith("*") or hour.startswith("*")


def local_time_zone() -> str:
    """Return the IANA name of this machine's time zone; UTC where it has none."""
    linked = os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]
    for name in (os.environ.get("TZ", "").removeprefix(":"), linked):
        if name and not os.path.isabs(name):
            with contextlib.suppress(InvalidRequest):
                _zone(name)
                return name
    return "UTC"


def _by_the_clock(fields: CronSim, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Yield every minute that the clock of a zone shows and the fields want."""
    moment = after.replace(second=0, microsecond=0) + _MINUTE
    until = after + timedelta(days=50 * 366)
    wanted = sorted(fields.minutes)
    while moment < until:
        local = moment.astimezone(zone)
        if local.month not in fields.months or not fields.match_day(local.date()):
            moment = max(moment + _MINUTE, _begins(local + _DAY, zone))
            continue
        steady = _steady_minutes(moment, local, zone)
        if local.hour in fields.hours:
            for minute in wanted:
                if 0 <= minute - local.minute < steady:
                    yield moment + (minute - local.minute) * _MINUTE
        moment += steady * _MINUTE


def _begins(local: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clock of a zone first shows the day of ``local``."""
    wall = datetime(local.year, local.month, local.day)
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    while first.astimezone(zone).date() < wall.date():  # the clocks change at midnight, and it is skipped
        first += _MINUTE
    return first


def _steady_minutes(moment: datetime, local: datetime, zone: ZoneInfo) -> int:
    """Return how many minutes the clock goes on to the next full hour; one where it is changed before that."""
    left = 60 - local.minute
    return left if (moment + left * _MINUTE).astimezone(zone).utcoffset() == local.utcoffset() else 1


def _at_fixed_times(fields: CronSim, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Yield the instant of every time of day that the fields want, the clocks' changes set right."""
    last = after
    day = after.astimezone(zone).date() - _DAY
    until = day + timedelta(days=50 * 366)
    times = [(hour, minute) for hour in sorted(fields.hours) for minute in sorted(fields.minutes)]
    while day < until:
        if day.month in fields.months and fields.match_day(day):
            for hour, minute in times:
                wall = datetime(day.year, day.month, day.day, hour, minute)
                moment = _instant(wall, zone)
                if moment > last:
                    last = moment
                    yield moment
        day += _DAY


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clock of a zone first shows a time of day; where that is skipped, the end of the gap."""
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    while moment.astimezone(zone).replace(tzinfo=None) != wall:
        wall += _MINUTE
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
    return moment


def _check_form(schedule: str) -> None:
    if len(schedule) > MAX_LENGTH:
        raise InvalidRequest(f"'schedule': expected at most {MAX_LENGTH} characters; got {len(schedule)}.")
    words = schedule.split()
    if schedule.strip().startswith("@"):
        example, meaning = _MACROS.get(schedule.strip().lower(), _EXAMPLE)
        raise InvalidRequest(
            f"'schedule': names such as {schedule.strip()[:20]!r} are not taken.",
            hint=_HINT.format(example=example, meaning=meaning),
        )
    if len(words) != FIELDS:
        is_seconds = len(words) == FIELDS + 1
        example = " ".join(words[1:]) if is_seconds and _is_cron(" ".join(words[1:])) else _EXAMPLE[0]
        meaning = "the same without seconds" if is_seconds and example != _EXAMPLE[0] else _EXAMPLE[1]
        raise InvalidRequest(
            f"'schedule': expected five fields; got {len(words)} in {schedule[:40]!r}."
            + (" Seconds are not scheduled: a task runs at most once a minute." if is_seconds else ""),
            hint=_HINT.format(example=example, meaning=meaning),
        )


def _is_cron(schedule: str) -> bool:
    try:
        _parsed(schedule)
    except InvalidRequest:
        return False
    return True


@lru_cache(maxsize=1000)
def _parsed(schedule: str) -> CronSim:
    """Return the fields of a schedule, which nobody may advance."""
    from cronsim import CronSim, CronSimError

    try:
        return CronSim(schedule, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise InvalidRequest(
            f"'schedule': {schedule!r} is no cron expression: {error}.",
            hint=_HINT.format(example=_EXAMPLE[0], meaning=_EXAMPLE[1]),
        ) from None


def _zone(time_zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = zoneinfo.available_timezones()
        raise InvalidRequest(
            f"'time_zone': {time_zone[:60]!r} is no time zone.", hint=nearest(time_zone[:60], sorted(known))
        ) from None
