"""Executes one step to its end: a working copy, a kernel, its code, its outputs; and nothing of it stays (A21)."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import TypeVar

from jupyter_wallaroo.errors import WallarooError
from jupyter_wallaroo.services.kernels import Kernels
from jupyter_wallaroo.services.step_files import Outputs, StepFiles
from jupyter_wallaroo.services.step_inference import StepInference
from jupyter_wallaroo.supervisor.step_runner import StepRunner
from jupyter_wallaroo.types.run import Status, StepOutput
from jupyter_wallaroo.types.run_plan import CodeWork, Ended, Work
from jupyter_wallaroo.types.step_order import (
    DIRECTORY_VARIABLE,
    RUN_VARIABLE,
    SOURCE_NAME,
    STEP_VARIABLE,
    TEMPORARY_NAME,
    WORK_NAME,
    KernelAddress,
    StepOrder,
    StepVerdict,
)

T = TypeVar("T")

LOOK_EVERY_S = 0.5
"""How often a kernel is looked at, to see whether it lives."""
CANCEL_GRACE_S = 5.0
BACKGROUND_NICE = 10
KERNEL_ATTEMPTS = 3

_CLIENT_VARIABLES = ("WALLAROO_URL", "WALLAROO_SDK_AUTH_TYPE", "WALLAROO_SDK_CREDENTIALS")


class StepExecutor:
    """Executes steps.

    Parameters
    ----------
    files
        Makes working copies and keeps outputs.
    kernels
        Starts kernels.
    inference
        Runs inference steps.
    """

    def __init__(self, files: StepFiles, kernels: Kernels, inference: StepInference) -> None:
        self._files = files
        self._kernels = kernels
        self._inference = inference
        self._numbers = itertools.count(1)

    async def execute(
        self,
        run_id: str,
        key: str,
        work: Work,
        inputs: Mapping[str, Outputs],
        runner: StepRunner,
        *,
        background: bool,
    ) -> Ended:
        """Execute a step and return how it ended; being cancelled ends it, and cleans up after it."""
        try:
            async with asyncio.timeout(work.timeout_s if not isinstance(work, CodeWork) else None):
                if isinstance(work, CodeWork):
                    return await self._execute_code(run_id, key, work, inputs, runner, background=background)
                outputs = await self._inference.execute(work, inputs)
                return Ended(status=Status.SUCCESS, outputs=outputs)
        except WallarooError as error:
            return Ended(status=Status.FAILURE, reason=str(error))
        except TimeoutError:
            return _too_long(work)
        except OSError as error:
            return Ended(status=Status.FAILURE, reason=f"The step's files could not be handled ({error.strerror}).")

    async def _execute_code(
        self,
        run_id: str,
        key: str,
        work: CodeWork,
        inputs: Mapping[str, Outputs],
        runner: StepRunner,
        *,
        background: bool,
    ) -> Ended:
        directory = await asyncio.to_thread(self._files.prepare, run_id, key, work, inputs)
        try:
            ended, attempts = None, 0
            while ended is None:
                attempts += 1
                is_last = attempts == KERNEL_ATTEMPTS
                ended = await self._attempt(
                    run_id, key, work, runner, directory, background=background, is_last=is_last
                )
            outputs, notebook_sha = await asyncio.to_thread(self._collect, directory, ended)
            return Ended(
                status=ended.status,
                reason=ended.reason,
                traceback=ended.traceback,
                outputs=outputs,
                notebook_sha=notebook_sha,
            )
        finally:
            await asyncio.to_thread(self._files.remove, directory)

    def _collect(self, directory: Path, ended: Ended) -> tuple[list[StepOutput], str | None]:
        """Take what a step left; that of one that failed is no input for anybody."""
        outputs, notebook_sha = self._files.collect(directory)
        return (outputs if ended.status is Status.SUCCESS else []), notebook_sha

    async def _attempt(
        self,
        run_id: str,
        key: str,
        work: CodeWork,
        runner: StepRunner,
        directory: Path,
        *,
        background: bool,
        is_last: bool,
    ) -> Ended | None:
        """Return how a step ended on a new kernel; None when that died before the step's own code began.

        Kernels choose their ports before they bind them: when many start at once on a machine, some find theirs taken.
        """
        working = directory / WORK_NAME / PurePosixPath(work.place).parent
        environment = _environment(run_id, key, directory)
        kernel = await _uninterrupted(
            self._kernels.start(work.kernel, working, environment),
            undo=lambda started: self._kernels.stop(started.kernel_id, now=True),
        )
        order = StepOrder(
            number=next(self._numbers),
            directory=str(directory),
            source=SOURCE_NAME,
            work_directory=str(working),
            is_notebook=work.is_notebook,
            name=PurePosixPath(work.place).name,
            parameters=work.parameters,
            kernel=kernel,
            environment=environment,
            nice=BACKGROUND_NICE if background else 0,
        )
        is_well = False
        try:
            await asyncio.to_thread(self._files.note_kernel, directory, kernel.kernel_id)
            ended = await self._watch(kernel, order, work, runner, is_last=is_last)
            is_well = ended is not None and ended.status is Status.SUCCESS
            return ended
        finally:
            await self._kernels.stop(kernel.kernel_id, now=not is_well)

    async def _watch(
        self, kernel: KernelAddress, order: StepOrder, work: CodeWork, runner: StepRunner, *, is_last: bool
    ) -> Ended | None:
        """Wait for a step's code, for the death of its kernel, or for the end of its time."""
        executing = asyncio.create_task(runner.execute(order))
        losing = asyncio.create_task(self._until_lost(kernel.kernel_id))
        try:
            await asyncio.wait({executing, losing}, timeout=work.timeout_s, return_when=asyncio.FIRST_COMPLETED)
            is_too_late = not executing.done() and not losing.done()
            if not executing.done():
                runner.cancel(order.number)
                await asyncio.wait({executing}, timeout=CANCEL_GRACE_S)
            if is_too_late:
                return _too_long(work)
            verdict = executing.result() if executing.done() else None
            if verdict is not None and not losing.done() and not verdict.is_kernel_lost:
                return _ended(verdict)
            if verdict is not None and verdict.reason is None:
                return _ended(verdict)
            if verdict is not None and not verdict.has_begun and not is_last:
                return None
            how = await self._kernels.end_of(kernel.kernel_id) or "it no longer answered"
            return Ended(status=Status.FAILURE, reason=f"Its kernel died ({how}).")
        finally:
            for task in (executing, losing):
                task.cancel()
            await asyncio.gather(executing, losing, return_exceptions=True)

    async def _until_lost(self, kernel_id: str) -> str:
        while (how := await self._kernels.end_of(kernel_id)) is None:
            await asyncio.sleep(LOOK_EVERY_S)
        return how


def _ended(verdict: StepVerdict) -> Ended:
    status = Status.SUCCESS if verdict.reason is None else Status.FAILURE
    return Ended(status=status, reason=verdict.reason, traceback=verdict.traceback)


def _too_long(work: Work) -> Ended:
    return Ended(status=Status.FAILURE, reason=f"It took longer than its time limit of {work.timeout_s:g} s.")


def _environment(run_id: str, key: str, directory: Path) -> dict[str, str]:
    """Return what a step's kernel is told: whom to call, and where its own things are."""
    told = {name: os.environ[name] for name in _CLIENT_VARIABLES if name in os.environ}
    own = {RUN_VARIABLE: run_id, STEP_VARIABLE: key, DIRECTORY_VARIABLE: str(directory)}
    return {**told, **own, "TMPDIR": str(directory / TEMPORARY_NAME)}


async def _uninterrupted(work: Awaitable[T], *, undo: Callable[[T], Awaitable[None]]) -> T:
    """Return what ``work`` gives; when cancelled meanwhile, wait for it all the same, within reason, and undo it."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=CANCEL_GRACE_S)
        if not task.done():
            task.cancel()
        elif not task.cancelled() and task.exception() is None:
            await undo(task.result())
        raise
