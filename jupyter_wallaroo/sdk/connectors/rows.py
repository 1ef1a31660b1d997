"""Rows as JSON objects ⇄ tables, and nested columns ⇄ JSON text for places that know no lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from jupyter_wallaroo.errors import MAX_SHOWN
from jupyter_wallaroo.sdk.connectors.failures import ConnectorError

_encoder = msgspec.json.Encoder(decimal_format="number")


def table_of(rows: Iterable[Any]) -> pa.Table:
    """Return the table of objects, one a row; a key that a row lacks is null there.

    Notes
    -----
    Whole numbers are int64, others float64, texts and lists of these follow; a column of nulls has Arrow's type null.

    Raises
    ------
    ConnectorError
        A row is no object, or the values of a column have no type in common.
    """
    columns: dict[str, list[Any]] = {}
    for count, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise ConnectorError(
                f"Row {count} is not a JSON object but {type(row).__name__}.",
                hint='Expected are pandas records, [{"tensor": [0.1, 0.2]}]: DataFrame.to_json(orient="records").',
            )
        for name, value in row.items():
            column = columns.get(name)
            if column is None:
                column = columns[name] = [None] * count
            column.append(value)
        for column in columns.values():
            if len(column) == count:
                column.append(None)
    return table_of_columns(columns)


def table_of_columns(columns: Mapping[str, list[Any]]) -> pa.Table:
    """Return the table of Python values by column, each column's type taken from all of its values."""
    return pa.table([_array(name, values) for name, values in columns.items()], names=list(columns))


def _array(name: str, values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, ValueError, TypeError) as error:
        raise ConnectorError(
            f"The values of column {name[:MAX_SHOWN]!r} have no type in common: {str(error).splitlines()[0]}.",
            hint="Give the column one type where it comes from, in SQL with CAST.",
        ) from None


def lines(table: pa.Table) -> list[bytes]:
    """Return each row as a JSON object: times as ISO 8601, bytes as base64, NaN and infinities as null."""
    return [_encoder.encode(row) for row in table.to_pylist()]


def nested_as_text(table: pa.Table) -> pa.Table:
    """Return the table with its lists and structs as JSON text."""
    for index, (name, kind) in enumerate(zip(table.column_names, table.schema.types, strict=True)):
        if pa.types.is_nested(kind):
            text = [
                None if cell is None else _encoder.encode(cell).decode() for cell in table.column(index).to_pylist()
            ]
            table = table.set_column(index, name, pa.array(text, pa.string()))
    return table


def text_as_lists(table: pa.Table) -> pa.Table:
    """Return the table with those text columns as lists in which every value is a JSON list."""
    for index, (name, kind) in enumerate(zip(table.column_names, table.schema.types, strict=True)):
        if pa.types.is_string(kind):
            lists = _lists(table.column(index).to_pylist())
            if lists is not None:
                table = table.set_column(index, name, lists)
    return table


def _lists(cells: list[str | None]) -> pa.Array | None:
    if not any(cells) or not all(cell is None or cell.startswith("[") for cell in cells):
        return None
    try:
        return pa.array([None if cell is None else msgspec.json.decode(cell, type=list) for cell in cells])
    except (msgspec.MsgspecError, pa.ArrowException, OverflowError):
        return None
