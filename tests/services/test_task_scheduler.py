"""What is due is run once, whatever happens to the clock and to the server; by a clock that the test sets."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from jupyter_wallaroo.services import schedules
from jupyter_wallaroo.services.continuous import ContinuousTasks
from jupyter_wallaroo.services.orchestrations import OrchestrationService
from jupyter_wallaroo.services.queue import Queue
from jupyter_wallaroo.services.task_runs import RunSettings, TaskRunner
from jupyter_wallaroo.services.task_scheduler import MAX_COUNTED, TaskScheduler, due
from jupyter_wallaroo.services.task_tokens import TaskTokens
from jupyter_wallaroo.services.users import UserService
from jupyter_wallaroo.store import orchestrations, task_runs, tasks
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.store.orchestrations import NewOrchestration
from jupyter_wallaroo.store.tasks import NewTask
from jupyter_wallaroo.supervisor.task import LocalTasks
from jupyter_wallaroo.supervisor.task_folders import TaskFolders
from jupyter_wallaroo.types.event import Event, TaskRunChanged
from jupyter_wallaroo.types.task import RunState, RunType, StoredRun, StoredTask
from jupyter_wallaroo.types.task_process import Ending, TaskEnd, TaskLimits
from tests.services.test_assay_runner import SetClock

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
START_MS = 1_790_000_040_000 // MINUTE_MS * MINUTE_MS
LIMIT_S = 60.0


class QuickRunner(TaskRunner):
    """Runs nothing, as long as it is told: the processes have tests of their own."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        self.ran: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.exit_code = 0

    async def _execute(self, task: StoredTask, run: StoredRun, started: Any) -> TaskEnd:
        self.ran.append(run.id)
        while not self.gate.is_set() and not started.is_ended():
            await asyncio.sleep(0.001)
        return TaskEnd(ending=Ending.KILLED if started.is_ended() else Ending.EXITED, exit_code=self.exit_code)


class House:
    """What schedules tasks, on one directory; opened again it is a server that was started again."""

    def __init__(self, directory: Path, now_ms: int) -> None:
        self.store = Store(directory)
        self.clock = SetClock(now_ms)
        self.told: list[Event] = []
        folders = TaskFolders(directory / "tasks")
        self.runner = QuickRunner(
            store=self.store,
            folders=folders,
            launcher=LocalTasks(folders),
            orchestrations=cast("OrchestrationService", None),
            tokens=TaskTokens(),
            settings=RunSettings(url="", time_limit_s=0, limits=TaskLimits()),
            notify=self.told.append,
        )
        self.queue = Queue(interactive=2, background=2)
        self.continuous = ContinuousTasks(self.store, self.runner, self.clock)
        self.scheduler = TaskScheduler(
            store=self.store,
            runner=self.runner,
            continuous=self.continuous,
            queue=self.queue,
            folders=folders,
            clock=self.clock,
            kept_days=0,
            notify=self.told.append,
        )

    async def make(self, run_type: RunType = RunType.SCHEDULED, schedule: str = "* * * * *", zone: str = "UTC") -> str:
        user = await UserService(self.store).identify("ada", "Ada")
        facts: dict[str, Any] = {"name": None, "workspace_id": 1, "sha": "5ha", "owner_id": user.id}
        orchestration = NewOrchestration(
            **facts, id=str(uuid.uuid4()), file_name="o.zip", size_bytes=1, entry="main.py", requirements=[]
        )
        await self.store.write(orchestrations.insert, orchestration)
        is_scheduled = run_type is RunType.SCHEDULED
        now_ms = self.clock.now_ms()
        new = NewTask(
            id=str(uuid.uuid4()), name="t", orchestration_id=orchestration.id, orch_sha="5ha", workspace_id=1,
            owner_id=user.id, run_type=run_type, arguments={}, timeout_s=None, debug=False,
            schedule=schedule if is_scheduled else None, time_zone=zone if is_scheduled else None,
            next_fire_ms=schedules.next_firing(schedule, zone, now_ms) if is_scheduled else None,
        )  # fmt: skip
        made = await self.store.write(tasks.insert, new, of_its_kind=0)
        assert made is not None
        self.scheduler.wake()
        return made.id

    async def runs(self, task_id: str) -> list[StoredRun]:
        """Return the runs of a task, oldest first."""
        return (await self.store.read(task_runs.of_task, task_id, limit=1_000_000))[::-1]

    async def settle(self) -> None:
        """Wait until nothing is due and nothing runs."""
        until = time.monotonic() + LIMIT_S
        while True:
            waiting = await self.store.read(tasks.due)
            is_due = bool(waiting) and cast("int", waiting[0].next_fire_ms) <= self.clock.now_ms()
            if not is_due and not await self.store.read(task_runs.every_open) and not self.scheduler.is_busy:
                return
            assert time.monotonic() < until, "it does not settle"
            await asyncio.sleep(0.001)

    async def go(self, to_ms: int) -> None:
        self.clock.set(to_ms)
        await self.settle()


