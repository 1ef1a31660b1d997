"""How the columns of one inference lie in the journal.

A *layout* lists the columns once; each entry then holds only the bytes of its tensors in that order, followed, when
there are columns that are not plain tensors (text, nested, ragged), by those as one Arrow stream.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from msgspec import Struct

from jupyter_wallaroo.codec.batch import Batch, Tensor


class TensorColumn(Struct, frozen=True, array_like=True):
    """A numeric column: ``path`` is ``in.<name>`` or ``out.<name>``, ``shape`` that of one row."""

    path: str
    dtype: str
    shape: tuple[int, ...]


class Layout(Struct, frozen=True, array_like=True):
    """The tensors of an entry in order, the columns of its Arrow part, and what all its records have in common.

    Records of one layout have one schema: ``others`` holds the path and the type of each column that is no tensor.
    """

    tensors: tuple[TensorColumn, ...]
    others: tuple[tuple[str, str], ...]
    last_model: str
    pipeline_version: str
    partition: str

    def arrays(self, rows: int, payload: memoryview) -> tuple[dict[str, Tensor], memoryview]:
        """Cut ``payload`` into one array of ``rows`` rows per tensor; return them and what is left over."""
        found: dict[str, Tensor] = {}
        start = 0
        for column in self.tensors:
            dtype = np.dtype(column.dtype)
            count = rows * int(np.prod(column.shape, dtype=np.int64))
            end = start + count * dtype.itemsize
            found[column.path] = np.frombuffer(payload[start:end], dtype).reshape(rows, *column.shape)
            start = end
        return found, payload[start:]


def split(batch: Batch) -> tuple[tuple[TensorColumn, ...], list[Tensor], list[tuple[str, pa.Array]]]:
    """Part a batch's columns into tensors (with their layout) and all others."""
    columns: list[TensorColumn] = []
    tensors: list[Tensor] = []
    others: list[tuple[str, pa.Array]] = []
    for path, column in batch.items():
        if isinstance(column, np.ndarray):
            columns.append(TensorColumn(path, column.dtype.str, column.shape[1:]))
            tensors.append(np.ascontiguousarray(column))
        else:
            others.append((path, column))
    return tuple(columns), tensors, others


def stream(others: Sequence[tuple[str, pa.Array]]) -> bytes:
    """Write columns as one Arrow IPC stream."""
    batch = pa.RecordBatch.from_arrays([array for _, array in others], [path for path, _ in others])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    body: bytes = sink.getvalue().to_pybytes()
    return body
