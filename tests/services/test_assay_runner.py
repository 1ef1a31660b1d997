"""Runs when they are due, by a clock that the test sets: real analyst, real database, journals with chosen times."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jupyter_wallaroo.services import assay_config
from jupyter_wallaroo.services.analysis import AnalysisService
from jupyter_wallaroo.services.assay_runner import SETTLE_MS, AssayRunner
from jupyter_wallaroo.services.assays import AssayService
from jupyter_wallaroo.services.clock import Clock
from jupyter_wallaroo.services.users import UserService
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store import assays, pipelines
from jupyter_wallaroo.store.assays import Asked
from jupyter_wallaroo.store.data_directory import DataDirectory
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.supervisor.analyst import AnalystProcess
from jupyter_wallaroo.types import assay as wire
from jupyter_wallaroo.types.assay_definition import StoredAnalysis, StoredAssay
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.drift import Span
from jupyter_wallaroo.types.event import AssayChanged, Event
from jupyter_wallaroo.types.pipeline import Pipeline
from tests.segments.writing import append, numbers, open_journal

DAY_MS = 86_400_000
START_MS = 20_000 * DAY_MS
"""The first day is the baseline."""
LIMIT_S = 30.0


class SetClock(Clock):
    """Stands still until it is set."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._moved = asyncio.Event()
        self.waits: list[int | None] = []

    def now_ms(self) -> int:
        return self._now_ms

    def set(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._moved.set()

    async def wait(self, until_ms: int | None, woken: asyncio.Event) -> None:
        self.waits.append(until_ms)
        while not woken.is_set() and (until_ms is None or self._now_ms < until_ms):
            self._moved.clear()
            ends = [asyncio.ensure_future(event.wait()) for event in (woken, self._moved)]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for end in ends:
                    end.cancel()


class House:
    """What runs assays, on one data directory."""

    def __init__(self, path: Path, now_ms: int) -> None:
        self.directory = DataDirectory(path)
        self.store = Store(path)
        self.analyst = AnalystProcess(self.directory.empty)
        self.clock = SetClock(now_ms)
        analysis = AnalysisService(self.directory, self.analyst)
        self.told: list[Event] = []
        tell = self.told.append
        self.runner = AssayRunner(self.store, analysis, self.clock, tell)
        self.assays = AssayService(
            store=self.store,
            workspaces=WorkspaceService(self.store),
            analysis=analysis,
            clock=self.clock,
            wake=self.runner.wake,
            notify=tell,
        )
        self.users = UserService(self.store)

    async def pipeline(self) -> tuple[Caller, Pipeline]:
        caller = Caller(await self.users.identify("ada", "Ada"), "http://127.0.0.1/wallaroo/v1/api")
        workspace_id = 1
        version = await self.store.write(pipelines.insert_version, workspace_id, "p", {}, caller.user.id)
        assert version is not None
        found = await self.store.read(pipelines.get, version.pipeline_id)
        assert found is not None
        return caller, found

    async def make(self, **changes: Any) -> StoredAssay:
        """Make an assay with windows of a day after a baseline of a day."""
        caller, pipeline = await self.pipeline()
        fixed = wire.FixedBaseline(start_at=day(0), end_at=day(1))
        facts = {
            "name": "daily",
            "pipeline_name": "p",
            "baseline": wire.AssayBaseline(fixed=fixed),
            "window": wire.AssayWindow(width="1 days", path="out.y"),
            **changes,
        }
        definition = assay_config.read(wire.AssayConfig(**facts), self.clock.now_ms())
        return await self.assays.create(caller, facts["name"], pipeline, definition, active=True)

    async def results(self, assay: StoredAssay) -> list[StoredAnalysis]:
        return await self.assays.results(assay, Span(0, 2**53))

    async def until(self, assay: StoredAssay, wanted: int) -> list[StoredAnalysis]:
        """Wait until there are so many results and the runner waits again."""
        until = time.monotonic() + LIMIT_S
        while True:
            found = await self.results(assay)
            if len(found) >= wanted:
                return found
            assert time.monotonic() < until, f"{len(found)} of {wanted} results"
            await asyncio.sleep(0.01)

    async def quiet(self) -> int | None:
        """Wait until the runner waits, and return for when."""
        self.clock.waits.clear()
        self.runner.wake()
        until = time.monotonic() + LIMIT_S
        while not self.clock.waits:
            assert time.monotonic() < until
            await asyncio.sleep(0.01)
        return self.clock.waits[-1]

    async def close(self) -> None:
        await self.runner.stop()
        await self.analyst.stop()
        await self.store.close()
        self.directory.close()


def in_house(path: Path, now_ms: int, work: Callable[[House], Awaitable[None]]) -> None:
    async def run() -> None:
        house = House(path, now_ms)
        await house.store.open()
        house.runner.start()
        try:
            await work(house)
        finally:
            await house.close()

    asyncio.run(run())


def day(number: float) -> str:
    return f"{np.datetime64(START_MS + round(number * DAY_MS), 'ms')}+00:00"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A data directory with ten days of records of pipeline 1, shifted from the sixth window on; day 4 has none."""
    rng = np.random.default_rng(0)
    journal = open_journal(tmp_path / "logs" / "pipeline-1")
    for number in (0, 1, 2, 3, 5, 6, 7, 8, 9, 10):
        for part in range(4):
            values = rng.normal(2.0 if number >= 6 else 0.0, 1.0, 100)
            append(journal, numbers(*values), START_MS + number * DAY_MS + part * DAY_MS // 4)
    journal.close()
    return tmp_path


def after(days: float) -> int:
    return START_MS + round(days * DAY_MS) + SETTLE_MS


def test_windows_are_analysed_when_they_are_over(path: Path) -> None:
    """Not a moment before; nothing is asked between; drift is found in the first shifted window."""

    async def work(house: House) -> None:
        assay = await house.make()
        assert await house.quiet() == after(2)
        house.clock.set(after(2) - 1)
        assert await house.quiet() == after(2)
        assert await house.results(assay) == []
        house.clock.set(after(2))
        (first,) = await house.until(assay, 1)
        assert first.span == Span(START_MS + DAY_MS, START_MS + 2 * DAY_MS)
        assert first.status == "Ok"
        for number in (3, 4, 5, 6, 7):
            house.clock.set(after(number))
            assert await house.quiet() == after(number + 1)
        found = await house.results(assay)
        assert [(item.span.start_ms - START_MS) // DAY_MS for item in found] == [1, 2, 3, 5, 6]
        assert [str(item.status) for item in found] == ["Ok", "Ok", "Ok", "Ok", "Alert"]
        told = [event for event in house.told if isinstance(event, AssayChanged)]
        assert [(str(event.action), event.windows, event.status) for event in told] == [
            ("created", 0, None),
            *[("analyzed", 1, "Ok")] * 3,
            ("analyzed", 0, None),
            ("analyzed", 1, "Ok"),
            ("analyzed", 1, "Alert"),
        ]
        assert told[-1].window_start == f"{day(6)[:19]}.000000+00:00"

    in_house(path, after(1), work)


def test_what_was_missed_is_caught_up_once(path: Path) -> None:
    """A server that is away for days; and one that comes back without anything being due."""

    async def first(house: House) -> None:
        await house.make()
        house.clock.set(after(2))
        assert await house.quiet() == after(3)

    async def second(house: House) -> None:
        (assay,) = await house.assays.every(Asked())
        found = await house.until(assay, 8)
        assert [(item.span.start_ms - START_MS) // DAY_MS for item in found] == [1, 2, 3, 5, 6, 7, 8, 9]
        assert await house.quiet() == after(11)

    async def third(house: House) -> None:
        assert await house.quiet() == after(11)
        (assay,) = await house.assays.every(Asked())
        assert len(await house.results(assay)) == 8

    in_house(path, after(1), first)
    in_house(path, after(10.5), second)
    in_house(path, after(10.6), third)


def test_without_active_assays_nothing_is_waited_for(path: Path) -> None:
    async def work(house: House) -> None:
        assert await house.quiet() is None
        assay = await house.make(run_until=day(3))
        house.clock.set(after(9))
        await house.until(assay, 2)
        assert await house.quiet() is None
        assert house.analyst._process is not None
        ended = await house.assays.require(assay.id)
        assert ended.next_run_ms is None
        assert len(await house.results(assay)) == 2

    in_house(path, after(1), work)


def test_while_it_is_off_windows_pass_unseen(path: Path) -> None:
    async def work(house: House) -> None:
        assay = await house.make()
        await house.assays.set_active(assay, active=False)
        house.clock.set(after(5.5))
        assert await house.quiet() is None
        await house.assays.set_active(await house.assays.require(assay.id), active=True)
        assert await house.quiet() == after(6)
        house.clock.set(after(6))
        (only,) = await house.until(assay, 1)
        assert only.span.start_ms == START_MS + 5 * DAY_MS
        actions = [str(event.action) for event in house.told if isinstance(event, AssayChanged)]
        assert actions[:3] == ["created", "deactivated", "activated"]

    in_house(path, after(1), work)


def test_of_a_removed_pipeline_nothing_runs(path: Path) -> None:
    """What was found stays to be read."""

    async def work(house: House) -> None:
        assay = await house.make()
        house.clock.set(after(2))
        await house.until(assay, 1)
        await house.store.write(pipelines.remove, assay.pipeline_id)
        assert await house.quiet() is None
        assert len(await house.results(assay)) == 1

    in_house(path, after(1), work)


def test_a_run_that_was_overtaken_writes_nothing(path: Path) -> None:
    """The step to the next run is the guard: the same windows are never written twice."""

    async def work(house: House) -> None:
        assay = await house.make()
        house.clock.set(after(2))
        await house.until(assay, 1)
        stale = assays.Progress(ran_at_ms=0, next_run_ms=5, kept=None, status="stale")
        assert await house.store.write(assays.advance, assay, stale, []) is False
        assert (await house.assays.require(assay.id)).status != "stale"

    in_house(path, after(1), work)


def test_the_analyst_may_be_killed(path: Path) -> None:
    """While it is idle, and over a run: the run is done again."""

    async def work(house: House) -> None:
        assay = await house.make()
        house.clock.set(after(2))
        await house.until(assay, 1)
        assert house.analyst._process is not None
        house.analyst._process.kill()
        await house.analyst._process.wait()
        house.clock.set(after(10))
        assert len(await house.until(assay, 8)) == 8

    in_house(path, after(1), work)


def test_a_baseline_outlives_its_records(path: Path) -> None:
    """It is summarized once; what the retention removes afterwards is not missed."""

    async def work(house: House) -> None:
        assay = await house.make()
        for file in (path / "logs" / "pipeline-1" / "journal").iterdir():
            file.unlink()
        journal = open_journal(path / "logs" / "pipeline-1", "r1")
        append(journal, numbers(*np.random.default_rng(1).normal(0, 1, 100)), START_MS + 2 * DAY_MS + 1)
        journal.close()
        house.clock.set(after(3))
        (only,) = await house.until(assay, 1)
        assert only.paths["out.y"].baseline is not None
        assert only.paths["out.y"].baseline.count == 400

    in_house(path, after(1), work)


def test_a_baseline_that_is_not_over_is_summarized_when_it_is(path: Path) -> None:
    async def work(house: House) -> None:
        assay = await house.make()
        assert assay.kept is None
        house.clock.set(after(2))
        await house.until(assay, 1)
        assert (await house.assays.require(assay.id)).kept is not None

    in_house(path, after(0.5), work)


def test_a_window_without_the_field_is_a_warning(path: Path) -> None:
    """And what could not be compared is said; later windows go on."""
    journal = open_journal(path / "logs" / "pipeline-1", "r1")
    append(journal, numbers(1.0, 2.0, output="other"), START_MS + 4 * DAY_MS)
    journal.close()

    async def work(house: House) -> None:
        assay = await house.make()
        house.clock.set(after(6))
        found = await house.until(assay, 5)
        assert str(found[3].status) == "Warning"
        assert "No record has 'out.y'" in (found[3].paths["out.y"].error or "")
        assert str(found[4].status) == "Ok"

    in_house(path, after(1), work)