def in_house(directory: Path, work: Callable[[House], Awaitable[None]], now_ms: int = START_MS) -> None:
    async def run() -> None:
        house = House(directory, now_ms)
        await house.store.open()
        try:
            await house.scheduler.start()
            try:
                await work(house)
            finally:
                await house.scheduler.stop()
        finally:
            await house.store.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("zone", "begin"),
    [("Europe/Berlin", "2026-10-24"), ("Australia/Lord_Howe", "2026-04-04"), ("America/New_York", "2026-03-07")],
)
def test_each_firing_runs_once_over_three_days_in_which_the_clocks_change(
    tmp_path: Path, zone: str, begin: str
) -> None:
    """Must show 2, for the scheduler itself: one simulated minute after the other."""
    start_ms = int(datetime.fromisoformat(f"{begin}T00:00:00+00:00").timestamp() * 1000)
    expressions = ["17 * * * *", "30 2 * * *", "0 */6 * * *", "*/45 1-3 * * *", "5 0 * * 0"]

    async def work(house: House) -> None:
        made = {expression: await house.make(schedule=expression, zone=zone) for expression in expressions}
        end_ms = start_ms + 3 * DAY_MS
        while True:
            ahead = [cast("int", task.next_fire_ms) for task in await house.store.read(tasks.due)]
            if min(ahead) >= end_ms:
                break
            await house.go(min(ahead) + 20)
        for expression, task_id in made.items():
            found = await house.runs(task_id)
            expected = [ms for ms in schedules.next_firings(expression, zone, start_ms, 200) if ms < end_ms]
            assert [run.fire_ms for run in found] == expected
            assert {(run.state, run.missed) for run in found} == {(RunState.SUCCESS, 0)}
        assert len(house.runner.ran) == len(set(house.runner.ran))

    in_house(tmp_path, work, start_ms)


def test_what_came_due_while_the_server_was_away_is_made_up_for_once(tmp_path: Path) -> None:
    """F20: one run, marked late, that says how many it stands for; then on time again."""
    made: list[str] = []

    async def before(house: House) -> None:
        made.append(await house.make())
        made.append(await house.make(schedule="0 0 * * *"))
        await house.go(START_MS + MINUTE_MS + 10)

    async def after(house: House) -> None:
        await house.settle()
        _, late = await house.runs(made[0])
        assert (late.missed, late.state) == (180, RunState.SUCCESS)
        assert late.fire_ms == START_MS + 181 * MINUTE_MS
        await house.go(START_MS + 182 * MINUTE_MS + 10)
        assert [run.missed for run in await house.runs(made[0])] == [0, 180, 0]
        assert next(event.missed for event in house.told if isinstance(event, TaskRunChanged)) == 180

    in_house(tmp_path, before)
    in_house(tmp_path, after, START_MS + 181 * MINUTE_MS + 30_000)


