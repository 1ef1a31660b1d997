"""What a replica's own door has under way and has counted, in memory that the server reads without asking.

The replica adds plain numbers to a page that both map (0.1 µs each); the server looks at it whenever it likes. So the
figures cost no message, and those of a replica that is killed are not lost. Every number is one aligned word, which is
read and written whole; that two of them may be a request apart does not matter to anybody.
"""

from __future__ import annotations

import mmap
import os
from bisect import bisect_left

from jupyter_wallaroo.types.tally import BOUNDS_S, BUCKETS_S, Tally

_OWED, _CONNECTIONS, _DUE_NS, _ROWS, _ANOMALIES, _TAKEN_NS, _STATUSES = range(7)
_LEAST_STATUS, _MOST_STATUS = 200, 599
_DURATIONS = _STATUSES + _MOST_STATUS - _LEAST_STATUS + 1
_BUCKETS = _DURATIONS + len(BOUNDS_S) + 1
_END = _BUCKETS + len(BUCKETS_S) + 1
SIZE_BYTES = 8 * _END

_BOUNDS_NS = tuple(round(1e9 * bound) for bound in BOUNDS_S)
_BUCKETS_NS = tuple(round(1e9 * bound) for bound in BUCKETS_S)


class Scoreboard:
    """One replica's page.

    Parameters
    ----------
    fd
        Of memory of `SIZE_BYTES` bytes that the other side has, too; it is closed.
    """

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, SIZE_BYTES)
        os.close(fd)
        self._words = memoryview(self._map).cast("Q")
        self._seen = [0] * _END

    @property
    def owed(self) -> int:
        """How many answers the door owes."""
        return self._words[_OWED]

    @owed.setter
    def owed(self, count: int) -> None:
        self._words[_OWED] = count

    @property
    def connections(self) -> int:
        """How many connections the door has open."""
        return self._words[_CONNECTIONS]

    @connections.setter
    def connections(self, count: int) -> None:
        self._words[_CONNECTIONS] = count

    @property
    def due_ns(self) -> int:
        """When, on the monotonic clock, an answer has to have left while any is owed: put off by each that leaves."""
        return self._words[_DUE_NS]

    @due_ns.setter
    def due_ns(self, instant_ns: int) -> None:
        self._words[_DUE_NS] = instant_ns

    def observe(self, status: int, taken_ns: int, rows: int, anomalies: int) -> None:
        """Count one request that was answered."""
        words = self._words
        words[_STATUSES + status - _LEAST_STATUS] += 1
        words[_TAKEN_NS] += taken_ns
        words[_DURATIONS + bisect_left(_BOUNDS_NS, taken_ns)] += 1
        words[_BUCKETS + bisect_left(_BUCKETS_NS, taken_ns)] += 1
        if rows:
            words[_ROWS] += rows
            words[_ANOMALIES] += anomalies

    def take(self) -> Tally | None:
        """Return what was counted since the last time, None when nothing was."""
        words, seen = self._words.tolist(), self._seen
        if words[_STATUSES:] == seen[_STATUSES:]:
            return None
        self._seen = words
        more = [now - before for now, before in zip(words, seen, strict=True)]

        def counts(start: int, end: int, first: int = 0) -> dict[int, int]:
            return {first + place: count for place, count in enumerate(more[start:end]) if count}

        return Tally(
            requests=counts(_STATUSES, _DURATIONS, _LEAST_STATUS),
            rows=more[_ROWS],
            anomalies=more[_ANOMALIES],
            seconds=more[_TAKEN_NS] / 1e9,
            durations=counts(_DURATIONS, _BUCKETS),
            buckets=counts(_BUCKETS, _END),
        )

    def close(self) -> None:
        """Give the memory back; more than once is fine."""
        self._words.release()
        if not self._map.closed:
            self._map.close()


def new_page() -> int:
    """Return a descriptor of the memory for a new scoreboard, all zero."""
    fd = os.memfd_create("wallaroo-scoreboard", os.MFD_CLOEXEC)
    os.ftruncate(fd, SIZE_BYTES)
    return fd
