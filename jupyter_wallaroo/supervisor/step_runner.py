"""The process that executes the steps of one run, seen from the server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import msgspec

from jupyter_wallaroo.supervisor.process import environment
from jupyter_wallaroo.types.step_order import CancelStep, StepOrder, StepVerdict, ToRunner

LINE_BYTES = 2**20
STOP_GRACE_S = 2.0

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(StepVerdict).decode


class StepRunner:
    """One process, started with its first step; `stop` ends it.

    Parameters
    ----------
    directory
        Where it works; empty.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._verdicts: dict[int, asyncio.Future[StepVerdict]] = {}
        self._starting = asyncio.Lock()

    async def execute(self, order: StepOrder) -> StepVerdict:
        """Return how a step went; being cancelled stops it.

        Raises
        ------
        OSError
            The process cannot be started.
        """
        process = await self.start()
        verdict: asyncio.Future[StepVerdict] = asyncio.get_running_loop().create_future()
        self._verdicts[order.number] = verdict
        self._say(process, ToRunner(execute=order))
        try:
            return await verdict
        finally:
            if not verdict.done() or verdict.cancelled():
                self.cancel(order.number)
            del self._verdicts[order.number]

    def cancel(self, number: int) -> None:
        """Stop a step, whose verdict then comes."""
        if self._process is not None:
            self._say(self._process, ToRunner(cancel=CancelStep(number=number)))

    async def start(self) -> asyncio.subprocess.Process:
        """Start the process when it does not run, and return it."""
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-P",
                    "-m",
                    "jupyter_wallaroo.runner.steps",
                    str(os.getpid()),
                    cwd=self._directory,
                    env=environment(),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    start_new_session=True,
                    limit=LINE_BYTES,
                )
                self._reading = asyncio.get_running_loop().create_task(self._read(self._process))
            return self._process

    async def stop(self) -> None:
        """End the process; more than once is fine."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None, "it was started with a pipe"
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_GRACE_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        if self._reading is not None:
            await self._reading

    @staticmethod
    def _say(process: asyncio.subprocess.Process, said: ToRunner) -> None:
        if process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(_encode(said) + b"\n")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None, "it was started with a pipe"
        while line := await process.stdout.readline():
            verdict = _decode(line)
            waiting = self._verdicts.get(verdict.number)
            if waiting is not None and not waiting.done():
                waiting.set_result(verdict)
        for number, waiting in self._verdicts.items():
            if not waiting.done():
                waiting.set_result(StepVerdict(number=number, reason="The process that executed it died."))
