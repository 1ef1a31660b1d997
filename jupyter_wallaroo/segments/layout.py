"""How the columns of one inference lie in the journal.

A *layout* lists the columns once; each entry then holds only the bytes of its tensors in that order, followed, when
there are columns that are not plain tensors (text, nested, ragged), by those as one Arrow stream.
"""

from __future__ import annotations

import math
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

    def columns(
        self, rows: Sequence[int], payloads: Sequence[memoryview]
    ) -> tuple[dict[str, Tensor], list[memoryview]]:
        """Return the tensors of many entries, each as one array over all their rows, and the entries' Arrow parts.

        Parameters
        ----------
        rows, payloads
            Of each entry. Small entries come by the ten thousand: nothing here but two slices is done for each.
        """
        found: dict[str, Tensor] = {}
        start = 0  # in bytes per row: the tensors of an entry lie one after the other
        for column in self.tensors:
            dtype = np.dtype(column.dtype)
            end = start + dtype.itemsize * math.prod(column.shape)
            joined = b"".join(
                [payload[count * start : count * end] for count, payload in zip(rows, payloads, strict=True)]
            )
            found[column.path] = np.frombuffer(joined, dtype).reshape(sum(rows), *column.shape)
            start = end
        if not self.others:
            return found, []
        return found, [payload[count * start :] for count, payload in zip(rows, payloads, strict=True)]


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
