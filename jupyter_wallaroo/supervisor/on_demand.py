"""A process that is started when it is first needed, and again when it is lost."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.errors import Unavailable
from jupyter_wallaroo.supervisor.process import EngineGone, EngineProcess, Reply


class OnDemandProcess:
    """An engine process behind which nobody waits until it is asked something.

    Parameters
    ----------
    role
        As `engine.__main__` knows it.
    directory
        An empty directory for the process to run in.
    task
        What it does, as messages say it: "reads the logs".
    time_limit_s
        Seconds that an answer may take.
    """

    def __init__(self, role: str, directory: Path, task: str, *, time_limit_s: float) -> None:
        self._role = role
        self._directory = directory
        self._task = task
        self._time_limit_s = time_limit_s
        self._process: EngineProcess | None = None
        self._starting = asyncio.Lock()

    async def call(self, kind: Kind, head: bytes, body: Buffer = b"") -> Reply:
        """Return the answer to a frame; one that was lost with the process is sent once more.

        Raises
        ------
        Unavailable
            The process cannot be started, or was lost twice.
        """
        for _ in range(2):
            process = await self._running()
            try:
                return await process.call(kind, head, body, time.monotonic() + self._time_limit_s)
            except EngineGone:
                continue
        raise Unavailable(f"The process that {self._task} was lost twice.", hint="Try again.")

    async def _running(self) -> EngineProcess:
        async with self._starting:
            if self._process is None or not self._process.is_alive:
                try:
                    self._process = await EngineProcess.start(self._role, self._directory)
                except OSError as error:
                    raise Unavailable(f"The process that {self._task} cannot be started: {error.strerror}.") from error
            return self._process

    def check(self, now: float) -> None:
        """Look after the process."""
        if self._process is not None and self._process.is_alive:
            self._process.check(now)

    async def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            await self._process.stop()
