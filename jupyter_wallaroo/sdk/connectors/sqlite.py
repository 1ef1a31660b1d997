"""SQLITE, through Python's own module.

Details
-------
path (or database, file, filename)
    The database file; writing makes it when it is not there. Required. ``~`` is the home folder.
table
    What is read and written when no source or target is named.

A source is SQL, which is run read-only, or a table's name.

Column types: SQLite has a type per value, so a column's type comes from all of its values: int64, double (also for
whole numbers and others mixed), string, binary. Lists and structs are stored as JSON text, and a text column of JSON
lists comes back as lists, so that ``tensor`` survives a round trip as doubles. Booleans are stored as 0 and 1, times as
ISO 8601 text. A column without any value has Arrow's type null.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.sdk.connectors import sql
from jupyter_wallaroo.sdk.connectors.details import required
from jupyter_wallaroo.sdk.connectors.failures import ConnectorError

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_wallaroo.sdk.connectors.connector import Details

BUSY_TIMEOUT_S = 30.0
"""How long another's lock is waited for."""


class SQLite:
    """Reads and writes tables of an SQLite file."""

    def read(
        self,
        details: Details,
        source: str | None = None,
        *,
        parameters: Sequence[Any] = (),
        timeout_s: float = BUSY_TIMEOUT_S,
    ) -> pa.Table:
        """Return a table or the rows of a query.

        Parameters
        ----------
        parameters
            Values for the ``?`` of the SQL.
        timeout_s
            How long another's lock is waited for.
        """
        with closing(_connect(details, "ro", timeout_s)) as connection:
            cursor = _asked(connection, details, source, parameters)
            return _table(cursor, cursor.fetchall())

    def batches(
        self,
        details: Details,
        source: str | None,
        most: int,
        *,
        parameters: Sequence[Any] = (),
        timeout_s: float = BUSY_TIMEOUT_S,
    ) -> Iterator[pa.Table]:
        """Yield what `read` returns, in tables of at most ``most`` rows; the file is closed by then.

        Types come from the values of each table.
        """
        from jupyter_wallaroo.sdk.connectors.spool import spooled

        def tables() -> Iterator[pa.Table]:
            with closing(_connect(details, "ro", timeout_s)) as connection:
                cursor = _asked(connection, details, source, parameters)
                while found := cursor.fetchmany(most):
                    yield _table(cursor, found)

        yield from spooled(tables())

    def write(
        self,
        details: Details,
        table: pa.Table,
        target: str | None = None,
        *,
        mode: str = "append",
        timeout_s: float = BUSY_TIMEOUT_S,
    ) -> int:
        """Write all rows in one transaction, or none.

        Parameters
        ----------
        mode
            ``append``, ``create`` or ``replace``.
        timeout_s
            As for `read`.
        """
        from jupyter_wallaroo.sdk.connectors import rows

        chosen = sql.mode_of(mode)
        name = sql.quoted(sql.table_name(details, target))
        columns = ", ".join(sql.quoted_part(column) for column in table.column_names)
        places = ", ".join("?" * table.num_columns)
        cells = [_cells(column) for column in rows.nested_as_text(table).columns]
        with closing(_connect(details, "rwc", timeout_s)) as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            if chosen == "replace":
                connection.execute(f"DROP TABLE IF EXISTS {name}")
            if chosen != "append":
                connection.execute(f"CREATE TABLE {name} ({_definition(table.schema)})")
            # Identifiers cannot be bound; they are quoted.
            connection.executemany(
                f"INSERT INTO {name} ({columns}) VALUES ({places})",  # noqa: S608
                zip(*cells, strict=True),
            )
        return int(table.num_rows)


def _asked(
    connection: sqlite3.Connection, details: Details, source: str | None, parameters: Sequence[Any]
) -> sqlite3.Cursor:
    query = sql.statement(sql.table_name(details, source), sql.quoted)
    cursor = connection.execute(query, tuple(parameters))
    if cursor.description is None:
        raise ConnectorError("The SQL gives no rows.", hint="A source is a SELECT or a table's name.")
    return cursor


def _table(cursor: sqlite3.Cursor, found: list[tuple[Any, ...]]) -> pa.Table:
    from jupyter_wallaroo.sdk.connectors import rows

    names = [column[0] for column in cursor.description]
    return rows.text_as_lists(
        rows.table_of_columns({name: [row[index] for row in found] for index, name in enumerate(names)})
    )


def _connect(details: Details, mode: str, timeout_s: float) -> sqlite3.Connection:
    path = Path(str(required(details, "path", "database", "file", "filename"))).expanduser()
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=timeout_s)


def _definition(schema: pa.Schema) -> str:
    return ", ".join(f"{sql.quoted_part(field.name)} {_declared(field.type)}" for field in schema)


def _declared(kind: pa.DataType) -> str:
    import pyarrow as pa

    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return "INTEGER"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "REAL"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return "BLOB"
    return "TEXT"


def _cells(column: pa.ChunkedArray) -> list[Any]:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    cells: list[Any] = column.to_pylist()
    if pa.types.is_temporal(kind):
        return [
            None if cell is None else str(cell) if pa.types.is_duration(kind) else cell.isoformat() for cell in cells
        ]
    return cells
