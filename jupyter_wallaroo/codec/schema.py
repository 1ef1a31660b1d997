"""Arrow schemas of models that are not ONNX: what columns they take and give, as the client declared them.

A schema travels as base64 of an Arrow IPC schema message, which is what `pyarrow.Schema.serialize` writes
(contract/deployment_config.md).
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jupyter_wallaroo.codec import arrow
from jupyter_wallaroo.codec.batch import Batch, Cells, Column, arrow_array
from jupyter_wallaroo.errors import InvalidInput, InvalidModel

_MISFIT = (pa.ArrowException, OverflowError, ValueError, TypeError)
"""What pyarrow raises over values that are not of a type."""


def decode(text: str, label: str) -> pa.Schema:
    """Return the schema that a client sent.

    Parameters
    ----------
    text
        Base64 of a schema message.
    label
        How messages call it, e.g. ``input_schema of 'model.zip'``.

    Raises
    ------
    InvalidModel
        Not base64, not a schema, without fields, or with a field twice.
    """
    try:
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text, validate=True)))
        names = schema.names
    except (binascii.Error, pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise InvalidModel(
            f"The {label} is not an Arrow schema: {str(error)[:200]}.",
            hint="Send base64 of pyarrow.schema([...]).serialize().",
        ) from None
    if not names or len(set(names)) != len(names):
        raise InvalidModel(f"The {label} has the fields {names[:20]}: expected one or more, each once.")
    for field in schema:
        try:
            arrow.plain(field.name, pa.array([], field.type))
        except (InvalidInput, pa.ArrowException) as error:
            raise InvalidModel(f"The {label} cannot be used: {getattr(error, 'message', error)}") from None
    return schema


def fit_input(
    name: str, column: Cells | Column, field: pa.Field, model: str, *, may_hold_booleans: bool = True
) -> pa.Array:
    """Return a request's column in the type that the schema says.

    Whole numbers become floating ones, and doubles single ones when they are not too large for it. Text is never taken
    for a number nor a number for text, and booleans are only booleans.

    Parameters
    ----------
    name, model
        The column's and the model's name, for the message.
    column
        JSON cells or an Arrow array, one entry per row.
    field
        What the schema says.
    may_hold_booleans
        False when it is known that no JSON cell is a boolean.

    Raises
    ------
    InvalidInput
        Names the column, the first row that does not fit, what was expected and what was got.
    """
    try:
        if isinstance(column, list):
            return _from_cells(column, field.type, may_hold_booleans=may_hold_booleans)
        return _cast(arrow_array(column), field.type)
    except _MISFIT:
        cells = column if isinstance(column, list) else arrow_array(column).to_pylist()
        row = _first_bad(cells, field.type)
        raise InvalidInput(
            f"Column {name!r}, row {row}: expected {field.type} for {field.name!r} in the input_schema of model "
            f"{model!r}; got {_describe(cells[row])}.",
            details={"column": name, "row": row, "input": field.name, "model": model},
        ) from None


def fit_outputs(outputs: Mapping[str, Column], schema: pa.Schema, model: str) -> Batch:
    """Return a model's outputs with the names, types and order of its output schema.

    A lone output takes the name of the schema's only field.

    Raises
    ------
    InvalidInput
        An output is missing or of another type.
    """
    given = dict(outputs)
    if len(given) == len(schema) == 1:
        given = {schema.names[0]: next(iter(given.values()))}
    missing = [name for name in schema.names if name not in given]
    if missing:
        raise InvalidInput(
            f"Model {model!r} gave the columns {sorted(given)}; its output_schema also has {missing}.",
            hint="Correct the output_schema, or have the model give these columns.",
        )
    return {field.name: _fit_output(given[field.name], field, model) for field in schema}


def _fit_output(column: Column, field: pa.Field, model: str) -> pa.Array:
    array = arrow_array(column)
    try:
        if _is_list(field.type) and not _is_list(array.type):
            array = pa.array([[value] for value in array.to_pylist()], field.type)
        return _cast(array, field.type)
    except _MISFIT:
        raise InvalidInput(
            f"Model {model!r} gave {field.name!r} as {array.type}; its output_schema says {field.type}.",
            hint="Correct the output_schema, or have the model give that type.",
        ) from None


def _from_cells(cells: Cells, kind: pa.DataType, *, may_hold_booleans: bool) -> pa.Array:
    """Return JSON cells in a type: as what they are found to be and then cast, else one by one."""
    if not (may_hold_booleans and _holds(bool, cells)):
        try:
            return _cast(pa.array(cells), kind)
        except _MISFIT:
            pass
    if all(_suits(cell, kind) for cell in cells):
        return pa.array(_floats(cells) if pa.types.is_floating(_leaf(kind)) else cells, kind)
    raise pa.ArrowInvalid("a cell is of another type")


def _floats(cell: Any) -> Any:
    """Return numbers in lists as doubles: pyarrow takes no large integer for one."""
    if isinstance(cell, list):
        return [_floats(value) for value in cell]
    return float(cell) if isinstance(cell, int) else cell


def _holds(kind: type, cell: Any) -> bool:
    if isinstance(cell, list):
        return any(_holds(kind, value) for value in cell)
    return isinstance(cell, kind)


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return an array in a type that says the same, numbers perhaps less exactly."""
    if array.type == kind:
        return array
    if not _is_alike(array.type, kind):
        raise pa.ArrowInvalid(f"{array.type} is not {kind}")
    cast = array.cast(kind, safe=not pa.types.is_floating(_leaf(kind)))
    if _infinite(cast) != _infinite(array):
        raise pa.ArrowInvalid(f"a number is too large for {kind}")
    return cast


