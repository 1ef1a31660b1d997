"""Background work waiting for its turn, in two lanes that never wait for each other (S4-22 to S4-27).

What a person started goes through one lane, what a schedule started through the other; each lane runs so many at once.
The queue remembers nothing over a restart: the store does, and whoever owns the work enters it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from enum import StrEnum

_log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]
"""One piece of work, from its start to its end; tells failures in its own records and never by raising."""


class Lane(StrEnum):
    """Who started the work."""

    INTERACTIVE = "interactive"
    BACKGROUND = "background"


class Queue:
    """Runs work, the oldest of each lane first.

    Parameters
    ----------
    interactive, background
        How many pieces of work of each lane run at once, at least 1.
    """

    def __init__(self, *, interactive: int, background: int) -> None:
        self._limits = {Lane.INTERACTIVE: interactive, Lane.BACKGROUND: background}
        self._waiting: dict[Lane, dict[str, Work]] = {lane: {} for lane in Lane}
        self._running: dict[Lane, dict[str, asyncio.Task[None]]] = {lane: {} for lane in Lane}
        self._is_stopping = False

    @property
    def is_busy(self) -> bool:
        """Whether anything runs or waits, so that a Hub must not cull the server."""
        return any(self._waiting.values()) or any(self._running.values())

    def enter(self, key: str, lane: Lane, work: Work) -> None:
        """Take work in; it begins at once where its lane has room. A ``key`` that is waiting already is replaced."""
        self._waiting[lane][key] = work
        self._advance(lane)

    def leave(self, key: str) -> bool:
        """Take work out that is still waiting; False when it is not, because it runs, has ended or is unknown."""
        return any(waiting.pop(key, None) is not None for waiting in self._waiting.values())

    def place(self, key: str) -> int | None:
        """Return how many are before ``key`` in its lane, None when it is not waiting."""
        for waiting in self._waiting.values():
            if key in waiting:
                return list(waiting).index(key)
        return None

    async def stop(self) -> None:
        """Begin nothing more and cancel what runs, which cleans up after itself."""
        self._is_stopping = True
        running = [task for tasks in self._running.values() for task in tasks.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _advance(self, lane: Lane) -> None:
        waiting, running = self._waiting[lane], self._running[lane]
        while waiting and len(running) < self._limits[lane] and not self._is_stopping:
            key = next(iter(waiting))
            work = waiting.pop(key)
            running[key] = asyncio.get_running_loop().create_task(self._run(key, lane, work))

    async def _run(self, key: str, lane: Lane, work: Work) -> None:
        try:
            await work()
        except Exception:  # noqa: BLE001  whatever one piece of work meets, the next one gets its turn
            _log.exception("wallaroo: background work %s ended without saying how", key)
        finally:
            del self._running[lane][key]
            self._advance(lane)
