"""Bodies that are still coming in: one that takes too long is cut off (SECURITY D2).

Tornado's own body time limit costs a timer and a future for every request; one look a second at those that are not
complete costs nothing.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

BODY_LIMIT_S = 60.0
LOOK_PERIOD_S = 1.0


class Receiver(Protocol):
    """Whatever a body comes in for."""

    def cut_off(self) -> None:
        """End the connection that it comes by."""


class Receiving:
    """Who waits for a body, or the next part of it, and until when it has to come."""

    def __init__(self) -> None:
        self._until: dict[Receiver, float] = {}
        self._watch: asyncio.Task[None] | None = None

    def begin(self, receiver: Receiver, *, limit_s: float = BODY_LIMIT_S) -> None:
        """Note that a body, or its next part, has to come in within ``limit_s`` seconds."""
        self._until[receiver] = time.monotonic() + limit_s

    def end(self, receiver: Receiver) -> None:
        """Note that it is complete, or not of interest any more; more than once is fine."""
        self._until.pop(receiver, None)

    def watch(self) -> None:
        """Begin to cut off bodies that take longer than they may."""
        self._watch = asyncio.get_running_loop().create_task(self._cut_off())

    def stop(self) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.cancel()

    async def _cut_off(self) -> None:
        while True:
            await asyncio.sleep(LOOK_PERIOD_S)
            now = time.monotonic()
            for receiver in [receiver for receiver, until in self._until.items() if until < now]:
                self.end(receiver)
                receiver.cut_off()
