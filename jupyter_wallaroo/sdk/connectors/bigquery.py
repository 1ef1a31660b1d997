"""BIGQUERY, Google's warehouse.

Details
-------
type, project_id, private_key_id, private_key, client_email, client_id, auth_uri, token_uri, …
    A service account's key, as Google's JSON file has it (S5-07). Without ``private_key`` the credentials of the
    machine are used.
project_id (or project)
    Required.
dataset (or database, dataset_id)
    Where tables without a dataset of their own are.
table (or table_id)
    What is read and written when no source or target is named.
location
    Of the datasets, as ``EU``.
api_endpoint
    Of a service that is not Google's own. The environment variable ``BIGQUERY_EMULATOR_HOST`` says the same to every
    program that uses google-cloud-bigquery.

A source is SQL or a table's name, ``table``, ``dataset.table`` or ``project.dataset.table``. Writing is a load job of
Parquet: unlike streamed rows it needs no billing, is complete or not there, and can be read at once.

Column types: INT64 → int64, FLOAT64 → double, STRING → string, BOOL → bool, BYTES → binary, TIMESTAMP →
timestamp[us, UTC], DATETIME → timestamp[us], DATE → date32, NUMERIC → decimal128(38, 9), ARRAY → list, STRUCT → struct.
BigQuery knows no missing lists: they come back empty.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors import sql
from jupyter_wallaroo.sdk.connectors.details import optional, required
from jupyter_wallaroo.sdk.connectors.failures import ConnectorError, driver

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_wallaroo.sdk.connectors.connector import Details

TIMEOUT_S = 300.0

_DISPOSITIONS = {"append": "WRITE_APPEND", "create": "WRITE_EMPTY", "replace": "WRITE_TRUNCATE"}


class BigQuery:
    """Reads and writes tables of BigQuery."""

    def read(
        self,
        details: Details,
        source: str | None = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> pa.Table:
        """Return a table or the rows of a query.

        Parameters
        ----------
        parameters
            Values for ``@name`` of the SQL: text, numbers, booleans, dates and times.
        timeout_s
            How long a request, and then the query, may take.
        """
        from jupyter_wallaroo.sdk.connectors.plain import plain

        with _found(details, source, parameters, timeout_s) as found:
            # Without the Storage API, whose gRPC door is another service with permissions of its own.
            return plain(found.to_arrow(create_bqstorage_client=False))

    def batches(
        self,
        details: Details,
        source: str | None,
        most: int,
        *,
        parameters: Mapping[str, Any] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Iterator[pa.Table]:
        """Yield what `read` returns, page by page, at most ``most`` rows each."""
        import pyarrow as pa

        from jupyter_wallaroo.sdk.connectors.plain import plain

        with _found(details, source, parameters, timeout_s, page_size=most) as found:
            for batch in found.to_arrow_iterable():
                yield plain(pa.Table.from_batches([batch]))

    def write(
        self,
        details: Details,
        table: pa.Table,
        target: str | None = None,
        *,
        mode: str = "append",
        timeout_s: float = TIMEOUT_S,
    ) -> int:
        """Write all rows in one load job, or none; a table that was made for them stays, empty, when the job fails.

        Parameters
        ----------
        mode
            ``append``, ``create`` or ``replace``.
        timeout_s
            How long a request, and then the job, may take.
        """
        from jupyter_wallaroo.sdk.connectors import bigquery_schema

        bigquery = driver("google.cloud.bigquery", "bigquery")
        chosen = sql.mode_of(mode)
        name = ".".join(_parts(details, sql.table_name(details, target or optional(details, "table_id"))))
        with _client(details) as client:
            limits = {"retry": bigquery.DEFAULT_RETRY.with_timeout(timeout_s), "timeout": timeout_s}
            if chosen == "append":
                fields = client.get_table(name, **limits).schema
            else:
                fields = bigquery_schema.fields_of(table.schema)
            body = bigquery_schema.parquet(bigquery_schema.fitted(table, fields))
            if chosen != "append":
                client.create_table(bigquery.Table(name, schema=fields), exists_ok=chosen == "replace", **limits)
            config = bigquery.LoadJobConfig(
                source_format="PARQUET", write_disposition=_DISPOSITIONS[chosen], schema=fields
            )
            config.parquet_options = bigquery.ParquetOptions()
            config.parquet_options.enable_list_inference = True
            job = client.load_table_from_file(io.BytesIO(body), name, job_config=config, timeout=timeout_s)
            job.result(**limits)
        return int(table.num_rows)


@contextmanager
def _found(
    details: Details,
    source: str | None,
    parameters: Mapping[str, Any] | None,
    timeout_s: float,
    page_size: int | None = None,
) -> Iterator[Any]:
    """Run a query and give its rows, while the client is open."""
    bigquery = driver("google.cloud.bigquery", "bigquery")
    query = sql.statement(sql.table_name(details, source or optional(details, "table_id")), _quoting(details))
    bound = [_parameter(bigquery, name, value) for name, value in (parameters or {}).items()]
    config = bigquery.QueryJobConfig(query_parameters=bound)
    with _client(details) as client:
        retry = bigquery.DEFAULT_RETRY.with_timeout(timeout_s)
        job = client.query(query, job_config=config, retry=retry, job_retry=None, timeout=timeout_s)
        yield job.result(retry=retry, job_retry=None, timeout=timeout_s, page_size=page_size)


@contextmanager
def _client(details: Details) -> Iterator[Any]:
    """Open a client and close it again."""
    bigquery = driver("google.cloud.bigquery", "bigquery")
    exceptions = driver("google.api_core.exceptions", "bigquery")
    service_account = driver("google.oauth2.service_account", "bigquery")
    credentials = None
    if optional(details, "private_key") is not None:
        credentials = service_account.Credentials.from_service_account_info(dict(details))
    endpoint = optional(details, "api_endpoint")
    options = {"api_endpoint": str(endpoint)} if endpoint is not None else None
    project = str(required(details, "project_id", "project"))
    location = optional(details, "location")
    with bigquery.Client(project=project, credentials=credentials, location=location, client_options=options) as client:
        try:
            yield client
        except exceptions.NotFound as error:
            raise ConnectorError(
                str(error.message),
                hint="Check project, dataset and table; mode='create' makes a table, but not its dataset.",
            ) from None
        except exceptions.Forbidden as error:
            raise ConnectorError(
                str(error.message),
                hint="The service account needs the roles BigQuery Job User and BigQuery Data Editor (or Viewer).",
            ) from None
        except exceptions.Conflict as error:
            raise ConnectorError(
                str(error.message),
                hint="The table is there already: write with mode='append' or mode='replace'.",
            ) from None


def _parts(details: Details, name: str) -> list[str]:
    found = sql.parts(name.replace("`", ""))
    if len(found) == 1:
        found.insert(0, str(required(details, "dataset", "database", "dataset_id")))
    if len(found) == 2:
        found.insert(0, str(required(details, "project_id", "project")))
    return found


def _quoting(details: Details) -> Any:
    def quoted(name: str) -> str:
        found = _parts(details, name)
        if any("`" in part or "\\" in part for part in found):
            raise InvalidRequest(f"{name!r} is not a table's name.")
        return f"`{'.'.join(found)}`"

    return quoted


def _parameter(bigquery: Any, name: str, value: Any) -> Any:
    import datetime
    import decimal

    kinds = (
        (bool, "BOOL"),
        (int, "INT64"),
        (float, "FLOAT64"),
        (str, "STRING"),
        (bytes, "BYTES"),
        (decimal.Decimal, "NUMERIC"),
        (datetime.datetime, "TIMESTAMP"),
        (datetime.date, "DATE"),
    )
    kind = next((kind for python, kind in kinds if isinstance(value, python)), None)
    if kind is None:
        raise InvalidRequest(f"The parameter {name!r} is a {type(value).__name__}, which no query parameter can be.")
    return bigquery.ScalarQueryParameter(name, kind, value)
