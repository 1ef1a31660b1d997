"""The windows of an assay being built, and times as people say them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.types import assay as wire

if TYPE_CHECKING:
    from typing import Self


class WindowBuilder:
    """Which stretches of time are compared with the baseline; every step returns the builder.

    Parameters
    ----------
    model_name
        Whose records count; None: all.
    """

    def __init__(self, model_name: str | None) -> None:
        self._built = wire.AssayWindow(width="24 hours", model_name=model_name)

    def _with(self, **changes: Any) -> Self:
        self._built = msgspec.structs.replace(self._built, **changes)
        return self

    def add_width(self, **length: float) -> Self:
        """Make windows so long, as ``minutes=1`` or ``hours=24`` (any of timedelta's); at first 24 hours."""
        return self._with(width=_length(length))

    def add_interval(self, **length: float) -> Self:
        """Begin a window so long after the one before; without, each begins where the one before ends."""
        return self._with(interval=_length(length))

    def add_start(self, start: datetime) -> Self:
        """Begin the first window then; without, where the baseline ends."""
        return self._with(start=instant("start", start))

    def add_model_name(self, model_name: str) -> Self:
        """Let only the records of this model count."""
        return self._with(model_name=model_name)

    def add_location_filter(self, locations: list[str]) -> Self:
        """Let only the records of these engine processes (``metadata.partition``) count."""
        return self._with(locations=list(locations))

    def build(self) -> wire.AssayWindow:
        """Return what was built."""
        return self._built


def instant(name: str, moment: datetime) -> str:
    """Return an instant as it is sent; one without a time zone is in local time."""
    if not isinstance(moment, datetime):
        raise TypeError(f"{name}: expected a datetime; got {type(moment).__name__}.")
    return moment.astimezone().isoformat()


def _length(given: dict[str, float]) -> str:
    try:
        seconds = timedelta(**given).total_seconds()
    except TypeError:
        seconds = 0.0
    if seconds < 1:
        raise InvalidRequest(
            f"A length of time of at least a second is said as minutes=1 or hours=24; got {given!r:.60}."
        )
    unit = next(name for name in ("hours", "minutes", "seconds") if seconds % _SECONDS[name] == 0 or name == "seconds")
    return f"{round(seconds / _SECONDS[unit])} {unit}"


_SECONDS = {"hours": 3600, "minutes": 60, "seconds": 1}
