"""Instants: those that people give, as the wire has them, and the time zones of those that they see."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo


def wire_instant(name: str, moment: datetime | None) -> str | None:
    """Return ``moment``, aware or in local time, in ISO 8601 with its offset; None for None.

    Raises
    ------
    TypeError
        The argument called ``name`` is no datetime.
    """
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise TypeError(f"{name}: expected a datetime; got {type(moment).__name__}.")
    return moment.astimezone().isoformat()


def zone(name: str | None) -> tzinfo:
    """Return a time zone; UTC where none is named, or this machine does not know it (Windows without ``tzdata``)."""
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):
        return UTC
