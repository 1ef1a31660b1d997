"""Which model runs on which rows, and the rows of several models put together again."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import xxhash

from jupyter_wallaroo.codec.batch import Batch, Cells, Column, Tensor, python_values
from jupyter_wallaroo.engine.steps import Columns
from jupyter_wallaroo.errors import InvalidInput
from jupyter_wallaroo.types.plan import KeySplitStep, RandomSplitStep

_HASHES = 2**64


def by_chance(step: RandomSplitStep, columns: Columns, rows: int) -> Tensor:
    """Return the number of the model that runs on each row.

    Notes
    -----
    Without a hash key each row is drawn by itself. With one, the XXH3 hash (64 bits, seed 0) of the value's JSON, as a
    fraction of 2**64, is looked up among the shares laid end to end in the order of the definition: a value always
    finds the same model, on every replica and after every restart, as long as the weights stay.

    Raises
    ------
    InvalidInput
        The hash key's column is missing.
    """
    ends = np.cumsum(step.shares)
    ends[-1] = 1.0
    if step.hash_key is None:
        drawn = np.array([random.random() for _ in range(rows)])  # noqa: S311  a draw, not a secret
    else:
        values = _column(step.hash_key, columns, "hash key")
        drawn = np.array([xxhash.xxh3_64_intdigest(msgspec.json.encode(value)) / _HASHES for value in values])
    return np.asarray(step.models)[np.minimum(np.searchsorted(ends, drawn, "right"), len(step.models) - 1)]


def by_key(step: KeySplitStep, columns: Columns) -> Tensor:
    """Return the number of the model that runs on each row: that of its value, text or JSON, else the control.

    Raises
    ------
    InvalidInput
        The column is missing.
    """
    values = _column(step.key, columns, "split key")
    return np.array([step.routes.get(_text(value), step.control) for value in values])


def _column(name: str, columns: Columns, what: str) -> list[Any]:
    if name not in columns:
        raise InvalidInput(
            f"Column {name!r}, the {what} of the pipeline's split, is missing; got the columns {sorted(columns)}.",
            hint=f"Send {name!r} with each row.",
        )
    return python_values(columns[name])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def rows_of(columns: Columns, places: Tensor) -> Columns:
    """Return the rows of columns at some places."""
    return {name: _taken(column, places) for name, column in columns.items()}


def _taken(column: Cells | Column, places: Tensor) -> Cells | Column:
    if isinstance(column, list):
        return [column[place] for place in places.tolist()]
    return column[places] if isinstance(column, np.ndarray) else column.take(pa.array(places))


def together(parts: Sequence[tuple[Tensor, Batch]], rows: int) -> Batch:
    """Return the columns of several models, each of which ran on some rows, in the order of the request.

    A column that a model does not give is null in its rows.
    """
    if len(parts) == 1:
        return parts[0][1]
    names = list(dict.fromkeys(name for _, batch in parts for name in batch))
    return {name: _joined(name, parts, rows) for name in names}


def _joined(name: str, parts: Sequence[tuple[Tensor, Batch]], rows: int) -> Column:
    columns = [batch.get(name) for _, batch in parts]
    first = columns[0]
    if isinstance(first, np.ndarray) and all(_is_like(column, first) for column in columns):
        whole = np.empty((rows, *first.shape[1:]), first.dtype)
        for (places, _), column in zip(parts, columns, strict=True):
            whole[places] = column
        return whole
    cells: Cells = [None] * rows
    for (places, _), column in zip(parts, columns, strict=True):
        if column is not None:
            for place, value in zip(places.tolist(), python_values(column), strict=True):
                cells[place] = value
    try:
        return pa.array(cells)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InvalidInput(f"The models of the split give {name!r} in different types: {str(error)[:200]}") from None


def _is_like(column: Column | None, first: Tensor) -> bool:
    return isinstance(column, np.ndarray) and column.dtype == first.dtype and column.shape[1:] == first.shape[1:]


def marks(chosen: Tensor, references: Mapping[int, dict[str, str]]) -> pa.Array:
    """Return ``_model_split``: for each row a list with JSON of the model that ran on it (contract/inference.md)."""
    texts = {number: [msgspec.json.encode(reference).decode()] for number, reference in references.items()}
    return pa.array([texts[number] for number in chosen.tolist()], pa.list_(pa.string()))
