"""A slow oracle of cron: looks at every minute of a year, knows nothing of cronsim, and documents what is meant.

* A minute fires when the zone's clock shows it and all fields want it; of day and weekday, either suffices when
  neither is ``*`` (Debian's cron).
* Where the clock goes back, a minute is shown twice. A schedule that goes by the clock (its minute or hour is ``*`` or
  ``*/n``) fires both times, one at fixed times the first time only.
* Where the clock goes forward, minutes are not shown. The first goes without; the second fires at the first minute that
  is shown again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

YEAR = 2026
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
RANGES = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 6)}
DAYS_OF_MONTH = 28
"""Days that every month has, so that a random schedule always comes true."""

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Field:
    """A field as cron writes it, and which values it means."""

    text: str
    wanted: frozenset[int]

    @property
    def is_star(self) -> bool:
        return self.text.startswith("*")


@dataclass(frozen=True)
class Schedule:
    """A schedule made up, so that nobody has to read it."""

    fields: dict[str, Field]

    @property
    def text(self) -> str:
        return " ".join(field.text for field in self.fields.values())


@dataclass(frozen=True)
class Year:
    """What a zone's clock shows in each minute of a year."""

    instants_ms: Ints
    shown: dict[str, Ints]
    is_again: Flags
    skipped: dict[int, dict[str, Ints]]
    """By the place of the first minute after a gap: what the gap left out."""


def year_of(zone: str) -> Year:
    """Walk a zone's year in UTC, minute by minute."""
    tz = ZoneInfo(zone)
    start = datetime(YEAR, 1, 1, tzinfo=UTC)
    minutes = [start + timedelta(minutes=number) for number in range(365 * 24 * 60)]
    walls = [minute.astimezone(tz) for minute in minutes]
    skipped = {}
    for place in range(1, len(walls)):
        before, now = (walls[at].replace(tzinfo=None) for at in (place - 1, place))
        gap = int((now - before).total_seconds()) // 60
        if gap > 1:
            skipped[place] = _values([before + timedelta(minutes=number) for number in range(1, gap)])
    return Year(
        instants_ms=np.array([int(minute.timestamp()) * 1000 for minute in minutes]),
        shown=_values(walls),
        is_again=np.array([bool(wall.fold) for wall in walls]),
        skipped=skipped,
    )


def _values(walls: list[datetime]) -> dict[str, Ints]:
    return {
        "minute": np.array([wall.minute for wall in walls]),
        "hour": np.array([wall.hour for wall in walls]),
        "day": np.array([wall.day for wall in walls]),
        "month": np.array([wall.month for wall in walls]),
        "weekday": np.array([wall.isoweekday() % 7 for wall in walls]),
    }


def firings(schedule: Schedule, year: Year) -> list[int]:
    """Return the instants of a year at which a schedule fires, in ms since the epoch."""
    found = _matches(schedule, year.shown)
    if not (schedule.fields["minute"].is_star or schedule.fields["hour"].is_star):
        found &= ~year.is_again
        for place, left_out in year.skipped.items():
            found[place] |= bool(_matches(schedule, left_out).any())
    return [int(moment) for moment in year.instants_ms[found]]


def _matches(schedule: Schedule, shown: dict[str, Ints]) -> Flags:
    hit = {name: np.isin(shown[name], list(field.wanted)) for name, field in schedule.fields.items()}
    if schedule.fields["day"].is_star or schedule.fields["weekday"].is_star:
        day = hit["day"] & hit["weekday"]
    else:
        day = hit["day"] | hit["weekday"]
    return hit["minute"] & hit["hour"] & hit["month"] & day


def schedules(count: int, seed: int) -> list[Schedule]:
    """Return schedules of every form, many of them near the hours at which clocks change."""
    rng = random.Random(seed)
    return [Schedule({name: _field(rng, name, *bounds) for name, bounds in RANGES.items()}) for _ in range(count)]


def _field(rng: random.Random, name: str, low: int, high: int) -> Field:
    forms = {"minute": 0.2, "hour": 0.35, "day": 0.75, "month": 0.8, "weekday": 0.75}
    if rng.random() < forms[name]:
        return Field("*", frozenset(range(low, high + 1)))
    top = DAYS_OF_MONTH if name == "day" else high
    kind = rng.choice(("one", "list", "range", "step", "stepped range"))
    if kind == "one":
        value = rng.choice((0, 1, 2, 3)) if name == "hour" and rng.random() < 0.7 else rng.randint(low, top)
        return Field(str(value), frozenset({value}))
    if kind == "list":
        values = sorted(rng.sample(range(low, top + 1), min(3, top - low)))
        return Field(",".join(map(str, values)), frozenset(values))
    step = rng.randint(2, max(2, (high - low) // 2))
    if kind == "step":
        return Field(f"*/{step}", frozenset(range(low, high + 1, step)))
    first = rng.randint(low, top - 1)
    last = rng.randint(first + 1, top)
    if kind == "range":
        return Field(f"{first}-{last}", frozenset(range(first, last + 1)))
    return Field(f"{first}-{last}/{step}", frozenset(range(first, last + 1, step)))
