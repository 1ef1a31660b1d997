"""Executes one run: each step once its parents ended well, independent steps side by side (S4-13).

What is acknowledged is in the store first: an abort is written down before anything is ended, and what has ended there
never changes again, whatever a step that is just being ended still says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from jupyter_wallaroo.errors import Conflict, WallarooError
from jupyter_wallaroo.services import graph
from jupyter_wallaroo.services.step_execution import StepExecutor
from jupyter_wallaroo.services.step_files import Outputs, StepFiles
from jupyter_wallaroo.services.step_results import StepResults
from jupyter_wallaroo.store import runs
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.supervisor.step_runner import StepRunner
from jupyter_wallaroo.types.event import Notify, RunChanged, RunStepChanged
from jupyter_wallaroo.types.run import Status, StepOutput
from jupyter_wallaroo.types.run_plan import CodeWork, Ended, Plan, StoredRun

INTERRUPTED = "interrupted by a restart of the server"

_decode_plan = msgspec.json.Decoder(Plan).decode
_decode_given = msgspec.json.Decoder(dict[str, list[StepOutput]]).decode


def run_changed(run: StoredRun) -> RunChanged:
    """Return the event for a run as it is now."""
    return RunChanged(
        run_id=run.id,
        run=run.name,
        workspace_id=run.workspace_id,
        status=run.status,
        outcome=run.outcome,
        reason=run.reason,
    )


class RunExecution:
    """One run, from its start to its end.

    Parameters
    ----------
    run
        What was submitted.
    steps
        The keys of the steps that it executes, in their order.
    store, files, executor, results
        Where it is written down, and who does it.
    parallel
        How many steps are under way at once.
    notify
        Told of every change.
    """

    def __init__(
        self,
        run: StoredRun,
        steps: Sequence[str],
        *,
        store: Store,
        files: StepFiles,
        executor: StepExecutor,
        results: StepResults,
        parallel: int,
        notify: Notify,
    ) -> None:
        self._run = run
        self._steps = list(steps)
        self._store = store
        self._files = files
        self._executor = executor
        self._results = results
        self._parallel = parallel
        self._notify = notify
        self._plan = _decode_plan(run.plan)
        self._parents = {key: step.parents for key, step in self._plan.items()}
        self._outputs: dict[str, Outputs] = dict(_decode_given(run.given))
        self._left = list(steps)
        self._under_way: dict[str, asyncio.Task[Ended]] = {}
        self._executing: asyncio.Task[None] | None = None
        self._is_stopping = False

    async def work(self) -> None:
        """Execute the run; being cancelled, which a server that stops does, interrupts it."""
        if not await self._store.write(runs.begin, self._run.number):
            return
        self._notify(msgspec.structs.replace(run_changed(self._run), status=Status.STARTED.value))
        self._executing = asyncio.create_task(self._execute_all())
        try:
            await asyncio.shield(self._executing)
        except asyncio.CancelledError:
            if not self._is_stopping:
                await self.stop(INTERRUPTED)
                raise
            await asyncio.wait({self._executing})
        except Exception:
            await self.stop("an error of the server; its log says more")
            raise

    async def stop(self, reason: str) -> StoredRun:
        """Abort the run, wait until nothing of it is left, and return it."""
        self._is_stopping = True
        ended = await self._store.write(runs.end, self._run.number, status=Status.ABORTED, reason=reason)
        for key in [*self._under_way, *self._left]:
            self._tell_step(key, Status.ABORTED, reason)
        if self._executing is not None:
            self._executing.cancel()
            await asyncio.wait({self._executing})
        self._notify(run_changed(ended))
        return ended

    async def stop_step(self, key: str, ended: Ended) -> None:
        """End a step from outside, and abort what would follow it.

        Raises
        ------
        Conflict
            It has ended by itself meanwhile.
        """
        if not await self._end_step(key, ended):
            raise Conflict(f"Step {key!r} has ended.", hint="What has ended cannot be changed.")
        if key in self._left:
            self._left.remove(key)
        await self._abort_descendants(key)
        task = self._under_way.get(key)
        if task is not None:
            task.cancel()

    async def _execute_all(self) -> None:
        idle = await asyncio.to_thread(self._files.idle, self._run.id)
        runner = StepRunner(idle)
        try:
            if any(isinstance(self._plan[key].work, CodeWork) for key in self._steps):
                await runner.start()
            await self._in_order(runner)
        finally:
            for task in self._under_way.values():
                task.cancel()
            if self._under_way:
                await asyncio.wait(self._under_way.values())
            await runner.stop()
            await asyncio.to_thread(self._files.forget_run, self._run.id)
        self._notify(run_changed(await self._store.write(runs.end, self._run.number)))

    async def _in_order(self, runner: StepRunner) -> None:
        while self._left or self._under_way:
            self._begin_ready(runner)
            done, _ = await asyncio.wait(self._under_way.values(), return_when=asyncio.FIRST_COMPLETED)
            for key, task in list(self._under_way.items()):
                if task in done:
                    del self._under_way[key]
                    if task.cancelled() or task.result().status is not Status.SUCCESS:
                        await self._abort_descendants(key)

    def _begin_ready(self, runner: StepRunner) -> None:
        """Begin steps whose parents have all ended well, as far as there is room."""
        for key in list(self._left):
            if len(self._under_way) >= self._parallel:
                return
            if all(parent in self._outputs for parent in self._parents[key]):
                self._left.remove(key)
                self._under_way[key] = asyncio.create_task(self._step(key, runner))

    async def _step(self, key: str, runner: StepRunner) -> Ended:
        """Execute one step; a failure of ours is one of the step's, and the run goes on without it."""
        step = self._plan[key]
        if not await self._store.write(runs.begin_step, self._run.number, key):
            return Ended(status=Status.ABORTED)
        self._tell_step(key, Status.STARTED)
        inputs = {parent: self._outputs[parent] for parent in step.parents}
        name = None
        try:
            name = await self._results.key(self._run.workspace_id, step, inputs)
            background = self._run.background
            ended = await self._executor.execute(self._run.id, key, step.work, inputs, runner, background=background)
        except (WallarooError, OSError) as error:
            ended = Ended(status=Status.FAILURE, reason=str(error))
        if not await self._end_step(key, ended, name):
            return Ended(status=Status.ABORTED)
        if ended.status is Status.SUCCESS:
            self._outputs[key] = ended.outputs
        return ended

    async def _end_step(self, key: str, ended: Ended, name: str | None = None) -> bool:
        kept = name if ended.status is Status.SUCCESS else None
        was_open = await self._store.write(runs.end_step, self._run.number, key, ended, kept)
        if was_open:
            self._tell_step(key, ended.status, ended.reason)
        return was_open

    async def _abort_descendants(self, key: str) -> None:
        """Abort everything that needs a step which did not end well (S4-18)."""
        lost = graph.descendants(self._parents, key).intersection(self._left)
        self._left = [item for item in self._left if item not in lost]
        for later in sorted(lost, key=self._steps.index):
            reason = f"It needs {key!r}, which did not succeed."
            await self._end_step(later, Ended(status=Status.ABORTED, reason=reason))

    def _tell_step(self, key: str, status: Status, reason: str | None = None) -> None:
        told = {"run_id": self._run.id, "step": key, "status": status.value}
        self._notify(RunStepChanged(**told, workspace_id=self._run.workspace_id, reason=reason))
