"""One writer, one reader, all or nothing."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_wallaroo.errors import StorageFull, Unavailable
from jupyter_wallaroo.store import db as db_module
from jupyter_wallaroo.store import rows, users, workspaces
from jupyter_wallaroo.store.db import FILE_NAME, Store
from tests.store.opening import with_store

if TYPE_CHECKING:
    from sqlite_utils import Database


def names(db: Database) -> list[str]:
    return workspaces.names(db)


def test_an_error_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    """A request is done or not done; the writer goes on after a failure."""

    def half(db: Database) -> None:
        user = users.ensure(db, "ann", "Ann")
        workspaces.insert(db, "one", user.id)
        raise ZeroDivisionError

    async def work(store: Store) -> None:
        with pytest.raises(ZeroDivisionError):
            await store.write(half)
        assert await store.read(names) == []
        assert await store.read(users.by_ids, None) == {}
        await store.write(users.ensure, "ben", "Ben")
        assert await store.read(names) == ["ben - Default Workspace"]

    with_store(tmp_path, work)


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    """Opening an existing database applies no migration twice."""

    async def write(store: Store) -> str:
        return (await store.write(users.ensure, "ann", "Ann")).id

    async def read(store: Store) -> list[str]:
        return list(await store.read(users.by_ids, None))

    user_id = with_store(tmp_path, write)
    assert [user_id] == with_store(tmp_path, read)


def test_a_write_is_seen_by_the_next_read(tmp_path: Path) -> None:
    """Writer and reader are two connections; the caller must not notice."""

    async def work(store: Store) -> None:
        user = await store.write(users.ensure, "ann", "Ann")
        for number in range(20):
            key = await store.write(workspaces.insert, f"w{number}", user.id)
            assert key is not None
            found = await store.read(workspaces.get, key)
            assert found is not None and f"w{number}" == found.name

    with_store(tmp_path, work)


def test_the_reader_cannot_write(tmp_path: Path) -> None:
    """A mistake in a reading function must not get past the one writer (SECURITY D7)."""

    async def work(store: Store) -> None:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await store.read(users.ensure, "ann", "Ann")

    with_store(tmp_path, work)


def test_durability_is_switched_on(tmp_path: Path) -> None:
    """WAL and synchronous=FULL make a returned write survive a power cut; foreign keys are off by default in SQLite."""

    def pragmas(db: Database) -> dict[str, Any]:
        return {
            name: next(db.query(f"PRAGMA {name}"))[name] for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    async def work(store: Store) -> dict[str, Any]:
        return await store.write(pragmas)

    assert with_store(tmp_path, work) == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_a_reference_to_nothing_is_refused(tmp_path: Path) -> None:
    """A workspace of a user that does not exist is a bug of ours, and nothing is written."""

    async def work(store: Store) -> list[str]:
        with pytest.raises(sqlite3.IntegrityError):
            await store.write(workspaces.insert, "one", "nobody")
        return await store.read(names)

    assert with_store(tmp_path, work) == []


def test_a_read_does_not_wait_for_a_write(tmp_path: Path) -> None:
    """Status calls answer while something long is written, and see the state before it."""
    release = threading.Event()
    started = threading.Event()

    def slow(db: Database) -> None:
        users.ensure(db, "ann", "Ann")
        started.set()
        assert release.wait(20)

    async def work(store: Store) -> None:
        writing = asyncio.ensure_future(store.write(slow))
        await asyncio.get_running_loop().run_in_executor(None, started.wait, 20)
        assert await store.read(names) == []
        release.set()
        await writing
        assert await store.read(names) == ["ann - Default Workspace"]

    with_store(tmp_path, work)


def test_a_lock_of_another_process_is_a_state_that_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup tool may hold the database: 503 and try again, nothing written (F12)."""
    monkeypatch.setattr(db_module, "BUSY_TIMEOUT_S", 0.01)

    async def work(store: Store) -> None:
        other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Unavailable, match="Another process holds the database"):
            await store.write(users.ensure, "ann", "Ann")
        assert await store.read(names) == []
        other.execute("ROLLBACK")
        other.close()
        assert (await store.write(users.ensure, "ann", "Ann")).username == "ann"

    with_store(tmp_path, work)


def test_a_full_disk_is_said_and_heals(tmp_path: Path) -> None:
    """SQLite's own page limit stands for the disk: nothing half-written, and it goes on when there is room (F10)."""

    def limit(db: Database, pages: int) -> None:
        db.conn.execute(f"PRAGMA max_page_count={pages}")

    def much(db: Database) -> None:
        for number in range(200):
            workspaces.insert(db, f"{number}" + "x" * 4000, user_id)

    user_id = ""

    async def work(store: Store) -> None:
        nonlocal user_id
        user_id = (await store.write(users.ensure, "ann", "Ann")).id
        before = await store.read(names)
        await store.write(limit, 1)
        with pytest.raises(StorageFull, match="nothing was written"):
            await store.write(much)
        assert before == await store.read(names)
        await store.write(limit, 1_000_000)
        await store.write(much)
        assert len(await store.read(names)) == 201

    with_store(tmp_path, work)


def test_closing_twice_is_fine(tmp_path: Path) -> None:
    """Shutdown paths meet."""

    async def work(store: Store) -> None:
        await store.close()

    with_store(tmp_path, work)
    before = {thread.name for thread in threading.enumerate()}
    assert not any(name.startswith("wallaroo-") for name in before)


def test_rows_are_bound_not_spliced(tmp_path: Path) -> None:
    """Names are data (SECURITY D7)."""
    name = "x'; DROP TABLE users; --"

    async def work(store: Store) -> None:
        await store.write(users.ensure, name, name)
        assert [name] == [user.username for user in (await store.read(users.by_ids, None)).values()]

    with_store(tmp_path, work)


@pytest.mark.parametrize(("one", "other"), [("House", "hOUSE"), ("STRASSE", "straße"), ("Ω", "ω")])
def test_names_that_differ_only_in_case_have_one_key(one: str, other: str) -> None:
    """Two that look alike would be mistaken for each other (SECURITY D6)."""
    assert rows.name_key(one) == rows.name_key(other)
