"""Start one engine process: ``python -m jupyter_wallaroo.engine START``, a `Start` as JSON; only the server does."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from jupyter_wallaroo.types.plan import Start

if TYPE_CHECKING:
    from jupyter_wallaroo.engine.frames import Buffer, Kind
    from jupyter_wallaroo.engine.process import Handler, Worker


KEPT_BYTES = 64 * 2**20
"""What a replica keeps of the memory that its last requests took."""


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

    with asyncio.Runner(loop_factory=_loop_factory(start.role)) as runner:
        runner.run(serve())


def _loop_factory(role: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes a replica's event loop: uvloop where it is there, else asyncio's own."""
    if role != "replica":
        return None
    try:
        import uvloop
    except ImportError:  # no build for this interpreter
        return None
    return uvloop.new_event_loop


def _worker(start: Start, peers: list[socket.socket]) -> Worker:
    from jupyter_wallaroo.engine.process import Worker, keep_memory

    if start.role == "replica":
        from jupyter_wallaroo.engine.arena import attach
        from jupyter_wallaroo.engine.frames import Kind
        from jupyter_wallaroo.engine.replica import Replica
        from jupyter_wallaroo.engine.sent_journal import SentJournal

        def send(kind: Kind, head: bytes, body: Buffer) -> None:
            worker.send(kind, head, body)

        def rolled() -> None:
            send(Kind.ROLLED, b"", b"")

        keep_memory(KEPT_BYTES)
        sent = SentJournal(send) if start.sends_journal else None
        replica = Replica(attach(*start.arena) if start.arena else b"", peers, sent, rolled)
        queues = replica.queues()
        if start.door is not None:
            from jupyter_wallaroo.engine.door.door import Door
            from jupyter_wallaroo.engine.scoreboard import Scoreboard

            listener, page = start.door
            queues |= Door(socket.socket(fileno=listener), Scoreboard(page), replica.submit, send).queues()
        worker = Worker(replica.handlers(), queues)
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
