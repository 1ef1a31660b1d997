"""Start the agent or a relay: ``python -m jupyter_wallaroo.cluster START``, a `Start` as JSON; only the server does."""

from __future__ import annotations

import asyncio
import socket
import sys

import msgspec

from jupyter_wallaroo.engine import process
from jupyter_wallaroo.types.plan import Start


def main(text: str) -> None:
    """Run one process to its end."""
    start = msgspec.json.decode(text, type=Start)
    process.die_with_parent(start.parent)
    process.limit(memory_bytes=start.memory_bytes)
    asyncio.run(_serve(start, socket.socket(fileno=start.socket)))


async def _serve(start: Start, server: socket.socket) -> None:
    if start.role == "agent":
        from jupyter_wallaroo.cluster.agent import Agent

        await Agent().serve(server)
    else:
        from jupyter_wallaroo.cluster.relay import Relay
        from jupyter_wallaroo.engine.arena import attach

        await Relay(attach(*start.arena) if start.arena else b"").serve(server)


if __name__ == "__main__":
    main(sys.argv[1])
