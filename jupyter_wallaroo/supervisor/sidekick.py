"""The process beside a replica that runs one model which the engine does not run itself."""

from __future__ import annotations

import asyncio
import shutil
import socket
import time
import uuid
from pathlib import Path

import msgspec

from jupyter_wallaroo.engine.frames import Kind
from jupyter_wallaroo.supervisor.process import EngineProcess, Reply
from jupyter_wallaroo.supervisor.processors import thread_variables, threads
from jupyter_wallaroo.supervisor.spec import SidekickSpec
from jupyter_wallaroo.types.plan import SidekickPlan

MEMORY_HEADROOM_BYTES = 16 * 2**30
"""What the address space may be larger than the memory limit: libraries such as PyTorch map far more than they use."""

_encode = msgspec.msgpack.Encoder().encode


class SidekickProcess:
    """A started sidekick; made by `start`.

    Parameters
    ----------
    spec
        What it runs.
    process
        Its process.
    directory
        Its working directory, its own, which goes when it does.
    peer
        The socket for its replica to inherit; to be closed here once it has.
    """

    def __init__(self, spec: SidekickSpec, process: EngineProcess, directory: Path, peer: socket.socket) -> None:
        self.spec = spec
        self.process = process
        self.peer = peer
        self._directory = directory
        self._cleaning = asyncio.get_running_loop().create_task(self._clean())

    @classmethod
    async def start(cls, spec: SidekickSpec, parent: Path) -> SidekickProcess:
        """Start the process in a directory of its own in ``parent``; `load` has it load its model.

        Raises
        ------
        OSError
            It cannot be started.
        """
        directory = parent / uuid.uuid4().hex
        directory.mkdir(mode=0o700)
        memory_bytes = spec.resources.memory_bytes
        pools = thread_variables(threads(spec.resources.cpus))
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await EngineProcess.start(
                    "sidekick",
                    directory,
                    memory_bytes=memory_bytes + MEMORY_HEADROOM_BYTES if memory_bytes else 0,
                    interpreter=spec.interpreter,
                    variables={"TMPDIR": str(directory), **pools, **spec.variables},
                    peers=[theirs],
                )
        except BaseException:
            ours.close()
            directory.rmdir()
            raise
        return cls(spec, process, directory, ours)

    def load(self, limit_s: float) -> asyncio.Future[Reply]:
        """Have it load its model; the future fails as that of `EngineProcess.call` does."""
        plan = SidekickPlan(model=self.spec.model, threads=threads(self.spec.resources.cpus))
        return self.process.call(Kind.LOAD, _encode(plan), b"", time.monotonic() + limit_s)

    def check(self) -> None:
        """End it when it is over its memory limit. Whether it is stuck is seen by its replica being stuck."""
        limit = self.spec.resources.memory_bytes
        if limit and self.process.is_alive and self.process.resident_bytes() > limit:
            self.process.kill_for_memory(limit)

    async def end(self) -> None:
        """End the process and remove its directory."""
        self.peer.close()
        self.process.kill("it was stopped")
        await asyncio.shield(self._cleaning)

    async def _clean(self) -> None:
        await self.process.wait()
        await asyncio.to_thread(shutil.rmtree, self._directory, ignore_errors=True)
