"""Requests submitted to a replica in one tick of the event loop, as a door submits what has arrived together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.engine.replica import Replica
from jupyter_wallaroo.segments.journal import JournalReader
from jupyter_wallaroo.types.plan import Answered, InferRequest
from tests.segments.writing import written

Sent = tuple[InferRequest, Buffer]


@dataclass
class Outcome:
    """What came of one request."""

    said: Answered | None = None
    body: bytes = b""
    error: Exception | None = None


class _Reply:
    def __init__(self, done: asyncio.Future[Outcome]) -> None:
        self._done = done

    def answer(self, said: Answered, body: Buffer) -> None:
        self._done.set_result(Outcome(said, bytes(body)))

    def refuse(self, error: Exception) -> None:
        self._done.set_result(Outcome(error=error))


def together(replica: Replica, sent: Sequence[Sent]) -> list[Outcome]:
    """Submit all at once and return the outcome of each."""

    async def run() -> list[Outcome]:
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Outcome]] = [loop.create_future() for _ in sent]
        for (request, body), future in zip(sent, futures, strict=True):
            replica.submit(request, body, _Reply(future))
        return await asyncio.wait_for(asyncio.gather(*futures), 60)

    return asyncio.run(run())


def runs_logged(folder: Path) -> list[int]:
    """How many rows each entry of the journal has: one for each run."""
    return [entry.rows for path in written(folder / "log") for entry in JournalReader(path).read()]


def values_of(item: Any) -> Any:
    """An answer without what differs from one run to the next: when it was, and how long it took."""
    if isinstance(item, dict):
        return {key: values_of(value) for key, value in item.items() if key not in {"time", "elapsed", "metadata"}}
    return [values_of(value) for value in item] if isinstance(item, list) else item
