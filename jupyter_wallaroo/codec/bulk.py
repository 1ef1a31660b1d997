"""Many rows of lists of numbers as JSON, read straight into tensors: no Python object for a number, one for a row.

simdjson reads 1,000 rows of 30 numbers (0.6 MB) into doubles in 0.9 ms, where msgspec, or orjson, and `struct` need
1.7 to 2.2 ms with the looks at the body for duplicate keys and booleans; polars takes 1.3 ms for the parsing alone,
pyarrow 3.7. What is not exactly such rows is left to `records` and `tensors`, which know what to say of it.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np
from msgspec import Raw

from jupyter_wallaroo.codec import scanning
from jupyter_wallaroo.codec.batch import Column, Decoded, Tensor
from jupyter_wallaroo.codec.cast import EXACT
from jupyter_wallaroo.strict_json import Buffer
from jupyter_wallaroo.types.model import TensorSpec

Uses: TypeAlias = Callable[[tuple[str, ...]], Sequence[tuple[str, TensorSpec | None]] | None]
"""Says for the names of a request's columns which input takes each, None where that is not clear."""

_simdjson: Any = None
with contextlib.suppress(ImportError):  # there may be no wheel for the machine
    _simdjson = importlib.import_module("simdjson")

_NOT_SUCH_ROWS = (ValueError, TypeError, LookupError, AttributeError, RuntimeError, msgspec.MsgspecError)
_raw_rows = msgspec.json.Decoder(list[dict[str, Raw]]).decode


def decode(body: Buffer, uses: Uses, *, is_echoed: bool) -> tuple[Decoded, bool] | None:
    """Return the columns of a JSON body as the inputs take them, and whether they are records.

    None where the body is anything but rows in which each column is a list of as many numbers as its input takes.

    Parameters
    ----------
    is_echoed
        Whether the answer repeats what was sent, which records do, in the sender's own digits.
    """
    if _simdjson is None:
        return None
    try:
        document = _simdjson.Parser().parse(body)
        is_records = isinstance(document, _simdjson.Array)
        names = tuple((document[0] if is_records else document).keys())
        rows = len(document if is_records else document[names[0]])
        fields = uses(names)
        is_known = fields is not None and len(set(names)) == len(names) and (is_records or not is_echoed)
        if not is_known or not _is_flat(body, rows, len(names), is_records=is_records):
            return None
        columns: dict[str, Any] = {}
        for name, spec in fields or ():
            lists = [row[name] for row in document] if is_records else list(document[name])
            tensor = _tensor(lists, rows, spec)
            if tensor is None:
                return None
            columns[name] = tensor
        sent = _sent(body, names) if is_echoed else {}
    except _NOT_SUCH_ROWS:
        return None
    return Decoded(rows, columns, has_booleans=False, sent=sent), is_records


def _is_flat(body: Buffer, rows: int, names: int, *, is_records: bool) -> bool:
    """Tell by its brackets and colons that nothing is nested deeper, and no key is there twice."""
    brackets, colons = (1 + rows * names, rows * names) if is_records else (names * (1 + rows), names)
    return scanning.count(body, "[") == brackets and scanning.count(body, ":") == colons


def _tensor(lists: list[Any], rows: int, spec: TensorSpec | None) -> Tensor | None:
    if spec is None or len(spec.shape) != 2 or spec.dtype not in {"float32", "float64"} or len(lists) != rows:
        return None
    buffers = [numbers.as_buffer(of_type="d") for numbers in lists]
    widths = {len(numbers) for numbers in lists}
    flat = np.frombuffer(b"".join(buffers))
    width = spec.shape[1] or len(flat) // max(1, rows)
    if len(widths) != 1 or not width or len(flat) != rows * width or not max(flat.max(), -flat.min()) < EXACT:
        return None
    return flat.reshape(rows, width).astype(spec.dtype)


def _sent(body: Buffer, names: tuple[str, ...]) -> dict[str, list[Raw] | Column]:
    rows = _raw_rows(body)
    return {name: [row[name] for row in rows] for name in names}
