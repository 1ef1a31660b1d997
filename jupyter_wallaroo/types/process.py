"""Which process is meant, by what is written down about it."""

from __future__ import annotations

from msgspec import Struct


class Identity(Struct, frozen=True):
    """One process, whatever its id is given to later; ``started`` is in clock ticks since the machine started."""

    pid: int
    started: int
