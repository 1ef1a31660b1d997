"""A Jupyter extension for drills only: the server's clock goes sixty times as fast, so that each second is a minute."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import Any

from jupyter_wallaroo.services import services
from jupyter_wallaroo.services.clock import Clock

SPEED = 60
BEGUN_MS = "JUPYTER_WALLAROO_TEST_CLOCK_BEGUN_MS"
"""The variable that says since when, so that the clock goes on over restarts."""


class FastClock(Clock):
    """The machine's clock, faster."""

    def now_ms(self) -> int:
        begun_ms = int(os.environ[BEGUN_MS])
        return begun_ms + (time.time_ns() // 1_000_000 - begun_ms) * SPEED

    async def wait(self, until_ms: int | None, woken: asyncio.Event) -> None:
        remaining_s = None if until_ms is None else max(0.0, (until_ms - self.now_ms()) / 1000 / SPEED)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), remaining_s)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "tests.faults.fast_clock"}]


def _load_jupyter_server_extension(_: Any) -> None:
    services.Clock = FastClock  # type: ignore[misc]
