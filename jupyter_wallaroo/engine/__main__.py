"""Start one engine process.

``python -m jupyter_wallaroo.engine ROLE SOCKET PARENT MEMORY_BYTES CPU_S [ARENA ARENA_BYTES]``, where ``SOCKET`` and
``ARENA`` are the numbers of inherited descriptors. Only the server starts this.
"""

from __future__ import annotations

import asyncio
import socket
import sys


def main(arguments: list[str]) -> None:
    """Run one engine process to its end."""
    from jupyter_wallaroo.engine import process

    role, inherited, parent, memory_bytes, cpu_s, *arena = arguments
    process.die_with_parent(int(parent))
    process.limit(memory_bytes=int(memory_bytes), cpu_s=int(cpu_s))
    connection = socket.socket(fileno=int(inherited))

    if role == "replica":
        from jupyter_wallaroo.engine import replica
        from jupyter_wallaroo.engine.arena import attach

        handlers = replica.Replica(attach(int(arena[0]), int(arena[1]))).handlers()
    elif role == "inspector":
        from jupyter_wallaroo.engine import inspector

        handlers = inspector.handlers()
    else:
        from jupyter_wallaroo.engine import archivist

        handlers = archivist.Archivist().handlers()

    async def serve() -> None:
        await process.Worker(handlers).serve(connection)

    asyncio.run(serve())


if __name__ == "__main__":
    main(sys.argv[1:])
