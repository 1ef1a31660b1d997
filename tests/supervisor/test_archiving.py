"""Finished journals are archived when they are told of, and every pipeline gets its turn."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from jupyter_wallaroo.segments.archive import JOURNALS, SEGMENTS
from jupyter_wallaroo.supervisor import archiving
from jupyter_wallaroo.supervisor.archiving import Archiving
from jupyter_wallaroo.supervisor.archivist import ArchivistProcess
from jupyter_wallaroo.types.plan import Archive
from tests.segments.writing import append, numbers, open_journal

LIMIT_S = 60.0


@pytest.fixture(autouse=True)
def no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is archived here was told of, or found by the first look."""
    monkeypatch.setattr(archiving, "PERIOD_S", 3600.0)


@contextlib.asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[Archiving]:
    (folder / "empty").mkdir()
    archivist = ArchivistProcess(folder / "empty")
    running = Archiving(archivist, Archive(directory=str(folder / "logs"), max_bytes=0, max_age_s=0))
    task = asyncio.create_task(running.run())
    try:
        yield running
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await archivist.stop()


def _write(log: Path, times: range) -> None:
    """Write a finished journal for each of some times."""
    for time_ms in times:
        journal = open_journal(log, f"r{time_ms}")
        append(journal, numbers(time_ms), time_ms)
        journal.close()


def _archived(log: Path) -> int:
    return len(list((log / SEGMENTS).glob("[!.]*")))


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_what_is_told_of_is_archived_at_once(tmp_path: Path) -> None:
    """And what nobody told of is found when all are looked at."""
    one, two = tmp_path / "logs" / "1", tmp_path / "logs" / "2"
    _write(one, range(3))
    async with _running(tmp_path) as running:
        await _until(lambda: bool(running.log_bytes))
        await _until(lambda: _archived(one) == 3)
        _write(two, range(2))
        _write(one, range(3, 5))
        running.rolled(str(two / JOURNALS))
        await _until(lambda: _archived(two) == 2)
        running.rolled(str(one / JOURNALS))
        await _until(lambda: _archived(one) == 5)


async def test_one_pipeline_does_not_keep_others_waiting(tmp_path: Path) -> None:
    """One journal of each in turn, however many one of them has."""
    busy, other = tmp_path / "logs" / "1", tmp_path / "logs" / "2"
    _write(busy, range(200))
    _write(other, range(1))
    async with _running(tmp_path) as running:
        await _until(lambda: _archived(other) == 1)
        assert _archived(busy) < 200
        await _until(lambda: _archived(busy) == 200)
        assert running.log_bytes.keys() == {"1", "2"}
