"""Start one engine process: ``python -m jupyter_wallaroo.engine ROLE SOCKET PARENT MEMORY_BYTES CPU_S``.

``SOCKET`` is the number of an inherited socket. Only the server starts this.
"""

from __future__ import annotations

import asyncio
import socket
import sys


def main(arguments: list[str]) -> None:
    """Run one engine process to its end."""
    from jupyter_wallaroo.engine import process

    role, inherited, parent, memory_bytes, cpu_s = arguments
    process.die_with_parent(int(parent))
    process.limit(memory_bytes=int(memory_bytes), cpu_s=int(cpu_s))
    connection = socket.socket(fileno=int(inherited))

    if role == "replica":
        from jupyter_wallaroo.engine import replica

        handlers = replica.Replica().handlers()
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
