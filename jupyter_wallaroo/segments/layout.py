"""How the columns of one inference lie in the journal.

A *layout* lists the columns once; each entry then holds only the bytes of its tensors in that order, followed, when
there are columns that are not plain tensors (text, nested, ragged), by those as one Arrow stream.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from msgspec import Struct

from jupyter_wallaroo.codec.batch import Batch, Tensor

Kind: TypeAlias = tuple[str, object, tuple[int, ...] | None]
"""A column's path, its type (numpy's or Arrow's), and the shape of one row; None for what is no tensor."""

_COPY_BELOW = 4096
"""Copying a few bytes takes less than looking at them where they lie."""


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

    def filled(self, kinds: Sequence[Kind]) -> Layout:
        """Return the layout of records with these columns, and the rest in common with this one."""
        tensors = tuple(
            TensorColumn(path, np.dtype(kind).str, shape)  # type: ignore[call-overload]
            for path, kind, shape in kinds
            if shape is not None
        )
        others = tuple((path, str(kind)) for path, kind, shape in kinds if shape is None)
        return Layout(tensors, others, self.last_model, self.pipeline_version, self.partition)

    def columns(
        self, rows: Sequence[int], payloads: Sequence[memoryview]
    ) -> tuple[dict[str, Tensor], list[memoryview]]:
        """Return the tensors of many entries, each as one array over all their rows, and the entries' Arrow parts.

        Those of a single entry are not copied.

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
            pieces = [payload[count * start : count * end] for count, payload in zip(rows, payloads, strict=True)]
            whole = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            found[column.path] = np.frombuffer(whole, dtype).reshape(sum(rows), *column.shape)
            start = end
        if not self.others:
            return found, []
        return found, [payload[count * start :] for count, payload in zip(rows, payloads, strict=True)]


def split(batch: Batch) -> tuple[tuple[Kind, ...], list[Tensor], list[tuple[str, pa.Array]]]:
    """Part a batch's columns into tensors and all others, and say of each what makes its layout."""
    kinds: list[Kind] = []
    tensors: list[Tensor] = []
    others: list[tuple[str, pa.Array]] = []
    for path, column in batch.items():
        if isinstance(column, np.ndarray):
            kinds.append((path, column.dtype, column.shape[1:]))
            tensors.append(column)
        else:
            kinds.append((path, column.type, None))
            others.append((path, column))
    return tuple(kinds), tensors, others


def memory(tensor: Tensor) -> bytes | memoryview:
    """Return the bytes of a tensor, row by row; those of one that lies so are not copied."""
    if tensor.nbytes < _COPY_BELOW:
        return tensor.tobytes()
    return np.ascontiguousarray(tensor).data.cast("B")


def stream(others: Sequence[tuple[str, pa.Array]]) -> bytes:
    """Write columns as one Arrow IPC stream."""
    batch = pa.RecordBatch.from_arrays([array for _, array in others], [path for path, _ in others])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    body: bytes = sink.getvalue().to_pybytes()
    return body
