"""DUCKDB, Arrow in and out.

Details
-------
path (or database, file, filename)
    The database file; writing makes it when it is not there. Required. ``~`` is the home folder.
table
    What is read and written when no source or target is named.

A source is SQL or a table's name. DuckDB lets one process at a time write to a file, so a connection is closed again
after every call.

Column types: DuckDB's are Arrow's, lists and structs included; enum and uuid → string; hugeint, which sums of whole
numbers have, → decimal128(38, 0): cast it in SQL for a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.sdk.connectors import sql
from jupyter_wallaroo.sdk.connectors.details import required
from jupyter_wallaroo.sdk.connectors.failures import ConnectorError, driver

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_wallaroo.sdk.connectors.connector import Details

_ROWS = "wallaroo_rows"
"""The name under which a statement sees the table that is written."""


class DuckDB:
    """Reads and writes tables of a DuckDB file."""

    def read(self, details: Details, source: str | None = None, *, parameters: Sequence[Any] = ()) -> pa.Table:
        """Return a table or the rows of a query.

        Parameters
        ----------
        parameters
            Values for the ``?`` of the SQL.
        """
        from jupyter_wallaroo.sdk.connectors.plain import plain

        with _relation(details, source, parameters) as relation:
            return plain(relation.to_arrow_table())

    def batches(
        self, details: Details, source: str | None, most: int, *, parameters: Sequence[Any] = ()
    ) -> Iterator[pa.Table]:
        """Yield what `read` returns, in tables of at most ``most`` rows; the file is closed by then."""
        from jupyter_wallaroo.sdk.connectors.spool import spooled

        yield from spooled(_batches(details, source, most, parameters))

    def write(self, details: Details, table: pa.Table, target: str | None = None, *, mode: str = "append") -> int:
        """Write all rows in one transaction, or none; columns are matched by name.

        Parameters
        ----------
        mode
            ``append``, ``create`` or ``replace``.
        """
        verb = {
            "append": "INSERT INTO {} BY NAME",
            "create": "CREATE TABLE {} AS",
            "replace": "CREATE OR REPLACE TABLE {} AS",
        }
        name = sql.quoted(sql.table_name(details, target))
        statement = verb[sql.mode_of(mode)].format(name)
        with _connection(details, read_only=False) as connection:
            connection.register(_ROWS, table)
            connection.execute(f"{statement} SELECT * FROM {_ROWS}")  # noqa: S608 the name is quoted
        return int(table.num_rows)


def _batches(details: Details, source: str | None, most: int, parameters: Sequence[Any]) -> Iterator[pa.Table]:
    import pyarrow as pa

    from jupyter_wallaroo.sdk.connectors.plain import plain

    with _relation(details, source, parameters) as relation:
        read = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader  # its name before 1.4
        for batch in read(most):
            yield plain(pa.Table.from_batches([batch]))


@contextmanager
def _relation(details: Details, source: str | None, parameters: Sequence[Any]) -> Iterator[Any]:
    query = sql.statement(sql.table_name(details, source), sql.quoted)
    with _connection(details, read_only=True) as connection:
        relation = connection.sql(query, params=list(parameters) or None)
        if relation is None:
            raise ConnectorError("The SQL gives no rows.", hint="A source is a SELECT or a table's name.")
        yield relation


@contextmanager
def _connection(details: Details, *, read_only: bool) -> Iterator[Any]:
    duckdb = driver("duckdb", "sql")
    path = Path(str(required(details, "path", "database", "file", "filename"))).expanduser()
    try:
        with duckdb.connect(str(path), read_only=read_only) as connection:
            yield connection
    except duckdb.CatalogException as error:
        raise ConnectorError(
            str(error),
            hint="Check the table's name; mode='create' makes one, mode='replace' makes one again.",
        ) from None
    except duckdb.IOException as error:
        raise ConnectorError(
            str(error),
            hint="The file has to be there, and no other process may have it open for writing.",
        ) from None
