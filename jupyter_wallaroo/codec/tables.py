"""Records as tables: choose among their fields, and join the names of group and field."""

from __future__ import annotations

import pyarrow as pa

from jupyter_wallaroo.codec.selection import Selection


def select(table: pa.Table, selection: Selection) -> pa.Table:
    """Return the wanted fields of nested records, flat (``in.tensor``) or nested as `codec.arrow.encode` writes them.

    Parameters
    ----------
    table
        Columns ``time``, ``in``, ``out``, ``anomaly``, ``metadata``, all but the first structs.
    """
    names: list[str] = []
    columns: list[pa.ChunkedArray] = []
    for group, column in zip(table.column_names, table.columns, strict=True):
        if not pa.types.is_struct(column.type):
            if selection.wants(group):
                names.append(group)
                columns.append(column)
            continue
        fields = [field.name for field in column.type if selection.wants(group, field.name)]
        if selection.separator is not None:
            names.extend(f"{group}{selection.separator}{name}" for name in fields)
            columns.extend(_field(column, name) for name in fields)
        elif fields:
            names.append(group)
            columns.append(column if len(fields) == column.type.num_fields else _narrowed(column, fields))
    return pa.table(columns, names=names)


def _field(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    return pa.chunked_array([chunk.field(name) for chunk in column.chunks], column.type.field(name).type)


def _narrowed(column: pa.ChunkedArray, names: list[str]) -> pa.ChunkedArray:
    chunks = [pa.StructArray.from_arrays([chunk.field(name) for name in names], names) for chunk in column.chunks]
    return pa.chunked_array(chunks, pa.struct([column.type.field(name) for name in names]))
