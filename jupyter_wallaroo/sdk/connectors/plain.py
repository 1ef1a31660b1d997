"""Tables of plain column types: what every format and every model can take."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


def plain(table: Any) -> pa.Table:
    """Return a driver's table (anything with the Arrow C interface) with plain types and no driver's metadata.

    Dictionaries become their values; uuid becomes text, JSON text; PostgreSQL's ``numeric``, which has no scale of its
    own, float64; other types a driver invented become what they are stored as; lists lose "not null".

    Raises
    ------
    pa.ArrowInvalid
        A ``numeric`` is no number that float64 can hold.
    """
    table = pa.table(table)
    columns = [_column(column) for column in table.columns]
    return pa.table(columns, names=table.column_names)


def _column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    wanted = _type(column.type)
    if wanted == column.type:
        return column
    return pa.chunked_array([_array(chunk, wanted) for chunk in column.chunks], type=wanted)


def _array(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    if isinstance(array, pa.ExtensionArray):
        if isinstance(array, pa.UuidArray):
            values = [None if value is None else str(value) for value in array.to_pylist()]
            return pa.array(values, wanted)
        array = array.storage
    if pa.types.is_list(wanted):
        return (
            pa.ListArray.from_arrays(
                array.offsets, _array(array.values, wanted.value_type), type=wanted, mask=array.is_null()
            )
            if array.offset == 0
            else _array(pa.concat_arrays([array]), wanted)
        )
    return array.cast(wanted)


def _type(kind: pa.DataType) -> pa.DataType:
    if isinstance(kind, pa.UuidType):
        return pa.string()
    if isinstance(kind, pa.OpaqueType) and kind.type_name == "numeric":
        return pa.float64()
    if isinstance(kind, pa.BaseExtensionType):
        return _type(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _type(kind.value_type)
    if pa.types.is_list(kind):
        return pa.list_(_type(kind.value_type))
    return kind