def _is_alike(given: pa.DataType, kind: pa.DataType) -> bool:
    """Tell whether values of one type mean the same in another: numbers, text and booleans are never each other."""
    if pa.types.is_null(given):
        return True
    if _is_list(given) and _is_list(kind):
        return _is_alike(given.value_type, kind.value_type)
    if pa.types.is_struct(given) and pa.types.is_struct(kind):
        names = {field.name for field in given}
        return all(_is_alike(given.field(field.name).type, field.type) for field in kind if field.name in names)
    return any(is_one(given) and is_one(kind) for is_one in (_is_number, _is_text)) or given.id == kind.id


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _infinite(array: pa.Array) -> int:
    """Return how many of an array's floating numbers, in lists or not, are infinite."""
    while _is_list(array.type):
        array = array.flatten()
    if not pa.types.is_floating(array.type):
        return 0
    return int(pc.sum(pc.is_inf(array.cast(pa.float64()))).as_py() or 0)


def _leaf(kind: pa.DataType) -> pa.DataType:
    while _is_list(kind):
        kind = kind.value_type
    return kind


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _first_bad(cells: Cells, kind: pa.DataType) -> int:
    for row, cell in enumerate(cells):
        try:
            if not _suits(cell, kind):
                return row
            pa.array([_floats(cell) if pa.types.is_floating(_leaf(kind)) else cell], kind)
        except _MISFIT:
            return row
    return 0


def _suits(value: Any, kind: pa.DataType) -> bool:
    """Tell whether one JSON value may be an entry of a type, as far as pyarrow would not tell itself."""
    if value is None:
        return True
    if _is_list(kind):
        is_long = not pa.types.is_fixed_size_list(kind) or (isinstance(value, list) and len(value) == kind.list_size)
        return is_long and isinstance(value, list) and all(_suits(item, kind.value_type) for item in value)
    if pa.types.is_struct(kind):
        return isinstance(value, dict) and all(_suits(value.get(field.name), field.type) for field in kind)
    if _is_number(kind):
        return isinstance(value, (int, float)) and not isinstance(value, bool) and _keeps(value, kind)
    if _is_text(kind):
        return isinstance(value, str)
    return not pa.types.is_boolean(kind) or isinstance(value, bool)


def _keeps(number: float, kind: pa.DataType) -> bool:
    """Tell whether a number is still one, and the same when whole ones are wanted, in a type."""
    if pa.types.is_floating(kind):
        return not math.isfinite(number) or abs(number) <= float(np.finfo(kind.to_pandas_dtype()).max)
    return isinstance(number, int) or number.is_integer()


def _describe(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"a list of {len(value)}: {str(value)[:60]}"
    return repr(value)[:60]
