"""Tasks: orchestrations that are run once, on a schedule, or all the time (S5-34 to S5-38)."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import Conflict, InvalidRequest
from jupyter_wallaroo.services import schedules, task_answers
from jupyter_wallaroo.services.clock import Clock
from jupyter_wallaroo.services.continuous import ContinuousTasks
from jupyter_wallaroo.services.orchestrations import OrchestrationService
from jupyter_wallaroo.services.pages import cut, page_limit
from jupyter_wallaroo.services.task_runs import KILLED_REASON, PAUSED_REASON, TaskRunner
from jupyter_wallaroo.services.task_scheduler import TaskScheduler
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store import task_runs, tasks
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.store.tasks import Firing, NewTask
from jupyter_wallaroo.supervisor.task_folders import TaskFolders
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.event import Notify, TaskChanged
from jupyter_wallaroo.types.listing import Page
from jupyter_wallaroo.types.names import check_name, moment
from jupyter_wallaroo.types.task import (
    GetRunDetails,
    GetRunLogs,
    GetTask,
    GetTasksByOrchestration,
    KillTask,
    ListTaskRuns,
    ListTasks,
    PauseTask,
    RunContinuously,
    RunLogs,
    RunOnce,
    RunScheduled,
    RunState,
    RunStatus,
    RunType,
    StoredRun,
    StoredTask,
    Task,
    TaskIds,
    TaskMade,
    TaskRun,
)

if TYPE_CHECKING:
    from sqlite_utils import Database

RUNS_SHOWN = 5
"""Runs that come with a task, where the request does not say."""
MAX_LINES = 100_000
DEFAULT_LINES = 10_000
MAX_TIMEOUT_S = 31 * 86_400
ALL = "all"


class TaskSettings(Struct, frozen=True, kw_only=True):
    """How many schedules and continuous tasks there may be, and the zone of schedules that do not say theirs."""

    max_schedules: int
    max_continuous: int
    time_zone: str


class TaskService:
    """Makes, finds, pauses and kills tasks, and shows their runs.

    Parameters
    ----------
    store
        Where they are kept.
    workspaces, orchestrations
        Find where a task is and what it runs.
    scheduler, continuous, runner
        Run it.
    folders
        Has the logs.
    clock
        Says what time it is.
    settings
        What the configuration says.
    notify
        Told of every task that changes.
    """

    def __init__(
        self,
        *,
        store: Store,
        workspaces: WorkspaceService,
        orchestrations: OrchestrationService,
        scheduler: TaskScheduler,
        continuous: ContinuousTasks,
        runner: TaskRunner,
        folders: TaskFolders,
        clock: Clock,
        settings: TaskSettings,
        notify: Notify,
    ) -> None:
        self._store = store
        self._workspaces = workspaces
        self._orchestrations = orchestrations
        self._scheduler = scheduler
        self._continuous = continuous
        self._runner = runner
        self._folders = folders
        self._clock = clock
        self._settings = settings
        self._notify = notify

    async def run_once(self, caller: Caller, request: RunOnce) -> TaskMade:
        """Make a task that runs as soon as there is room.

        Raises
        ------
        NotFound, Conflict
            There is no such orchestration, or it is not ready.
        InvalidRequest
            It is of another workspace, or the name or the timeout cannot be one.
        """
        facts = await self._facts(caller, request, request.timeout)
        first = Firing(run_id=str(uuid.uuid4()), fire_ms=self._clock.now_ms(), missed=0, next_fire_ms=None)
        made = await self._made(NewTask(run_type=RunType.ONCE, **facts), first=first)
        run = await self._store.read(task_runs.get, first.run_id)
        assert run is not None, "it was just written"
        self._scheduler.enter(made, run)
        return TaskMade(id=made.id)

    async def run_scheduled(self, caller: Caller, request: RunScheduled) -> TaskMade:
        """Make a task that runs on a schedule, and return when it fires next.

        Raises
        ------
        NotFound, Conflict, InvalidRequest
            As `run_once` does; the schedule is none (A29), or there are as many as there may be.
        """
        zone = request.time_zone or self._settings.time_zone
        now_ms = self._clock.now_ms()
        await asyncio.to_thread(schedules.check, request.schedule, zone, now_ms)
        facts = await self._facts(caller, request, request.timeout)
        new = NewTask(
            run_type=RunType.SCHEDULED,
            schedule=" ".join(request.schedule.split()),
            time_zone=zone,
            next_fire_ms=schedules.next_firing(request.schedule, zone, now_ms),
            **facts,
        )
        made = await self._made(new, of_its_kind=self._settings.max_schedules)
        self._scheduler.wake()
        return TaskMade(id=made.id, next_firings=task_answers.next_firings(made))

    async def run_continuously(self, caller: Caller, request: RunContinuously) -> TaskMade:
        """Make a task that runs all the time.

        Raises
        ------
        NotFound, Conflict, InvalidRequest
            As `run_once` does; or there are as many as there may be.
        """
        facts = await self._facts(caller, request, None)
        new = NewTask(run_type=RunType.CONTINUOUS, **facts)
        made = await self._made(new, of_its_kind=self._settings.max_continuous)
        self._continuous.begin(made.id)
        return TaskMade(id=made.id)

    async def get(self, caller: Caller, request: GetTask) -> Task:
        """Return a task with its last runs."""
        return await self._answer(await self.require(request.id), request.run_limit)

    async def list_tasks(self, caller: Caller, request: ListTasks) -> Page[Task]:
        """Return a page of tasks, newest first."""
        if request.workspace_id is not None:
            await self._workspaces.require(request.workspace_id)
        limit = page_limit(request.limit)
        shown = _runs_shown(request.run_limit)

        def read(db: Database) -> tuple[list[StoredTask], dict[str, list[StoredRun]]]:
            found = tasks.every(
                db,
                workspace_id=request.workspace_id,
                orchestration_id=request.orch_id,
                orch_sha=request.orch_sha,
                killed=bool(request.killed),
                before=request.before,
                limit=limit + 1,
            )
            return found, task_runs.last_of(db, [task.id for task in found], max(1, shown))

        read_tasks, runs = await self._store.read(read)
        found, following = cut(read_tasks, limit, lambda task: task.number)
        # In a thread: when a schedule fires next is worked out for each.
        answers = await asyncio.to_thread(lambda: [task_answers.task(task, runs[task.id], shown) for task in found])
        return Page(entries=answers, next=following)

    async def ids_by_orchestration(self, caller: Caller, request: GetTasksByOrchestration) -> TaskIds:
        """Return the UUIDs of the tasks of an orchestration's archive."""
        return TaskIds(ids=await self._store.read(tasks.ids_of, request.sha, caller.only_workspace_id))

    async def kill(self, caller: Caller, request: KillTask) -> Task:
        """Have a task never run again, and end its runs; again, nothing changes."""
        task = await self.require(request.id)
        waiting = await self._store.read(task_runs.open_of, task.id)
        running = await self._store.write(tasks.kill, task.id, KILLED_REASON)
        for run in waiting:
            self._scheduler.leave(run.id)
        for run in running:
            self._runner.end(run.id, KILLED_REASON)
        if not running:
            await self._continuous.end(task.id)
        return await self._changed(task.id)

    async def pause(self, caller: Caller, request: PauseTask) -> Task:
        """Have a scheduled or continuous task rest, or go on; a scheduled one finishes the run that is under way.

        Raises
        ------
        Conflict
            It runs once, or is killed.
        """
        task = await self.require(request.id)
        if task.is_killed or task.run_type is RunType.ONCE:
            why = "is killed" if task.is_killed else "runs only once"
            raise Conflict(
                f"Task {task.name or task.id!r} {why}; only scheduled and continuous tasks can be paused and resumed.",
                hint="End it with task/kill." if not task.is_killed else "Make a new task.",
            )
        if request.pause and not task.is_paused:
            await self._pause(task)
        elif task.is_paused and not request.pause:
            await self._resume(task)
        return await self._changed(task.id)

    async def list_runs(self, caller: Caller, request: ListTaskRuns) -> list[TaskRun]:
        """Return the runs of a task, newest first.

        Raises
        ------
        InvalidRequest
            The status is none, the range is not two instants, or the limit is out of range.
        """
        task = await self.require(request.task_id)
        start, end = _range(request.time_range)
        found = await self._store.read(
            task_runs.of_task,
            task.id,
            limit=page_limit(request.limit),
            states=_states(request.status),
            start=moment("time_range", start) if start else None,
            end=moment("time_range", end) if end else None,
        )
        return [task_answers.run(run) for run in found]

    async def run_details(self, caller: Caller, request: GetRunDetails) -> TaskRun:
        """Return a run of a task."""
        run = await self.require_run(request.pod_id)
        if run.task_id != request.task.lower():
            raise errors.not_found(f"Run of task {request.task!r:.60}", request.pod_id)
        return task_answers.run(run)

    async def logs(self, caller: Caller, request: GetRunLogs) -> RunLogs:
        """Return the last lines that a run printed, also while it runs."""
        run = await self.require_run(request.id)
        lines = DEFAULT_LINES if request.lines is None else request.lines
        if not 1 <= lines <= MAX_LINES:
            raise InvalidRequest(f"'lines': expected 1 to {MAX_LINES}; got {lines}.")
        return RunLogs(logs=await asyncio.to_thread(self._folders.lines, run.id, lines))

    async def require(self, task_id: str) -> StoredTask:
        """Return a task by its UUID, or raise `NotFound`."""
        found = await self._store.read(tasks.get, task_id.lower())
        if found is None:
            raise errors.not_found("Task", task_id)
        return found

    async def require_run(self, run_id: str) -> StoredRun:
        """Return a run by its UUID, or raise `NotFound`."""
        found = await self._store.read(task_runs.get, run_id.lower())
        if found is None:
            raise errors.not_found("Task run", run_id)
        return found

    async def _facts(self, caller: Caller, request: RunOnce | RunContinuously, timeout_s: int | None) -> dict[str, Any]:
        """Return what every new task's row has, after a look at each of it."""
        orchestration = await self._orchestrations.ready(request.orch_id)
        workspace = await self._workspaces.require(request.workspace_id)
        if orchestration.workspace_id != workspace.id:
            raise InvalidRequest(
                f"'workspace_id' is {workspace.id}, but orchestration {orchestration.name or orchestration.id!r} is of "
                f"workspace {orchestration.workspace_id} ({orchestration.workspace_name!r})."
            )
        if timeout_s is not None and not 1 <= timeout_s <= MAX_TIMEOUT_S:
            raise InvalidRequest(f"'timeout': expected 1 to {MAX_TIMEOUT_S} seconds; got {timeout_s}.")
        return {
            "id": str(uuid.uuid4()),
            "name": check_name("task", request.name) if request.name else None,
            "orchestration_id": orchestration.id,
            "orch_sha": orchestration.sha,
            "workspace_id": workspace.id,
            "owner_id": caller.user.id,
            "arguments": request.json,
            "timeout_s": timeout_s,
            "debug": bool(request.debug),
        }

    async def _made(self, new: NewTask, *, of_its_kind: int = 0, first: Firing | None = None) -> StoredTask:
        made = await self._store.write(tasks.insert, new, of_its_kind=of_its_kind, first=first)
        if made is None:
            kind = "scheduled" if new.run_type is RunType.SCHEDULED else "continuous"
            raise Conflict(
                f"There are {of_its_kind} {kind} tasks already, which is as many as there may be.",
                hint="Kill one that is no longer needed, or ask whoever runs the server to raise the limit.",
            )
        await self._tell(made)
        return made

    async def _pause(self, task: StoredTask) -> None:
        await self._store.write(tasks.pause, task.id)
        if task.run_type is RunType.CONTINUOUS:
            running = await self._store.read(task_runs.open_of, task.id)
            for run in running:
                self._runner.end(run.id, PAUSED_REASON)
            if not running:
                await self._continuous.end(task.id)

    async def _resume(self, task: StoredTask) -> None:
        next_ms = None
        if task.schedule is not None and task.time_zone is not None:
            next_ms = schedules.next_firing(task.schedule, task.time_zone, self._clock.now_ms())
        await self._continuous.end(task.id)
        await self._store.write(tasks.resume, task.id, next_ms)
        if task.run_type is RunType.CONTINUOUS:
            self._continuous.begin(task.id)
        self._scheduler.wake()

    async def _changed(self, task_id: str) -> Task:
        task = await self.require(task_id)
        await self._tell(task)
        return await self._answer(task, None)

    async def _answer(self, task: StoredTask, run_limit: int | None) -> Task:
        limit = _runs_shown(run_limit)
        runs = await self._store.read(task_runs.of_task, task.id, limit=max(1, limit))
        return task_answers.task(task, runs, limit)

    async def _tell(self, task: StoredTask) -> None:
        runs = await self._store.read(task_runs.of_task, task.id, limit=1)
        self._notify(
            TaskChanged(
                task_id=task.id,
                task=task.name,
                workspace_id=task.workspace_id,
                run_type=task.run_type.value,
                status=task_answers.status(task, runs).value,
                schedule=task.schedule,
                time_zone=task.time_zone,
            )
        )


def _runs_shown(limit: int | None) -> int:
    return RUNS_SHOWN if limit is None else 0 if limit == 0 else page_limit(limit)


def _states(status: str | None) -> list[RunState]:
    if status is None or status == ALL:
        return []
    found = [state for state in RunState if state.status == status]
    if not found:
        expected = ", ".join([ALL, *(item.value for item in RunStatus)])
        raise InvalidRequest(f"'status': expected one of {expected}; got {status!r:.60}.")
    return found


def _range(given: list[str | None] | None) -> tuple[str | None, str | None]:
    if given is None:
        return None, None
    if len(given) != 2:
        raise InvalidRequest(f"'time_range': expected from and to, two instants or null; got {len(given)}.")
    return given[0], given[1]
