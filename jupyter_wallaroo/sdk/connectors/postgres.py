"""POSTGRES and POSTGRESQL, through ADBC.

Details
-------
uri (or url, connection_string, dsn)
    ``postgresql://user:password@host:port/database``; or else
host (or hostname, server), port (5432), user (or username), password, database (or dbname, db)
sslmode, sslrootcert, sslcert, sslkey, options, application_name
    As libpq has them.
table
    What is read and written when no source or target is named.

A source is SQL or a table's name; a target is a table's name, with its schema if it is not in the search path.

Column types: smallint, integer, bigint → int16, int32, int64; real, double precision → float, double; text, varchar →
string; boolean → bool; timestamp → timestamp[us]; timestamptz → timestamp[us, UTC]; date → date32; bytea → binary;
arrays → lists, so that ``tensor`` columns survive a round trip as ``real[]`` or ``double precision[]``; numeric →
double (cast it to text in SQL for all digits); uuid, json and jsonb → string. Structs, and lists of lists, cannot be
written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from jupyter_wallaroo.sdk.connectors import sql
from jupyter_wallaroo.sdk.connectors.details import optional, required
from jupyter_wallaroo.sdk.connectors.failures import ConnectorError, driver

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_wallaroo.sdk.connectors.connector import Details

CONNECT_TIMEOUT_S = 15

_HINTS = {
    "42501": "The user among the connection's details may not do this.",
    "57014": "It took longer than timeout_s.",
    "NOT_FOUND": "There is no such table: check its name and schema, or write with mode='create'.",
    "ALREADY_EXISTS": "The table is there already: write with mode='append' or mode='replace'.",
    "IO": "Check host, port, user, password and database among the connection's details.",
}
"""By SQLSTATE, else by ADBC's status."""

_LIBPQ = ("sslmode", "sslrootcert", "sslcert", "sslkey", "options", "application_name")


class Postgres:
    """Reads and writes tables of PostgreSQL."""

    def read(
        self,
        details: Details,
        source: str | None = None,
        *,
        parameters: Sequence[Any] = (),
        timeout_s: float | None = None,
    ) -> pa.Table:
        """Return a table or the rows of a query.

        Parameters
        ----------
        parameters
            Values for ``$1``, ``$2`` … of the SQL.
        timeout_s
            After so many seconds the server gives a statement up; None: never.
        """
        from jupyter_wallaroo.sdk.connectors.plain import plain

        query = sql.statement(sql.table_name(details, source), sql.quoted)
        with _cursor(details, timeout_s) as cursor:
            cursor.execute(query, list(parameters) or None)
            return plain(cursor.fetch_arrow_table())

    def batches(
        self,
        details: Details,
        source: str | None,
        most: int,  # noqa: ARG002  the driver cuts its answer by bytes
        *,
        parameters: Sequence[Any] = (),
        timeout_s: float | None = None,
    ) -> Iterator[pa.Table]:
        """Yield what `read` returns, in tables of some MiB as the server sends them."""
        import pyarrow as pa

        from jupyter_wallaroo.sdk.connectors.plain import plain

        query = sql.statement(sql.table_name(details, source), sql.quoted)
        with _cursor(details, timeout_s) as cursor:
            cursor.execute(query, list(parameters) or None)
            for batch in cursor.fetch_record_batch():
                yield plain(pa.Table.from_batches([batch]))

    def write(
        self,
        details: Details,
        table: pa.Table,
        target: str | None = None,
        *,
        mode: str = "append",
        timeout_s: float | None = None,
    ) -> int:
        """Write all rows in one transaction, or none.

        Parameters
        ----------
        mode
            ``append``, ``create`` or ``replace``.
        timeout_s
            As for `read`.
        """
        chosen = sql.mode_of(mode)
        *schema, name = sql.parts(sql.table_name(details, target))
        with _cursor(details, timeout_s) as cursor:
            cursor.adbc_ingest(name, table, mode=chosen, db_schema_name=schema[-1] if schema else None)
            cursor.connection.commit()
        return int(table.num_rows)


@contextmanager
def _cursor(details: Details, timeout_s: float | None) -> Iterator[Any]:
    """Open a connection and close it again; what was not committed is undone."""
    dbapi = driver("adbc_driver_postgresql.dbapi", "sql")
    manager = driver("adbc_driver_manager", "sql")
    with dbapi.connect(_uri(details)) as connection, connection.cursor() as cursor:
        try:
            if timeout_s is not None:
                cursor.execute(f"SET statement_timeout = {round(timeout_s * 1000)}")
            yield cursor
        except manager.Error as error:
            raise _explained(error) from None


def _explained(error: Any) -> ConnectorError:
    hint = _HINTS.get(error.sqlstate) or _HINTS.get(error.status_code.name, "")
    return ConnectorError(str(error).strip(), hint=hint)


def _uri(details: Details) -> str:
    given = optional(details, "uri", "url", "connection_string", "dsn")
    if given is not None:
        uri = str(given)
        if "://" not in uri or "connect_timeout" in uri:
            return uri
        return f"{uri}{'&' if '?' in uri else '?'}connect_timeout={CONNECT_TIMEOUT_S}"
    host = str(required(details, "host", "hostname", "server"))
    port = optional(details, "port") or 5432
    user = quote(str(required(details, "user", "username")), safe="")
    password = optional(details, "password")
    login = user if password is None else f"{user}:{quote(str(password), safe='')}"
    database = quote(str(required(details, "database", "dbname", "db")), safe="")
    options = {name: details[name] for name in _LIBPQ if name in details}
    query = urlencode({"connect_timeout": CONNECT_TIMEOUT_S, **options}, quote_via=quote)
    return f"postgresql://{login}@{f'[{host}]' if ':' in host else quote(host, safe='')}:{port}/{database}?{query}"
