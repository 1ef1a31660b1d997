"""The time of day, and waiting for it."""

from __future__ import annotations

import asyncio
import contextlib
import time

LONGEST_SLEEP_S = 60.0
"""A machine that was suspended, or whose clock was set, is late by no more than this."""


class Clock:
    """The machine's own clock; tests have one that they set."""

    def now_ms(self) -> int:
        """Return the present instant in ms since the epoch."""
        return time.time_ns() // 1_000_000

    async def wait(self, until_ms: int | None, woken: asyncio.Event) -> None:
        """Wait until an instant has come (None: for ever) or ``woken`` is set; it may also return early."""
        if until_ms is None:
            await woken.wait()
            return
        remaining_s = max(0.0, (until_ms - self.now_ms()) / 1000)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), min(remaining_s, LONGEST_SLEEP_S))
