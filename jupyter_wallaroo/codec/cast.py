"""One column of a request made into the tensor a model takes, or a sentence that says why it cannot be.

Numbers are cast to the model's type when no value changes its meaning: integers and doubles become float32, but text,
booleans and nulls are never taken for numbers, and a number too large for the type is refused.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jupyter_wallaroo.codec.batch import Cells, Tensor, numbers_of
from jupyter_wallaroo.errors import InvalidInput
from jupyter_wallaroo.types.model import TensorSpec


def to_tensor(column: Cells | pa.Array, spec: TensorSpec, name: str, model: str) -> Tensor:
    """Return ``column`` as an array of ``spec``'s type and shape, rows first.

    Parameters
    ----------
    column
        One value per row: a number, a list of numbers, or a string, as JSON cells or as an Arrow array.
    spec
        The model input to fill.
    name, model
        The column's and the model's name, for the message.

    Raises
    ------
    InvalidInput
        Names the column, the first row that does not fit, what was expected and what was got.
    """
    if spec.dtype == "string":
        tensor = _text(column, spec, name, model)
    elif isinstance(column, list):
        tensor = _from_cells(column, spec, name, model)
    else:
        tensor = _from_arrow(column, spec, name, model)
    return _shaped(tensor, spec, name, model)


def expectation(spec: TensorSpec, model: str) -> str:
    """Say in words what a model input takes, e.g. ``29 float32 values per row for input 'x' of model 'm'``."""
    width = row_size(spec)
    values = f"{width} {spec.dtype} value{'' if width == 1 else 's'}" if width else f"{spec.dtype} values"
    return f"{values} per row for input {spec.name!r} of model {model!r}"


def row_size(spec: TensorSpec) -> int | None:
    """Return how many values one row of ``spec`` has, or None when its shape leaves that open."""
    size = 1
    for length in spec.shape[1:]:
        if length is None:
            return None
        size *= length
    return size


def _refuse(name: str, row: int, spec: TensorSpec, model: str, got: str) -> NoReturn:
    raise InvalidInput(
        f"Column {name!r}, row {row}: expected {expectation(spec, model)}; got {got}.",
        details={"column": name, "row": row, "input": spec.name, "model": model},
    )


def _from_cells(cells: Cells, spec: TensorSpec, name: str, model: str) -> Tensor:
    try:
        array = np.array(cells)
    except (ValueError, OverflowError):
        _explain(cells, spec, name, model)
    target = np.dtype(spec.dtype)
    kind = array.dtype.kind
    if kind not in ("b" if target.kind == "b" else "fiu"):
        _explain(cells, spec, name, model)
    if array.dtype == target:
        return array
    return _narrow(array, target, spec, name, model)


def _narrow(array: Tensor, target: np.dtype[Any], spec: TensorSpec, name: str, model: str) -> Tensor:
    """Cast numbers to ``target``, refusing those that would become something else."""
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(target)
    if target.kind == "f":
        if np.isfinite(cast).all():
            return cast
        bad = np.isfinite(array) & ~np.isfinite(cast)
    else:
        bad = cast.astype(np.float64) != array.astype(np.float64)
    if not bad.any():
        return cast
    place = tuple(int(axis[0]) for axis in np.nonzero(bad))
    _refuse(name, place[0], spec, model, f"{array[place]!s}, which is not a {target.name}")


def _explain(cells: Cells, spec: TensorSpec, name: str, model: str) -> NoReturn:
    """Find the first cell that keeps a column from being an array of numbers, and say so."""
    width = row_size(spec)
    for row, cell in enumerate(cells):
        values = _leaves(cell)
        if isinstance(values, str):
            _refuse(name, row, spec, model, values)
        wrong = next((value for value in values if not _fits(value, spec)), None)
        if wrong is not None or None in values:
            _refuse(name, row, spec, model, _describe(wrong))
        if width is not None and len(values) != width:
            _refuse(name, row, spec, model, f"{len(values)} value{'' if len(values) == 1 else 's'}")
    _refuse(name, 0, spec, model, "rows of different lengths")


def _fits(value: Any, spec: TensorSpec) -> bool:
    if spec.dtype == "bool":
        return isinstance(value, bool)
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2**64


def _describe(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, dict):
        return "an object"
    return repr(value)[:40]


def _leaves(cell: Any, limit: int = 32) -> list[Any] | str:
    """Return the values of a cell, flattened, or a phrase when it is nested too deep."""
    level = [cell]
    for _ in range(limit):
        if not any(isinstance(item, list) for item in level):
            return level
        level = [value for item in level for value in (item if isinstance(item, list) else [item])]
    return f"lists nested deeper than {limit} levels"


def _from_arrow(array: pa.Array, spec: TensorSpec, name: str, model: str) -> Tensor:
    rows = len(array)
    values = array
    shape: list[int] = []
    while pa.types.is_nested(values.type):
        if not _is_list(values.type):
            _refuse(name, 0, spec, model, f"a column of type {array.type}")
        if values.null_count:
            _refuse(name, _row_of_null(array), spec, model, "null")
        lengths = pc.list_value_length(values)
        bounds = pc.min_max(lengths).as_py()
        if bounds["min"] != bounds["max"]:
            usual = row_size(spec) if not shape else None
            odd = pc.index(pc.not_equal(lengths, bounds["max"] if usual is None else usual), True).as_py()
            _refuse(name, odd, spec, model, f"{lengths[odd].as_py()} values")
        first = bounds["min"] or 0
        shape.append(first)
        values = values.flatten()
    if values.null_count:
        row = pc.index(pc.is_null(values), True).as_py() // max(1, len(values) // max(1, rows))
        _refuse(name, row, spec, model, "null")
    target = np.dtype(spec.dtype)
    numeric = pa.types.is_boolean(values.type) if target.kind == "b" else _is_number(values.type)
    if not numeric:
        _refuse(name, 0, spec, model, f"a column of type {array.type}")
    numbers = numbers_of(values).reshape(rows, *shape)
    return numbers if numbers.dtype == target else _narrow(numbers, target, spec, name, model)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _row_of_null(array: pa.Array) -> int:
    return max(0, int(pc.index(pc.is_null(array), True).as_py()))


def _text(column: Cells | pa.Array, spec: TensorSpec, name: str, model: str) -> Tensor:
    cells = column if isinstance(column, list) else column.to_pylist()
    width = row_size(spec)
    for row, cell in enumerate(cells):
        values = _leaves(cell)
        if isinstance(values, str):
            _refuse(name, row, spec, model, values)
        for value in values:
            if not isinstance(value, str):
                _refuse(name, row, spec, model, _describe(value))
        if width is not None and len(values) != width:
            _refuse(name, row, spec, model, f"{len(values)} values")
    return np.array(cells, dtype=object)


def _shaped(tensor: Tensor, spec: TensorSpec, name: str, model: str) -> Tensor:
    """Return ``tensor`` in ``spec``'s shape: a flat row is folded, a lone value fills a row of one."""
    wanted = tuple(spec.shape[1:])
    got = tensor.shape[1:]
    if len(got) == len(wanted) and all(want in (None, length) for want, length in zip(wanted, got, strict=True)):
        return tensor
    width = row_size(spec)
    size = int(np.prod(got, dtype=np.int64))
    if width != size:
        _refuse(name, 0, spec, model, f"{size} value{'' if size == 1 else 's'}")
    return tensor.reshape(tensor.shape[0], *wanted)
