"""The outputs of several models made one, or a part of one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jupyter_wallaroo.codec.batch import Batch, Column, Tensor
from jupyter_wallaroo.errors import InvalidInput


def averaged(batches: Sequence[Batch]) -> Batch:
    """Return the mean of the numeric outputs that all batches have, in the first one's types.

    Raises
    ------
    InvalidInput
        They have no such output in common, or not of one shape.
    """
    first = batches[0]
    names = [name for name, column in first.items() if isinstance(column, np.ndarray)]
    found: Batch = {}
    for name in names:
        columns = [batch.get(name) for batch in batches]
        tensors = [column for column in columns if isinstance(column, np.ndarray)]
        if len(tensors) == len(batches) and len({tensor.shape for tensor in tensors}) == 1:
            found[name] = np.mean(tensors, axis=0).astype(tensors[0].dtype)
    if not found:
        raise InvalidInput(
            "The models have no numeric output of one name and shape to average: "
            f"{[sorted(batch) for batch in batches]}."
        )
    return found


def selected(batch: Batch, columns: Sequence[int]) -> Batch:
    """Return some columns of each output that is a matrix.

    Raises
    ------
    InvalidInput
        An output has fewer columns, or is no matrix.
    """
    return {name: _part(name, column, list(columns)) for name, column in batch.items()}


def _part(name: str, column: Column, columns: list[int]) -> Tensor:
    if not isinstance(column, np.ndarray) or column.ndim < 2 or max(columns) >= column.shape[1]:
        shape = list(column.shape) if isinstance(column, np.ndarray) else str(column.type)
        raise InvalidInput(f"Output {name!r} of {shape} has no columns {columns} to select.")
    return column[:, columns]
