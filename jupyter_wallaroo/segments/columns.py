"""One number of each record, out of whatever the log's columns are."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.types.drift import Records
from jupyter_wallaroo.types.iopath import IoPath


def chosen(table: pa.Table, records: Records) -> pa.Table:
    """Return those of a log's records that ``records`` wants: of its model, of its engine processes."""
    if records.model_name is not None:
        models = pc.struct_field(table.column("metadata"), "last_model")
        known = models.unique().to_pylist()
        wanted = [text for text in known if _model_name(text) == records.model_name]
        if len(wanted) < len(known):
            table = table.filter(pc.is_in(models, pa.array(wanted, pa.string())))
    if records.locations is not None:
        partitions = pc.struct_field(table.column("metadata"), "partition")
        table = table.filter(pc.is_in(partitions, pa.array(records.locations, pa.string())))
    return table


def model_names(table: pa.Table) -> set[str]:
    """Return the names of the models that answered the records of a log."""
    return {_model_name(text) for text in pc.struct_field(table.column("metadata"), "last_model").unique().to_pylist()}


def _model_name(text: str) -> str:
    return str(msgspec.json.decode(text).get("model_name"))


def numbers(tables: Iterable[pa.Table], path: IoPath) -> npt.NDArray[np.float64]:
    """Return the numbers that a path leads to in every record that has one; null, NaN and infinite ones are left out.

    Parameters
    ----------
    tables
        Nested records, as the log has them; they may differ in their fields.
    path
        Which number.

    Raises
    ------
    InvalidRequest
        No record has the field, it holds no numbers, or the index is missing or beyond the end of its lists; names
        the fields there are.
    """
    found = []
    fields: list[str] = []
    for table in tables:
        column = _field(table, path)
        if column is None:
            fields.extend(_fields(table))
        else:
            found.append(_plain(column, path))
    if not found and fields:
        raise InvalidRequest(
            f"No record has {path.label!r}.",
            hint=errors.not_found("Field", f"{path.group}.{path.field}", list(dict.fromkeys(fields))).hint,
        )
    return np.concatenate(found) if found else np.empty(0)


def _fields(table: pa.Table) -> list[str]:
    groups = [(name, table.schema.field(name).type) for name in table.column_names]
    return [
        f"{name}.{kind.field(number).name}"
        for name, kind in groups
        if pa.types.is_struct(kind) and (name == "in" or name.startswith("out"))
        for number in range(kind.num_fields)
    ]


def _field(table: pa.Table, path: IoPath) -> pa.ChunkedArray | None:
    if path.group not in table.column_names:
        return None
    kind = table.schema.field(path.group).type
    names = [kind.field(number).name for number in range(kind.num_fields)]
    if path.field in names:
        return pc.struct_field(table.column(path.group), path.field)
    if path.field.isdecimal() and int(path.field) < len(names):
        return pc.struct_field(table.column(path.group), int(path.field))
    return None


def _plain(column: pa.ChunkedArray, path: IoPath) -> npt.NDArray[np.float64]:
    indexes = list(path.indexes)
    while _is_list(column.type):
        lengths = pc.min_max(pc.list_value_length(column)).as_py()
        longest = lengths["max"] or 0
        if not indexes and longest > 1:
            raise InvalidRequest(
                f"{path.label!r} is a list of {longest} values: expected an index.",
                hint=f"Write which one, as {path.words + ' 0'!r} for the first.",
            )
        index = indexes.pop(0) if indexes else 0
        if index >= longest:
            raise InvalidRequest(
                f"{path.label!r} leads beyond the end: expected an index from 0 to {max(longest - 1, 0)}; got {index}."
            )
        if lengths["min"] <= index:
            column = column.filter(pc.greater(pc.list_value_length(column), index))
        column = pc.list_element(column, index)
    if any(indexes):
        raise InvalidRequest(f"{path.label!r} leads beyond the end: there is but one value; got index {indexes[0]}.")
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise InvalidRequest(f"{path.label!r} holds {kind}: an assay needs numbers.")
    values = column.drop_null().cast(pa.float64()).to_numpy()
    finite: npt.NDArray[np.float64] = values[np.isfinite(values)]
    return finite


def _is_list(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list))
