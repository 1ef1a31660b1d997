"""Start one engine process: ``python -m jupyter_wallaroo.engine START``, a `Start` as JSON; only the server does."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from jupyter_wallaroo.types.plan import Start

if TYPE_CHECKING:
    from jupyter_wallaroo.engine.process import Handler, Worker


def main(text: str) -> None:
    """Run one engine process to its end."""
    from jupyter_wallaroo.engine import process

    start = msgspec.json.decode(text, type=Start)
    process.die_with_parent(start.parent)
    process.limit(memory_bytes=start.memory_bytes, cpu_s=start.cpu_s)
    peers = [socket.socket(fileno=number) for number in start.peers]
    sockets = [socket.socket(fileno=start.socket), *(peers if start.role == "sidekick" else ())]

    async def serve() -> None:
        await _worker(start, peers).serve(*sockets)

    asyncio.run(serve())


def _worker(start: Start, peers: list[socket.socket]) -> Worker:
    from jupyter_wallaroo.engine.process import Worker

    if start.role == "replica":
        from jupyter_wallaroo.engine.arena import attach
        from jupyter_wallaroo.engine.replica import Replica
        from jupyter_wallaroo.engine.sent_journal import SentJournal

        sent = SentJournal(lambda *frame: worker.send(*frame)) if start.sends_journal else None  # noqa: PLW0108
        replica = Replica(attach(*start.arena) if start.arena else b"", peers, sent)
        worker = Worker(replica.handlers(), replica.queues())
        return worker
    return Worker(_handlers(start))


def _handlers(start: Start) -> Mapping[int, Handler]:
    if start.role == "sidekick":
        from jupyter_wallaroo.engine import sidekick

        return sidekick.Sidekick().handlers()
    if start.role == "inspector":
        from jupyter_wallaroo.engine import inspector

        return inspector.handlers()
    if start.role == "orchestration":
        from jupyter_wallaroo.engine import orchestration

        return orchestration.handlers()
    if start.role == "analyst":
        from jupyter_wallaroo.engine import analyst

        return analyst.Analyst().handlers()
    from jupyter_wallaroo.engine import archivist

    return archivist.Archivist().handlers()


if __name__ == "__main__":
    main(sys.argv[1])
