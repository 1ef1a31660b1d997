"""Where the processes of replicas are started: on this machine, or wherever another launcher has room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from jupyter_wallaroo.supervisor.doorway import LOOPBACK, Doorway
from jupyter_wallaroo.supervisor.process import HEADROOM_BYTES, EngineProcess
from jupyter_wallaroo.supervisor.processors import thread_variables, threads
from jupyter_wallaroo.supervisor.sidekick import SidekickProcess
from jupyter_wallaroo.supervisor.spec import DeploymentSpec, Limits
from jupyter_wallaroo.types.deployment import Status

SIMULTANEOUS_STARTS = 2

Waits = Callable[[Status, str], None]
"""Told why a replica cannot start yet, when nothing of ours can make it; an error when nothing is about to, either."""


class Unit:
    """The started processes of one replica, which end together.

    Parameters
    ----------
    process
        The engine's, or what stands for it here.
    sidekicks
        Those on this machine.
    memory_bytes
        What ``process`` may use; 0: no limit, or others watch it.
    threads
        How many threads it may compute with.
    """

    ip = LOOPBACK

    def __init__(
        self, process: EngineProcess, sidekicks: list[SidekickProcess], memory_bytes: int, threads: int
    ) -> None:
        self.process = process
        self.sidekicks = sidekicks
        self.threads = threads
        self._memory_bytes = memory_bytes

    @property
    def pids(self) -> list[int]:
        """Those of its processes that run on this machine and do its work."""
        return [self.process.pid, *(sidekick.process.pid for sidekick in self.sidekicks)]

    @property
    def labels(self) -> dict[str, str]:
        """What the status says of where it runs."""
        return {"pid": str(self.process.pid)}

    def labels_beside(self, number: int) -> dict[str, str]:
        """Return what the status says of where the sidekick runs that is ``number`` among its deployment's."""
        process = self.sidekicks[number].process
        return {"pid": str(process.pid)} if process.is_alive else {}

    def check(self, now: float) -> None:
        """Look after the processes: overdue calls, signs of life, memory."""
        if not self.process.is_alive:
            return
        self.process.check(now)
        for sidekick in self.sidekicks:
            sidekick.check()
        if self._memory_bytes and self.process.resident_bytes() > self._memory_bytes:
            self.process.kill_for_memory(self._memory_bytes)

    async def end(self) -> None:
        """End everything beside the process, at once."""
        await end_all(self.sidekicks)


async def end_all(sidekicks: list[SidekickProcess]) -> None:
    """End the processes and remove their directories."""
    await asyncio.gather(*(sidekick.end() for sidekick in sidekicks))


class Launcher(Protocol):
    """Starts replicas."""

    def open(self) -> None:
        """Begin; the event loop runs."""

    def start(
        self, name: str, spec: DeploymentSpec, doorway: Doorway | None, waits: Waits
    ) -> AbstractAsyncContextManager[Unit]:
        """Return the started unit of the replica ``name``, its models to be loaded before the context is left.

        Whoever enters it ends the unit. ``doorway`` is the port that it is to answer itself, if any.

        Raises
        ------
        OSError
            A process cannot be started.
        EngineGone
            One of them ended.
        Unavailable
            It could not be started this time.
        WallarooError
            It cannot be started; trying again would not help.
        """

    def check(self, now: float) -> None:
        """Look after the launcher's own processes."""

    async def close(self) -> None:
        """End the launcher, after all units."""

    @property
    def state(self) -> str:
        """How it is, in a few words."""

    @property
    def is_ready(self) -> bool:
        """Whether replicas can start."""


class LocalLauncher:
    """Child processes of the server.

    Parameters
    ----------
    limits
        Where they work, and what they share.
    """

    state = "processes of this machine"
    is_ready = True

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._starts = asyncio.Semaphore(SIMULTANEOUS_STARTS)

    def open(self) -> None:
        """Do nothing: there is nothing to wait for."""

    def check(self, now: float) -> None:
        """Do nothing: it has no processes of its own."""

    async def close(self) -> None:
        """Do nothing: units are ended by who started them."""

    @asynccontextmanager
    async def start(
        self,
        name: str,  # noqa: ARG002
        spec: DeploymentSpec,
        doorway: Doorway | None,
        waits: Waits,  # noqa: ARG002
    ) -> AsyncIterator[Unit]:
        """Start the sidekicks and the engine, few replicas at a time."""
        async with self._starts:
            yield await self._unit(spec, doorway)

    async def _unit(self, spec: DeploymentSpec, doorway: Doorway | None) -> Unit:
        sidekicks: list[SidekickProcess] = []
        memory_bytes = spec.resources.memory_bytes
        count = threads(spec.resources.cpus)
        try:
            for beside in spec.sidekicks:
                sidekicks.append(await SidekickProcess.start(beside, self._limits.sidekick_directory))
            peers = [sidekick.peer for sidekick in sidekicks]
            process = await EngineProcess.start(
                "replica",
                self._limits.work_directory,
                memory_bytes=memory_bytes + HEADROOM_BYTES if memory_bytes else 0,
                arena=self._limits.arena,
                peers=peers,
                listener=doorway.listener if doorway is not None else None,
                variables=thread_variables(count),
            )
        except BaseException:
            await end_all(sidekicks)
            raise
        for peer in peers:
            peer.close()
        return Unit(process, sidekicks, memory_bytes, count)
