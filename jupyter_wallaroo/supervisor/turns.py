"""Requests that wait until a replica has room for them, in the order in which they came."""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """A line of requests; whoever gives back room calls the next."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self, deadline: float, *, is_first: bool) -> None:
        """Wait to be called.

        Parameters
        ----------
        deadline
            Seconds of the monotonic clock.
        is_first
            Whether to wait before all others, after a call that came to nothing.

        Raises
        ------
        TimeoutError
            The deadline passed.
        """
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._waiting.appendleft if is_first else self._waiting.append)(called)
        try:
            async with asyncio.timeout_at(deadline):
                await called
        except BaseException:
            if called.done() and not called.cancelled():
                self.call(1)  # whoever was called and cannot come gives the call to the next
            raise

    def call(self, count: int) -> None:
        """Call the next ``count`` that still wait."""
        while count > 0 and self._waiting:
            called = self._waiting.popleft()
            if not called.done():
                called.set_result(None)
                count -= 1