def test_a_firing_while_the_run_before_it_is_not_over_is_skipped_and_marked(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        task_id = await house.make()
        house.runner.gate.clear()
        for minute in (1, 2, 3):
            house.clock.set(START_MS + minute * MINUTE_MS + 10)
            while len(await house.runs(task_id)) < minute:
                await asyncio.sleep(0.001)
        assert house.scheduler.is_busy, "a Hub must not cull the server meanwhile"
        house.runner.gate.set()
        await house.settle()
        await house.go(START_MS + 4 * MINUTE_MS + 10)
        found = await house.runs(task_id)
        assert [run.state for run in found] == ["success", "skipped", "skipped", "success"]
        assert found[1].reason == f"run {found[0].id} was not over"

    in_house(tmp_path, work)


@pytest.mark.parametrize("jump_ms", [-HOUR_MS, -DAY_MS])
def test_a_clock_that_is_set_back_doubles_nothing(tmp_path: Path, jump_ms: int) -> None:
    """F21."""

    async def work(house: House) -> None:
        task_id = await house.make()
        await house.go(START_MS + MINUTE_MS + 10)
        await house.go(START_MS + MINUTE_MS + jump_ms)
        house.scheduler.wake()
        await house.settle()
        await house.go(START_MS + 2 * MINUTE_MS + 10)
        assert [run.fire_ms for run in await house.runs(task_id)] == [START_MS + MINUTE_MS, START_MS + 2 * MINUTE_MS]

    in_house(tmp_path, work)


@pytest.mark.parametrize("jump_ms", [HOUR_MS, DAY_MS])
def test_a_clock_that_is_set_forward_is_an_absence(tmp_path: Path, jump_ms: int) -> None:
    async def work(house: House) -> None:
        task_id = await house.make()
        await house.go(START_MS + jump_ms + 10)
        assert [run.missed for run in await house.runs(task_id)] == [jump_ms // MINUTE_MS]

    in_house(tmp_path, work)


def test_the_same_firing_is_never_written_twice(tmp_path: Path) -> None:
    """Should the clock be set back and a task resumed, its firings up to then have their rows."""

    async def work(house: House) -> None:
        task_id = await house.make()
        await house.go(START_MS + MINUTE_MS + 10)
        await house.store.write(tasks.pause, task_id)
        house.clock.set(START_MS)
        await house.store.write(tasks.resume, task_id, START_MS + MINUTE_MS)
        house.scheduler.wake()
        await house.go(START_MS + 2 * MINUTE_MS - 10)
        assert [run.missed for run in await house.runs(task_id)] == [0]
        await house.go(START_MS + 2 * MINUTE_MS + 10)
        assert len(await house.runs(task_id)) == 2

    in_house(tmp_path, work)


def test_what_waited_still_waits_and_what_ran_is_interrupted_after_a_crash(tmp_path: Path) -> None:
    """Never 'running' for ever; a run that had not begun begins once."""
    made: list[str] = []

    async def before(house: House) -> None:
        house.runner.gate.clear()
        made.extend([await house.make() for _ in range(3)])
        house.clock.set(START_MS + MINUTE_MS + 10)
        while len(house.runner.ran) < 2:
            await asyncio.sleep(0.001)
        rows = await house.store.read(task_runs.every_open)
        while len(rows) < 3:
            rows = await house.store.read(task_runs.every_open)
        assert sorted(run.state for run in rows) == ["queued", "running", "running"]
        # As a killed server leaves it: nothing is told to the store any more.
        house.store.write = _nothing  # type: ignore[method-assign, assignment]

    async def after(house: House) -> None:
        await house.settle()
        states = sorted([run.state for task_id in made for run in await house.runs(task_id)])
        assert states == ["interrupted", "interrupted", "success"]
        assert len(house.runner.ran) == 1

    in_house(tmp_path, before)
    in_house(tmp_path, after, START_MS + MINUTE_MS + 20_000)


async def _nothing(*_: object, **__: object) -> None:
    return None


def test_a_stopped_server_says_that_it_was_stopped(tmp_path: Path) -> None:
    made: list[str] = []

    async def before(house: House) -> None:
        house.runner.gate.clear()
        made.append(await house.make())
        house.clock.set(START_MS + MINUTE_MS + 10)
        while not house.runner.ran:
            await asyncio.sleep(0.001)

    async def after(house: House) -> None:
        (run,) = await house.runs(made[0])
        assert (run.state, run.reason) == (RunState.INTERRUPTED, "the server was stopped")

    in_house(tmp_path, before)
    in_house(tmp_path, after, START_MS + MINUTE_MS + 20_000)


def test_a_continuous_task_is_started_again_later_and_later(tmp_path: Path) -> None:
    """1, 2, 4 … 60 s; one that lasts begins anew."""

    async def work(house: House) -> None:
        task_id = await house.make(RunType.CONTINUOUS)
        house.runner.exit_code = 1
        house.continuous.begin(task_id)
        at_ms, pauses = START_MS, []
        for count in range(1, 9):
            until = time.monotonic() + LIMIT_S
            while len(house.runner.ran) < count or house.runner.is_busy:
                assert time.monotonic() < until
                await asyncio.sleep(0.001)
            while not house.clock.waits or (house.clock.waits[-1] or 0) <= at_ms:
                await asyncio.sleep(0.001)
            next_ms = cast("int", house.clock.waits[-1])
            pauses.append((next_ms - at_ms) // 1000)
            at_ms = next_ms
            house.clock.set(at_ms)
        assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
        task = await house.store.read(tasks.get, task_id)
        assert task is not None and task.failures >= 8

    in_house(tmp_path, work)


def test_counting_what_was_missed_ends(tmp_path: Path) -> None:
    """Ten years of every minute are not walked; the next firing is right all the same."""

    async def work(house: House) -> None:
        task_id = await house.make()
        task = await house.store.read(tasks.get, task_id)
        assert task is not None
        now_ms = START_MS + 3650 * DAY_MS + 30_000
        found = due(task, now_ms)
        assert found.missed == MAX_COUNTED
        assert found.next_fire_ms == START_MS + 3650 * DAY_MS + MINUTE_MS
        assert datetime.fromtimestamp(found.fire_ms / 1000, UTC) < datetime.fromtimestamp(now_ms / 1000, UTC)
        house.clock.set(START_MS)

    in_house(tmp_path, work)
