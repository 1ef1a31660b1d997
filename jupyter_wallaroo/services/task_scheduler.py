"""Starts what is due of scheduled tasks, and keeps continuous ones running.

The database says what is due; nothing else remembers it. The row of a run and the step to the next firing are written
in one transaction before anything starts, so that a kill at any moment never runs a firing twice and loses none without
a mark: what was under way is ``interrupted``, what waited still waits, and what came due while the server was away is
made up for by one run, which says how many it stands for. A firing that comes while the run before it is not over is
``skipped``.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from datetime import UTC, datetime, timedelta

from jupyter_wallaroo.services import schedules
from jupyter_wallaroo.services.clock import Clock
from jupyter_wallaroo.services.continuous import ContinuousTasks
from jupyter_wallaroo.services.queue import Lane, Queue
from jupyter_wallaroo.services.task_runs import TaskRunner
from jupyter_wallaroo.store import task_runs, tasks
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.store.tasks import Firing
from jupyter_wallaroo.supervisor.task_folders import TaskFolders
from jupyter_wallaroo.types.event import Notify, TaskRunChanged
from jupyter_wallaroo.types.task import RunState, RunType, StoredRun, StoredTask

_log = logging.getLogger(__name__)

LATE_MS = 60_000
"""A firing that is not written down by then was missed."""
MAX_COUNTED = 100_000
"""Missed firings that are counted: more than two months of every minute."""
RETRY_MS = 5_000
CRASHED_REASON = "the server ended while it ran"
FORGET_PERIOD_S = 3600.0


class TaskScheduler:
    """The loop over everything that is due.

    Parameters
    ----------
    store
        Where tasks and runs are kept.
    runner
        Runs a run.
    continuous
        Keeps continuous tasks running.
    queue
        Where runs wait for their turn.
    folders
        Where runs work and log.
    clock
        Says what time it is.
    kept_days
        How long runs and their logs are kept; 0: for ever.
    notify
        Told of every run.
    """

    def __init__(
        self,
        *,
        store: Store,
        runner: TaskRunner,
        continuous: ContinuousTasks,
        queue: Queue,
        folders: TaskFolders,
        clock: Clock,
        kept_days: int,
        notify: Notify,
    ) -> None:
        self._store = store
        self._runner = runner
        self._continuous = continuous
        self._queue = queue
        self._folders = folders
        self._clock = clock
        self._kept_days = kept_days
        self._notify = notify
        self._woken = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []

    @property
    def is_busy(self) -> bool:
        """Whether any run is under way or waits."""
        return self._runner.is_busy or self._queue.is_busy

    async def start(self) -> None:
        """Set right what a killed server left, take up what waits, and begin."""
        await asyncio.to_thread(self._folders.sweep)
        for run in await self._store.write(task_runs.interrupt, CRASHED_REASON):
            await self._tell(run)
        for run in await self._store.read(task_runs.every_open):
            task = await self._store.read(tasks.get, run.task_id)
            assert task is not None, "a run has its task"
            if task.run_type is RunType.CONTINUOUS:
                await self._store.write(task_runs.end, run.id, RunState.INTERRUPTED, CRASHED_REASON)
            else:
                self.enter(task, run)
        for task in await self._store.read(tasks.living, RunType.CONTINUOUS):
            self._continuous.begin(task.id)
        loop = asyncio.get_running_loop()
        self._loops = [loop.create_task(self._work()), loop.create_task(self._forget())]

    async def stop(self) -> None:
        """End, and the queue with it; what waits is taken up at the next start, what is due then is made up for."""
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await asyncio.gather(self._continuous.stop(), self._queue.stop())

    def wake(self) -> None:
        """Look again what is due: a schedule was made, or goes on."""
        self._woken.set()

    def enter(self, task: StoredTask, run: StoredRun) -> None:
        """Have a run wait for its turn."""
        lane = Lane.BACKGROUND if task.run_type is RunType.SCHEDULED else Lane.INTERACTIVE

        async def work() -> None:
            await self._runner.run(run.id)

        self._queue.enter(run.id, lane, work)

    def leave(self, run_id: str) -> None:
        """Have a run wait no more; nothing when it does not."""
        self._queue.leave(run_id)

    async def _work(self) -> None:
        while True:
            try:
                await self._turn()
            except Exception:  # noqa: BLE001  the loop outlives whatever one turn meets
                _log.exception("wallaroo: what is due of tasks could not be found out")
                await self._clock.wait(self._clock.now_ms() + RETRY_MS, self._woken)

    async def _turn(self) -> None:
        """Fire what is due, or wait until something is."""
        self._woken.clear()
        waiting = await self._store.read(tasks.due)
        now_ms = self._clock.now_ms()
        ready = [task for task in waiting if _next_ms(task) <= now_ms]
        for task in ready:
            await self._fire(task, now_ms)
        if not ready:
            await self._clock.wait(_next_ms(waiting[0]) if waiting else None, self._woken)

    async def _fire(self, task: StoredTask, now_ms: int) -> None:
        if _next_ms(task) < now_ms - LATE_MS:
            firing = await asyncio.to_thread(due, task, now_ms)  # there may be many to count
        else:
            firing = due(task, now_ms)
        run = await self._store.write(tasks.fire, task, firing)
        if run is None:
            return
        self._notify(TaskRunChanged.of(task, run))
        if run.state is RunState.QUEUED:
            self.enter(task, run)

    async def _tell(self, run: StoredRun) -> None:
        task = await self._store.read(tasks.get, run.task_id)
        assert task is not None, "a run has its task"
        self._notify(TaskRunChanged.of(task, run))

    async def _forget(self) -> None:
        """Remove what is older than is kept."""
        while self._kept_days:
            try:
                before = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC) - timedelta(days=self._kept_days)
                forgotten = await self._store.write(task_runs.forget, before)
                await asyncio.to_thread(self._folders.forget, forgotten)
            except Exception:  # noqa: BLE001  it is tried again
                _log.exception("wallaroo: old runs of tasks could not be removed")
            await asyncio.sleep(FORGET_PERIOD_S)


def due(task: StoredTask, now_ms: int) -> Firing:
    """Return what is due of a task: its latest firing up to now, how many were missed, and which comes next."""
    assert task.schedule is not None and task.time_zone is not None, "only scheduled tasks are due"
    fire_ms = _next_ms(task)
    count, next_ms = 1, None
    for moment_ms in schedules.firings(task.schedule, task.time_zone, fire_ms):
        if moment_ms > now_ms or count == MAX_COUNTED:
            next_ms = moment_ms
            break
        fire_ms, count = moment_ms, count + 1
    if next_ms is not None and next_ms <= now_ms:
        next_ms = schedules.next_firing(task.schedule, task.time_zone, now_ms)
    is_late = count > 1 or fire_ms < now_ms - LATE_MS
    return Firing(run_id=str(uuid.uuid4()), fire_ms=fire_ms, missed=count if is_late else 0, next_fire_ms=next_ms)


def _next_ms(task: StoredTask) -> int:
    assert task.next_fire_ms is not None, "only tasks that will fire are asked about"
    return task.next_fire_ms
