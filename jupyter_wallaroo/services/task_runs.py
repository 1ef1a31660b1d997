"""Runs one run of a task, from its row in the database to the moment when nothing of it is left."""

from __future__ import annotations

import asyncio
import logging

import msgspec
from msgspec import Struct

from jupyter_wallaroo.errors import WallarooError, without_paths
from jupyter_wallaroo.secret import Secret
from jupyter_wallaroo.services.orchestrations import OrchestrationService
from jupyter_wallaroo.services.task_tokens import TaskGrant, TaskTokens
from jupyter_wallaroo.store import task_runs, tasks, users
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.supervisor.task import StartedTask, TaskLauncher
from jupyter_wallaroo.supervisor.task_folders import TaskFolders
from jupyter_wallaroo.types.event import Notify, TaskRunChanged
from jupyter_wallaroo.types.task import RunState, RunType, StoredRun, StoredTask
from jupyter_wallaroo.types.task_process import TASK_ID, Ending, TaskEnd, TaskLimits, TaskOrder

_log = logging.getLogger(__name__)

STOPPED_REASON = "the server was stopped"
PAUSED_REASON = "the task was paused"
KILLED_REASON = "the task was killed"

_STATES = {
    Ending.TIMED_OUT: RunState.TIMED_OUT,
    Ending.KILLED: RunState.KILLED,
    Ending.LIMIT: RunState.FAILURE,
    Ending.LOST: RunState.FAILURE,
}


class RunSettings(Struct, frozen=True, kw_only=True):
    """What holds for every run: the address it calls, how long it may take, what it may use."""

    url: str
    time_limit_s: int
    limits: TaskLimits


class _Started:
    """A run that is under way, and why it was told to end."""

    def __init__(self) -> None:
        self.process: StartedTask | None = None
        self.ended_for: str | None = None

    def is_ended(self) -> bool:
        return self.ended_for is not None

    def end(self, reason: str) -> None:
        self.ended_for = self.ended_for or reason
        if self.process is not None:
            self.process.end()


