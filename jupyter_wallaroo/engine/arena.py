"""Memory that the server and its engines share: large request bodies are written once and read in place.

The server maps the arena for writing and hands out regions of it; engines inherit its descriptor and map it for
reading only. A frame then says where in the arena the bytes lie. A region is given back when everybody who holds it has
let go: the handler that filled it, and each engine that was told of it, once it has answered or is gone.
"""

from __future__ import annotations

import bisect
import mmap
import os

ALIGNMENT = 4096
KEPT_BYTES = 32 * 2**20
"""What stays in memory while no region is out; the rest goes back to the system."""


class Region:
    """A piece of an arena, held by at least one until it is given back."""

    def __init__(self, arena: Arena, offset: int, size: int) -> None:
        self.offset = offset
        self.size = size
        self._arena = arena
        self._filled = 0
        self._holders = 1

    @property
    def view(self) -> memoryview:
        """Its bytes."""
        return self._arena.memory[self.offset : self.offset + self.size]

    def write(self, part: bytes) -> None:
        """Append ``part``; what does not fit is an error of the caller."""
        start = self.offset + self._filled
        self._filled += len(part)
        if self._filled > self.size:
            raise ValueError(f"a region of {self.size} bytes was filled with {self._filled}")
        self._arena.memory[start : start + len(part)] = part

    def hold(self) -> None:
        """Keep it from being given back until one more `release`."""
        self._holders += 1

    def release(self) -> None:
        """Let go of it."""
        self._holders -= 1
        if not self._holders:
            self._arena.give_back(self)


class Arena:
    """The server's side.

    Parameters
    ----------
    size_bytes
        What all regions together may have. Memory is taken from the system when it is first written to.
    """

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = -(-size_bytes // ALIGNMENT) * ALIGNMENT
        self.fd = os.memfd_create("wallaroo-bodies", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, self.size_bytes)
        self._map = mmap.mmap(self.fd, self.size_bytes)
        self.memory = memoryview(self._map)
        self._holes: list[tuple[int, int]] = [(0, self.size_bytes)]
        self._high = 0

    def take(self, size: int) -> Region | None:
        """Return a region of ``size`` bytes at the lowest place where one fits, None when there is no room."""
        needed = max(1, -(-size // ALIGNMENT)) * ALIGNMENT
        for number, (offset, length) in enumerate(self._holes):
            if length >= needed:
                rest = [(offset + needed, length - needed)] if length > needed else []
                self._holes[number : number + 1] = rest
                self._high = max(self._high, offset + needed)
                return Region(self, offset, size)
        return None

    def give_back(self, region: Region) -> None:
        """Make a region's place free again, joined with what is free beside it."""
        start = region.offset
        end = start + max(1, -(-region.size // ALIGNMENT)) * ALIGNMENT
        number = bisect.bisect(self._holes, (start, 0))
        if number < len(self._holes) and self._holes[number][0] == end:
            end += self._holes.pop(number)[1]
        if number and sum(self._holes[number - 1]) == start:
            number -= 1
            start = self._holes.pop(number)[0]
        self._holes.insert(number, (start, end - start))
        if end - start == self.size_bytes and self._high > KEPT_BYTES:
            self._map.madvise(mmap.MADV_REMOVE, KEPT_BYTES, self._high - KEPT_BYTES)
            self._high = 0

    def close(self) -> None:
        """Give the memory back; more than once is fine."""
        if self.fd >= 0:
            self.memory.release()
            self._map.close()
            os.close(self.fd)
            self.fd = -1


def attach(fd: int, size_bytes: int) -> memoryview:
    """Return an engine's view of the arena behind an inherited descriptor, for reading only."""
    view = memoryview(mmap.mmap(fd, size_bytes, prot=mmap.PROT_READ))
    os.close(fd)
    return view
