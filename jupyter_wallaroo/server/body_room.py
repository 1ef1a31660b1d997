"""What the bodies of inferences may take of this process's memory together, and of what engines share with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_wallaroo.engine.arena import Arena, Region

SHARED_FROM_BYTES = 64 * 1024
"""From this size on a body is passed to engines by its place in shared memory."""


class Reservation:
    """Room for one body until it is released.

    Parameters
    ----------
    room
        What it is taken out of.
    size
        Bytes that are counted against the budget, 0 where there is a region.
    region
        Where the body goes that engines read in place.
    """

    __slots__ = ("_room", "_size", "region")

    def __init__(self, room: BodyRoom, size: int, region: Region | None) -> None:
        self._room = room
        self._size = size
        self.region = region

    def release(self) -> None:
        """Give the room back; more than once is fine."""
        self._room.used_bytes -= self._size
        self._size = 0
        region, self.region = self.region, None
        if region is not None:
            region.release()


class BodyRoom:
    """The room for all bodies under way (SECURITY D1).

    Parameters
    ----------
    budget_bytes
        What those have that are small, or of unknown length. Large ones of known length lie in the arena, whose size is
        the same budget.
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self.used_bytes = 0

    def reserve(self, arena: Arena, size: int | None, most: int) -> Reservation | None:
        """Return room for a body of ``size`` bytes, None when there is not enough.

        Parameters
        ----------
        size
            As it says of itself, None when it does not.
        most
            What it may have at most.
        """
        if size is not None and size >= SHARED_FROM_BYTES:
            region = arena.take(size)
            return None if region is None else Reservation(self, 0, region)
        counted = most if size is None else size
        if self.used_bytes + counted > self.budget_bytes:
            return None
        self.used_bytes += counted
        return Reservation(self, counted, None)
