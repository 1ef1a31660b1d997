"""Columns in memory, between the wire and a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Tensor = np.ndarray[Any, np.dtype[Any]]
"""A numeric column: the first axis is the rows."""

Column: TypeAlias = Tensor | pa.Array
"""A column: a tensor, or an Arrow array for text, booleans and everything nested or ragged."""

MAX_NESTING = 32
"""Lists and structs within each other in one cell."""

Batch = dict[str, Column]
"""Columns of equal length by name."""

Cells = list[Any]
"""A column as JSON gave it: one Python value per row."""


@dataclass(slots=True)
class Decoded:
    """A request body: its rows and columns, not yet fitted to any model."""

    rows: int
    columns: dict[str, Cells | Column]
    """JSON cells or Arrow arrays; tensors where several requests were made one, as the inputs want them."""
    has_booleans: bool = True
    """Whether there may be JSON booleans in it, which must not be taken for numbers."""
    sent: dict[str, Cells | Column] | None = None
    """What an answer repeats, where the columns are not as they came."""


@dataclass(slots=True)
class Answer:
    """What one inference gave, before it is written in anybody's format.

    ``request`` holds the columns as they came (JSON values are echoed as sent), ``outputs`` what the models gave,
    ``time_ms`` the instant all rows share (S5-23), ``elapsed_ns`` the parse time, then one entry per step.
    """

    rows: int
    request: dict[str, Cells | Column]
    outputs: Batch
    time_ms: int
    elapsed_ns: list[int]
    last_model: str
    pipeline_version: str
    partition: str
    model_name: str
    model_version: str
    pipeline_name: str
    others: dict[str, Batch] = field(default_factory=dict)
    """The outputs of further models by their group, such as ``out_challenger``."""
    anomalies: dict[str, Tensor] = field(default_factory=dict)
    """By validation, which rows it marks."""
    dropped: list[str] = field(default_factory=list)

    def cut(self, start: int, stop: int, request: dict[str, Cells | Column]) -> Answer:
        """Return the rows from ``start`` to ``stop`` as an answer to ``request``, whose columns those rows are."""
        return Answer(
            stop - start,
            request,
            _cut(self.outputs, start, stop),
            self.time_ms,
            self.elapsed_ns,
            self.last_model,
            self.pipeline_version,
            self.partition,
            self.model_name,
            self.model_version,
            self.pipeline_name,
            {group: _cut(batch, start, stop) for group, batch in self.others.items()},
            {name: marked[start:stop] for name, marked in self.anomalies.items()},
            self.dropped,
        )

    def anomaly_counts(self) -> Tensor:
        """Return how many validations mark each row, as uint32."""
        counts = np.zeros(self.rows, np.uint32)
        for marked in self.anomalies.values():
            counts += marked
        return counts

    def failures(self) -> list[list[str]]:
        """Return the names of the validations that mark each row."""
        if not self.anomalies:
            return [[]] * self.rows
        names = list(self.anomalies)
        marks = zip(*(marked.tolist() for marked in self.anomalies.values()), strict=True)
        return [[name for name, marked in zip(names, row, strict=True) if marked] for row in marks]


def _cut(batch: Batch, start: int, stop: int) -> Batch:
    return {name: column[start:stop] for name, column in batch.items()}


def python_values(column: Cells | Column) -> list[Any]:
    """Return a column as one plain Python value per row."""
    if isinstance(column, list):
        return column
    values: list[Any] = column.tolist() if isinstance(column, np.ndarray) else column.to_pylist()
    return values


def arrow_array(column: Cells | Column) -> pa.Array:
    """Return a column as an Arrow array: a tensor of shape (rows, k, …) becomes lists (of lists) without copying."""
    if isinstance(column, list):
        try:
            return pa.array(column)
        except (OverflowError, pa.ArrowInvalid):
            return arrow_array(np.array(column, np.float64))
    if not isinstance(column, np.ndarray):
        return column
    array = primitive_array(np.ascontiguousarray(column).reshape(-1))
    for axis in range(column.ndim - 1, 0, -1):
        width = column.shape[axis]
        count = int(np.prod(column.shape[:axis], dtype=np.int64))
        offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32) if width else np.zeros(count + 1, np.int32)
        array = pa.ListArray.from_arrays(primitive_array(offsets), array)
    return array


def primitive_array(numbers: Tensor) -> pa.Array:
    """Return a flat array of numbers as Arrow without copying.

    ``pa.array`` would do, but its first call imports pandas, which costs the first request 0.3 s.
    """
    if numbers.dtype.kind == "b":
        return pa.array(numbers)
    return pa.Array.from_buffers(pa.from_numpy_dtype(numbers.dtype), len(numbers), [None, pa.py_buffer(numbers)])


def numbers_of(array: pa.Array) -> Tensor:
    """Return an Arrow array of numbers or booleans without nulls as a flat tensor, numbers without copying.

    ``to_numpy`` would do, and imports pandas as `primitive_array` says.
    """
    if pa.types.is_boolean(array.type):
        values: Tensor = array.to_numpy(zero_copy_only=False)
        return values
    if not len(array):
        return np.empty(0, array.type.to_pandas_dtype())
    dtype = np.dtype(array.type.to_pandas_dtype())
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def column_of(array: pa.Array) -> Column:
    """Return an Arrow array of numbers or booleans as a tensor when its lists are all of one length, else as it is."""
    shape = [len(array)]
    values = array
    while (
        pa.types.is_list(values.type) or pa.types.is_large_list(values.type) or pa.types.is_fixed_size_list(values.type)
    ):
        lengths = pc.min_max(pc.list_value_length(values)).as_py()
        if values.null_count or lengths["min"] != lengths["max"] or lengths["min"] is None:
            return array
        shape.append(lengths["min"])
        values = values.flatten()
    kind = values.type
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    if values.null_count or not is_number:
        return array
    return numbers_of(values).reshape(shape)