class TaskRunner:
    """Runs runs.

    Parameters
    ----------
    store
        Where their rows are.
    folders
        Where they work, those of this machine, and where their logs are.
    launcher
        Starts their processes.
    orchestrations
        Finds what is run.
    tokens
        Gives each its token.
    settings
        What holds for every run.
    notify
        Told when one begins and ends.
    """

    def __init__(
        self,
        *,
        store: Store,
        folders: TaskFolders,
        launcher: TaskLauncher,
        orchestrations: OrchestrationService,
        tokens: TaskTokens,
        settings: RunSettings,
        notify: Notify,
    ) -> None:
        self._store = store
        self._folders = folders
        self._launcher = launcher
        self._orchestrations = orchestrations
        self._tokens = tokens
        self._settings = settings
        self._notify = notify
        self._started: dict[str, _Started] = {}

    @property
    def is_busy(self) -> bool:
        """Whether anything runs."""
        return bool(self._started)

    async def run(self, run_id: str) -> StoredRun | None:
        """Run a run that waits, and return it as it ended; None when it does not wait any more.

        Cancelled, it ends the run and notes that it was interrupted.
        """
        if not await self._store.write(task_runs.begin, run_id):
            return None
        started = self._started[run_id] = _Started()
        run = await self._store.read(task_runs.get, run_id)
        assert run is not None, "it was just changed"
        task = await self._store.read(tasks.get, run.task_id)
        assert task is not None, "a run has its task"
        if task.is_killed or (task.is_paused and task.run_type is RunType.CONTINUOUS):
            started.end(KILLED_REASON if task.is_killed else PAUSED_REASON)
        self._notify(TaskRunChanged.of(task, run))
        work = asyncio.get_running_loop().create_task(self._work(task, run, started))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            started.end(STOPPED_REASON)
            await work
            raise

    def end(self, run_id: str, reason: str) -> bool:
        """Have a run that is under way end; False when it is not."""
        started = self._started.get(run_id)
        if started is not None:
            started.end(reason)
        return started is not None

    async def _work(self, task: StoredTask, run: StoredRun, started: _Started) -> StoredRun | None:
        state, end = RunState.FAILURE, TaskEnd(ending=Ending.LOST, reason="it could not be started")
        try:
            end = await self._execute(task, run, started)
            state = _state(end, started)
        except (WallarooError, OSError) as error:
            said = error.message if isinstance(error, WallarooError) else without_paths(str(error))
            end = TaskEnd(ending=Ending.LOST, reason=f"it could not be started: {said}")
        except Exception:  # noqa: BLE001  whatever it meets, the row must not say for ever that it runs
            _log.exception("wallaroo: run %s of task %s could not be run", run.id, task.id)
        finally:
            del self._started[run.id]
        reason = (started.ended_for or end.reason) if state in (RunState.KILLED, RunState.INTERRUPTED) else end.reason
        done = await self._store.write(task_runs.end, run.id, state, reason, end.exit_code)
        if done is not None:
            self._notify(TaskRunChanged.of(task, done))
        return done

    async def _execute(self, task: StoredTask, run: StoredRun, started: _Started) -> TaskEnd:
        """Start a run and wait until nothing of it is left."""
        orchestration = await self._orchestrations.ready(task.orchestration_id)
        owner = (await self._store.read(users.by_ids, [task.owner_id]))[task.owner_id]
        token = self._tokens.issue(TaskGrant(user=owner, workspace_id=task.workspace_id))
        said = {"token": token.reveal(), "user_email": owner.email, "user_id": owner.id}
        credentials = Secret(msgspec.json.encode(said))
        try:
            if started.is_ended():
                return TaskEnd(ending=Ending.KILLED)
            order = TaskOrder(
                run_id=run.id,
                arguments=task.arguments,
                credentials=credentials.reveal(),
                archive=str(self._orchestrations.archive(orchestration)),
                archive_sha=orchestration.sha,
                entry=orchestration.entry,
                interpreter=self._orchestrations.interpreter(orchestration),
                time_limit_s=self._time_limit_s(task),
                limits=self._settings.limits,
                variables=self._variables(task, run),
            )
            started.process = await self._launcher.start(order)
            if started.is_ended():
                started.process.end()
            end = await started.process.wait()
        finally:
            self._tokens.revoke(token)
            await asyncio.to_thread(self._clean, task, run)
        return end

    def _clean(self, task: StoredTask, run: StoredRun) -> None:
        """Leave nothing of a run: no process, where its warden was killed, and no folder."""
        self._folders.end(run.id)
        if task.debug:
            self._folders.keep(run.id)
        else:
            self._folders.remove(run.id)

    def _time_limit_s(self, task: StoredTask) -> int:
        if task.run_type is RunType.CONTINUOUS:
            return 0
        return self._settings.time_limit_s if task.timeout_s is None else task.timeout_s

    def _variables(self, task: StoredTask, run: StoredRun) -> dict[str, str]:
        return {
            "WALLAROO_URL": self._settings.url,
            TASK_ID: task.id,
            "TASK_ID": task.id,
            "TASK_RUN_ID": run.id,
            "TASK_DEBUG": "true" if task.debug else "false",
            "ORCH_ID": task.orchestration_id,
            "ORCH_SHA": run.orch_sha,
            "ORCH_OWNER_ID": task.owner_id,
        }


def _state(end: TaskEnd, started: _Started) -> RunState:
    if started.is_ended() and end.ending in (Ending.KILLED, Ending.LOST):  # lost: it was ended before it had begun
        return RunState.INTERRUPTED if started.ended_for == STOPPED_REASON else RunState.KILLED
    if end.ending is Ending.EXITED:
        return RunState.SUCCESS if end.exit_code == 0 else RunState.FAILURE
    return _STATES[end.ending]
