"""Arrow's types as BigQuery's, and a table as the Parquet that a load job takes."""

from __future__ import annotations

import io
import re
from typing import Any

import pyarrow as pa

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors.failures import driver

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")


def fields_of(schema: pa.Schema) -> list[Any]:
    """Return the ``SchemaField`` of each column of a table that is to be made.

    Raises
    ------
    InvalidRequest
        BigQuery has no such type or allows no such name.
    """
    bigquery = driver("google.cloud.bigquery", "bigquery")
    return [_field(bigquery, field) for field in schema]


def _field(bigquery: Any, field: pa.Field) -> Any:
    kind, mode = field.type, "NULLABLE"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind, mode = kind.value_type, "REPEATED"
    inner = [_field(bigquery, item) for item in kind] if pa.types.is_struct(kind) else ()
    return bigquery.SchemaField(field.name, _type(field.name, kind), mode=mode, fields=inner)


def _type(name: str, kind: pa.DataType) -> str:
    types = pa.types
    if types.is_timestamp(kind):
        return "DATETIME" if kind.tz is None else "TIMESTAMP"
    if types.is_decimal(kind):
        return "NUMERIC" if kind.scale <= 9 and kind.precision - kind.scale <= 29 else "BIGNUMERIC"
    rules = (
        (types.is_integer, "INT64"),
        (types.is_floating, "FLOAT64"),
        (types.is_boolean, "BOOL"),
        (types.is_string, "STRING"),
        (types.is_large_string, "STRING"),
        (types.is_null, "STRING"),
        (types.is_binary, "BYTES"),
        (types.is_large_binary, "BYTES"),
        (types.is_date, "DATE"),
        (types.is_time, "TIME"),
        (types.is_struct, "STRUCT"),
    )
    found = next((word for rule, word in rules if rule(kind)), None)
    if found is None:
        raise InvalidRequest(
            f"Column {name!r} has the type {kind}, which BigQuery has not.",
            hint="A list of lists can be written as a list of one row's numbers, or as JSON text.",
        )
    return found


def fitted(table: pa.Table, fields: list[Any]) -> pa.Table:
    """Return the table with times as the destination's columns have them: a TIMESTAMP is UTC, a DATETIME has no zone.

    Parameters
    ----------
    fields
        The destination's ``SchemaField`` objects.

    Raises
    ------
    InvalidRequest
        A column has a name that BigQuery does not allow, or that the destination has not.
    """
    wanted = {field.name.lower(): field.field_type for field in fields}
    for index, name in enumerate(table.column_names):
        if not _NAME.fullmatch(name):
            raise InvalidRequest(
                f"BigQuery allows no column named {name!r}.",
                hint='Rename it: result.rename(columns={"in.tensor": "in_tensor"}), or with table.rename_columns([…]).',
            )
        if name.lower() not in wanted:
            raise InvalidRequest(f"The table in BigQuery has no column {name!r}; it has {', '.join(sorted(wanted))}.")
        column = table.column(index)
        if pa.types.is_timestamp(column.type):
            zone = {"TIMESTAMP": "UTC", "DATETIME": None}.get(wanted[name.lower()], column.type.tz)
            table = table.set_column(index, name, _in_zone(column, zone))
    return table


def _in_zone(column: pa.ChunkedArray, zone: str | None) -> pa.ChunkedArray:
    if column.type.tz is not None and zone is None:
        column = column.cast(pa.timestamp("us", "UTC"), safe=False)
    return column.cast(pa.timestamp("us", zone), safe=False)


def parquet(table: pa.Table) -> bytes:
    """Return the table as Parquet whose lists BigQuery takes as ARRAY."""
    from pyarrow import parquet as pq

    sink = io.BytesIO()
    pq.write_table(table, sink, use_compliant_nested_type=True, coerce_timestamps="us", allow_truncated_timestamps=True)
    return sink.getvalue()
