"""Instants that people give, as the wire has them."""

from __future__ import annotations

from datetime import datetime


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
