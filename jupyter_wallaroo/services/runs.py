"""Runs of step graphs: submitted, waiting in the queue, under way, ended (S4-08 to S4-27)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import Conflict, Forbidden, InvalidRequest, NotFound
from jupyter_wallaroo.services import graph, run_planning
from jupyter_wallaroo.services.kernels import Kernels
from jupyter_wallaroo.services.queue import Lane, Queue
from jupyter_wallaroo.services.run_execution import INTERRUPTED, RunExecution, run_changed
from jupyter_wallaroo.services.run_planning import RunPlanner
from jupyter_wallaroo.services.step_files import StepFiles
from jupyter_wallaroo.services.step_results import StepResults
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store import runs, workspace_users
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.event import Notify, RunStepChanged
from jupyter_wallaroo.types.names import check_name
from jupyter_wallaroo.types.run import (
    AbortRun,
    AbortStep,
    Definition,
    ListedRun,
    ListRuns,
    NamedRun,
    NamedStep,
    ReportStep,
    RunPage,
    RunState,
    Status,
    StepOutput,
    StepState,
    SubmitRun,
)
from jupyter_wallaroo.types.run_plan import Ended, Plan, StoredRun, StoredStep

MAX_PAGE = 1000
MAX_MESSAGE = 500

_decode_definition = msgspec.json.Decoder(Definition).decode
_decode_plan = msgspec.json.Decoder(Plan).decode

MakeExecution = Callable[[StoredRun, list[str]], RunExecution]


class RunService:
    """Takes runs in and tells how they are.

    Everybody sees that a run is there and how it is. Who submitted it or is in its workspace may abort it, report its
    steps and read what they left.

    Parameters
    ----------
    store
        Where runs are kept.
    queue
        Where they wait for their turn.
    workspaces
        Finds workspaces.
    planner
        Reads what a run needs.
    results
        Finds what steps left.
    files
        Has it.
    kernels
        Ends kernels that an earlier server left.
    make_execution
        Makes what executes a run.
    notify
        Told of every change.
    history
        How many runs that have ended are kept, with what their steps left.
    """

    def __init__(
        self,
        *,
        store: Store,
        queue: Queue,
        workspaces: WorkspaceService,
        planner: RunPlanner,
        results: StepResults,
        files: StepFiles,
        kernels: Kernels,
        make_execution: MakeExecution,
        notify: Notify,
        history: int,
    ) -> None:
        self._store = store
        self._queue = queue
        self._workspaces = workspaces
        self._planner = planner
        self._results = results
        self._files = files
        self._kernels = kernels
        self._make_execution = make_execution
        self._notify = notify
        self._history = history
        self._executions: dict[str, RunExecution] = {}

    async def restore(self) -> None:
        """End what an earlier server left under way, and enter again what was waiting."""
        for run in await self._store.write(runs.interrupt, INTERRUPTED):
            self._notify(run_changed(run))
        await self._store.write(runs.forget, self._history)
        kernels = await asyncio.to_thread(self._files.sweep)
        known = await self._store.read(runs.known_shas)
        await asyncio.to_thread(self._files.blobs.sweep, known)
        await self._kernels.reap(kernels)
        for run in await self._store.read(runs.waiting):
            self._enter(run)

    async def submit(self, caller: Caller, request: SubmitRun) -> RunState:
        """Take a run in and return it; it is executed in the background (S4-09).

        Raises
        ------
        InvalidRequest, NotFound
            The graph is not fit to run: a cycle, an unknown parent, kernel, file or pipeline; names it.
        Conflict
            What steps before the executed ones left is missing: nothing is started (S4-12).
        """
        name = check_name("run", request.name) if request.name is not None else None
        workspace = await self._workspaces.required_or_default(caller, request.workspace_id)
        parents = {key: step.parents for key, step in request.definition.steps.items()}
        executed = graph.executed(parents, request.run_type, request.selection)
        plan = await self._planner.plan(workspace.id, request.definition, request.folder)
        given = await self._results.stored(workspace.id, plan, executed)
        run = await self._store.write(
            runs.insert,
            runs.NewRun(
                id=str(uuid.uuid4()),
                name=name,
                workspace_id=workspace.id,
                owner_id=caller.user.id,
                run_type=request.run_type,
                selection=request.selection,
                background=request.background,
                folder=request.folder,
                definition=_text(request.definition),
                definition_hash=run_planning.definition_hash(plan),
                plan=_text(plan),
                given=_text(given),
                steps=executed,
            ),
        )
        self._notify(run_changed(run))
        self._enter(run)
        return await self._state(run)

    def _enter(self, run: StoredRun) -> None:
        async def work() -> None:
            steps = [step.key for step in await self._store.read(runs.steps, run.number)]
            execution = self._executions[run.id] = self._make_execution(run, steps)
            try:
                await execution.work()
            finally:
                del self._executions[run.id]
            await self._store.write(runs.forget, self._history)

        self._queue.enter(run.id, Lane.BACKGROUND if run.background else Lane.INTERACTIVE, work)

    async def list_runs(self, caller: Caller, request: ListRuns) -> RunPage:
        """Return the newest runs."""
        if not 0 < request.limit <= MAX_PAGE:
            raise InvalidRequest(f"'limit': expected 1 to {MAX_PAGE}; got {request.limit}.")
        found = await self._store.read(runs.page, request)
        return RunPage(runs=[msgspec.convert(await self._listed(run), ListedRun) for run in found])

    async def get(self, caller: Caller, request: NamedRun) -> RunState:
        """Return a run with its steps."""
        return await self._state(await self._required(request.run))

    async def step(self, caller: Caller, request: NamedStep) -> StepState:
        """Return a step of a run."""
        _, found = await self._required_step(request.run, request.step)
        return _step_state(found)

    async def abort(self, caller: Caller, request: AbortRun) -> RunState:
        """Abort a run and return it once nothing of it is left (S4-20).

        Raises
        ------
        Conflict
            It has ended.
        """
        run = await self._own(caller, await self._required(request.run))
        reason = f"aborted by {caller.user.username}"
        _refuse_ended(f"Run {run.id}", run.status)
        execution = self._executions.get(run.id)
        if execution is not None:
            return await self._state(await execution.stop(reason))
        self._queue.leave(run.id)
        ended = await self._store.write(runs.end, run.number, status=Status.ABORTED, reason=reason)
        self._notify(run_changed(ended))
        return await self._state(ended)

    async def abort_step(self, caller: Caller, request: AbortStep) -> StepState:
        """Abort a step, and with it what would follow it; the others go on.

        Raises
        ------
        Conflict
            It has ended, or its run has not begun.
        """
        run, step = await self._required_step(request.run, request.step)
        await self._own(caller, run)
        _refuse_ended(f"Step {step.key!r}", step.status)
        aborted = Ended(status=Status.ABORTED, reason=f"aborted by {caller.user.username}")
        await self._under_way(run).stop_step(step.key, aborted)
        return await self.step(caller, NamedStep(run=run.id, step=step.key))

    async def report(self, caller: Caller, request: ReportStep) -> StepState:
        """Take what a step that is under way says of itself, and return how it is (S4-15).

        Raises
        ------
        Conflict
            It is not under way.
        """
        run, step = await self._required_step(request.run, request.step)
        await self._own(caller, run)
        _refuse_ended(f"Step {step.key!r}", step.status)
        message = request.message[:MAX_MESSAGE]
        execution = self._under_way(run)
        if request.status == Status.FAILURE:
            failed = Ended(status=Status.FAILURE, reason=message or "It said that it failed.")
            await execution.stop_step(step.key, failed)
        elif await self._store.write(runs.report, run.number, step.key, message):
            said = RunStepChanged(
                run_id=run.id,
                step=step.key,
                workspace_id=run.workspace_id,
                status=Status.STARTED.value,
                message=message,
            )
            self._notify(said)
        else:
            raise Conflict(
                f"Step {step.key!r} is not under way.", hint="Only a step that runs has something to report."
            )
        return await self.step(caller, NamedStep(run=run.id, step=step.key))

    async def output(self, caller: Caller, request: NamedStep, name: str) -> tuple[StepOutput, Path]:
        """Return what a step left under a name, and the file that holds it."""
        run, step = await self._required_step(request.run, request.step)
        await self._own(caller, run)
        by_name = {output.name: output for output in step.outputs}
        if name not in by_name:
            raise errors.not_found(f"Output of step {step.key!r}", name, by_name)
        return by_name[name], self._files.blobs.path(by_name[name].sha)

    async def notebook(self, caller: Caller, request: NamedStep) -> Path:
        """Return the file that holds a step's executed notebook."""
        run, step = await self._required_step(request.run, request.step)
        await self._own(caller, run)
        if step.notebook_sha is None:
            raise NotFound(
                f"Step {step.key!r} has no executed notebook.",
                hint=f"It is {step.status.value}; steps that ran on a kernel have one once they have ended.",
            )
        return self._files.blobs.path(step.notebook_sha)

    async def _required(self, run_id: str) -> StoredRun:
        run = await self._store.read(runs.get, run_id.lower())
        if run is None:
            raise errors.not_found("Run", run_id)
        return run

    async def _required_step(self, run_id: str, key: str) -> tuple[StoredRun, StoredStep]:
        run = await self._required(run_id)
        steps = {step.key: step for step in await self._store.read(runs.steps, run.number)}
        if key not in steps:
            if key in _decode_definition(run.definition).steps:
                raise NotFound(
                    f"Step {key!r} takes no part in this run.", hint=f"It executes: {', '.join(map(repr, steps))}."
                )
            raise errors.not_found("Step", key, steps)
        return run, steps[key]

    async def _own(self, caller: Caller, run: StoredRun) -> StoredRun:
        users = await self._store.read(workspace_users.of_workspace, run.workspace_id)
        if caller.user.id in (run.owner_id, *(user.user_id for user in users)):
            return run
        raise Forbidden(
            f"{caller.user.username!r} may not touch this run.",
            hint=f"It is {run.owner!r}'s: ask them, or have them add you to the workspace.",
        )

    def _under_way(self, run: StoredRun) -> RunExecution:
        execution = self._executions.get(run.id)
        if execution is None:
            raise Conflict(f"Run {run.id} has not begun.", hint="Abort the whole run, or wait until it begins.")
        return execution

    async def _state(self, run: StoredRun) -> RunState:
        steps = await self._store.read(runs.steps, run.number)
        return msgspec.convert(
            {
                **await self._listed(run),
                "steps": [_step_state(step) for step in steps],
                "definition": _decode_definition(run.definition),
                "folder": run.folder,
            },
            RunState,
            from_attributes=True,
        )

    async def _listed(self, run: StoredRun) -> dict[str, Any]:
        """Return what is said of a run; of one that waits, which of its steps are no longer as submitted (S4-25)."""
        facts = msgspec.structs.asdict(run)
        if run.status is Status.PENDING:
            changed = await asyncio.to_thread(self._planner.changed, _decode_plan(run.plan))
            facts |= {"place": self._queue.place(run.id), "changed_steps": changed, "stale": bool(changed)}
        return facts


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _step_state(step: StoredStep) -> StepState:
    facts = msgspec.structs.asdict(step)
    return StepState(has_notebook=facts.pop("notebook_sha") is not None, **facts)


def _refuse_ended(what: str, status: Status) -> None:
    if status.is_final:
        raise Conflict(f"{what} has ended ({status.value}).", hint="What has ended cannot be changed.")
