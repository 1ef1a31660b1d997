"""The database: one thread that writes, one that reads.

WAL with ``synchronous=FULL``: what `Store.write` has returned survives a power cut. Reads never wait for a write. Only
the writer checkpoints (SQLite before 3.51.3 can damage a database when two connections do).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from jupyter_wallaroo.errors import InvalidRequest, StorageFull, Unavailable

if TYPE_CHECKING:
    from sqlite_utils import Database

P = ParamSpec("P")
T = TypeVar("T")

FILE_NAME = "wallaroo.db"
BUSY_TIMEOUT_S = 5.0


class Store:
    """The open database of one data directory.

    Parameters
    ----------
    directory
        An existing directory that nobody else has open.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE_NAME
        self._writer = ThreadPoolExecutor(1, "wallaroo-write")
        self._reader = ThreadPoolExecutor(1, "wallaroo-read")
        self._write_db: Database | None = None
        self._read_db: Database | None = None

    async def open(self) -> None:
        """Open the database, bringing its tables up to date.

        Raises
        ------
        Unavailable
            It is damaged, or of a kind this version does not know; nothing was written.
        """
        loop = asyncio.get_running_loop()
        try:
            self._write_db = await loop.run_in_executor(self._writer, self._open_for_writing)
            self._read_db = await loop.run_in_executor(self._reader, self._open_for_reading)
        except sqlite3.Error as error:
            await self.close()
            raise Unavailable(
                f"The database {FILE_NAME!r} in the data directory cannot be used: {error}.",
                hint="Put a backup of it in its place, or set WallarooApp.data_directory to an empty directory.",
                retry_after_s=60,
            ) from error

    def _open_for_writing(self) -> Database:
        from sqlite_utils import Database

        from jupyter_wallaroo.store.migrations import migrations

        connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        self._path.chmod(0o600)
        db = Database(connection)
        db.conn.execute("PRAGMA journal_mode=WAL")
        db.conn.execute("PRAGMA synchronous=FULL")
        db.conn.execute("PRAGMA foreign_keys=ON")
        migrations.apply(db)
        return db

    def _open_for_reading(self) -> Database:
        from sqlite_utils import Database

        uri = f"{self._path.as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        connection.execute("PRAGMA wal_autocheckpoint=0")
        return Database(connection)

    async def write(self, function: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function(db, …)`` in one transaction in the writing thread; it is durable when this returns.

        Raises
        ------
        StorageFull
            The disk is full; nothing was written.
        Unavailable
            Another process holds the database's lock.
        """

        def transaction() -> T:
            assert self._write_db is not None, "the store is not open"
            with self._write_db.atomic():
                return function(self._write_db, *args, **kwargs)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._writer, transaction)
        except sqlite3.OperationalError as error:
            raise _operational(error) from error
        except OverflowError:
            raise _out_of_range() from None

    async def read(self, function: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function(db, …)`` in the reading thread, on a connection that cannot write."""

        def call() -> T:
            assert self._read_db is not None, "the store is not open"
            return function(self._read_db, *args, **kwargs)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, call)
        except OverflowError:
            raise _out_of_range() from None

    async def close(self) -> None:
        """Close both connections and end both threads; more than once is fine."""
        loop = asyncio.get_running_loop()
        for executor, db in ((self._reader, self._read_db), (self._writer, self._write_db)):
            if db is not None:
                await loop.run_in_executor(executor, db.conn.close)
            executor.shutdown(wait=True)
        self._read_db = self._write_db = None


def _out_of_range() -> InvalidRequest:
    return InvalidRequest("An id in the request is out of range: expected a whole number of at most 64 bits.")


def _operational(error: sqlite3.OperationalError) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StorageFull("The disk that holds the data directory is full: nothing was written.")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable("Another process holds the database; nothing was written.", retry_after_s=5)
    return error
