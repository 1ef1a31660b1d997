"""Columns as a model's own Python code takes and gives them: numpy arrays by name, rows first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from jupyter_wallaroo.codec.batch import Batch, Column, Tensor, column_of


def from_columns(columns: Mapping[str, pa.Array]) -> dict[str, Tensor]:
    """Return columns as arrays that may be written to; text and ragged lists as arrays of objects."""
    return {name: _array(column_of(array)) for name, array in columns.items()}


def _array(column: Column) -> Tensor:
    if isinstance(column, np.ndarray):
        return column.copy()
    values = column.to_pylist()
    array = np.empty(len(values), object)
    array[:] = values
    return array


def to_columns(given: Mapping[str, Any]) -> Batch:
    """Return arrays, lists or pandas columns that a model gave as columns.

    Raises
    ------
    TypeError
        It gave something else than columns by name.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"expected a mapping of column names to arrays; the model gave {type(given).__name__}")
    columns = {str(name): _column(values) for name, values in given.items()}
    if len(columns) != len(given):
        raise TypeError(f"the model gave a column twice: {sorted(str(name) for name in given)}")
    return columns


def _column(values: Any) -> Column:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    if isinstance(values, pa.Array):
        return values
    if isinstance(values, (str, bytes, Mapping)):
        raise TypeError(f"expected an array or a list, one entry per row; the model gave {type(values).__name__}")
    if not isinstance(getattr(values, "dtype", np.dtype(object)), np.dtype) and hasattr(values, "to_numpy"):
        return pa.array(values, from_pandas=True)
    if hasattr(values, "__array__") and not isinstance(values, np.ma.MaskedArray):
        values = np.asarray(values)
    if isinstance(values, np.ndarray) and not isinstance(values, np.ma.MaskedArray) and values.ndim:
        if values.dtype.kind in "biuf":
            return _native(values)
        if values.dtype.kind in "mM":
            return pa.array(values)
    if not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0:
        raise TypeError(f"expected an array or a list, one entry per row; the model gave {type(values).__name__}")
    return pa.array([_plain(value) for value in values])


def _native(numbers: Tensor) -> Tensor:
    """Return numbers in this machine's byte order, and as doubles where they are longer ones."""
    dtype = numbers.dtype.newbyteorder("=")
    return numbers.astype(np.float64 if dtype.kind == "f" and dtype.itemsize > 8 else dtype, copy=False)


def _plain(value: Any) -> Any:
    """Return a cell without numpy in it, which Arrow takes only in some places."""
    if value is np.ma.masked:
        return None
    if isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()] if value.ndim else value.item()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return value
