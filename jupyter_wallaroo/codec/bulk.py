"""Many rows of lists of numbers as JSON, read straight into tensors: no Python object for a number.

Records are made one list of lists where they lie: what stands between one list and the next is spelled in every row as
in the first, and gives way to a comma and blanks. simdjson then reads all numbers at once and says whether what is left
is JSON. 1,000 rows of 29 numbers (0.28 MB) take 0.6 ms, of which simdjson's part is 0.35; msgspec and `struct` take
2.2, polars 1.3 for the parsing alone, pyarrow 3.7. What is not exactly such rows is left to `records` and `tensors`,
which know what to say of it.
"""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
_decode_emptied = msgspec.json.Decoder(list[dict[str, list[None]]]).decode
_END = re.compile(rb"\][ \t\r\n]*(\})[ \t\r\n]*\][ \t\r\n]*\Z")
_END_WITHIN_BYTES = 256


class _NotSuchRows(ValueError):
    """The body is something else, or it is not certain what it is."""


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
        if bytes(body[:1]) == b"[":
            return _records(body, uses, is_echoed=is_echoed), True
        return None if is_echoed else (_tensors(body, uses), False)
    except _NOT_SUCH_ROWS:
        return None


def _tensors(body: Buffer, uses: Uses) -> Decoded:
    document = _simdjson.Parser().parse(body)
    names = tuple(document.keys())
    columns: dict[str, Any] = {}
    lists = 0
    for name, spec in _fields(names, uses):
        widths, numbers = _read(document[name])
        lists += 1 + len(widths)
        if min(widths) != max(widths):
            raise _NotSuchRows
        columns[name] = _tensor(numbers.reshape(len(widths), widths[0]), spec)
    rows = {len(tensor) for tensor in columns.values()}
    # Nothing is nested deeper, and no key is there twice.
    if len(rows) != 1 or scanning.count(body, "[") != lists or scanning.count(body, ":") != len(names):
        raise _NotSuchRows
    return Decoded(rows.pop(), columns, has_booleans=False, sent={})


def _records(body: Buffer, uses: Uses, *, is_echoed: bool) -> Decoded:
    lists = _Lists.of_records(body)
    names, rows = lists.names, len(lists.begins) // len(lists.names)
    fields = _fields(names, uses)
    widths, numbers = _read(_simdjson.Parser().parse(lists.text))
    first = widths[: len(names)]
    if len(widths) != len(lists.begins) or widths != first * rows:
        raise _NotSuchRows
    matrix = numbers.reshape(rows, sum(first))
    columns: dict[str, Any] = {}
    start = 0
    for (name, spec), width in zip(fields, first, strict=True):
        columns[name] = _tensor(matrix[:, start : start + width], spec)
        start += width
    return Decoded(rows, columns, has_booleans=False, sent=lists.cells() if is_echoed else {})


def _fields(names: tuple[str, ...], uses: Uses) -> Sequence[tuple[str, TensorSpec | None]]:
    fields = uses(names)
    if fields is None or len(set(names)) != len(names):
        raise _NotSuchRows
    return fields


def _read(array: Any) -> tuple[list[int], Tensor]:
    """Return how long the lists in a list are, and all their numbers; TypeError where there is anything else."""
    return list(map(len, array)), np.frombuffer(array.as_buffer(of_type="d"))


def _tensor(numbers: Tensor, spec: TensorSpec | None) -> Tensor:
    if spec is None or len(spec.shape) != 2 or spec.dtype not in {"float32", "float64"}:
        raise _NotSuchRows
    if not numbers.size or spec.shape[1] not in (numbers.shape[1], None):
        raise _NotSuchRows
    if not max(numbers.max(), -numbers.min()) < EXACT:
        raise _NotSuchRows
    return np.ascontiguousarray(numbers, spec.dtype)


@dataclass(slots=True)
class _Lists:
    """The lists of numbers in records.

    Nobody has looked at the numbers yet: the records are sound if ``text`` is a list of as many lists of numbers as
    ``begins`` has places.
    """

    names: tuple[str, ...]
    text: bytearray
    """Between two lists there are but a comma and blanks."""
    begins: Tensor
    ends: Tensor
    """Where each list begins and ends in the text, row by row."""

    @classmethod
    def of_records(cls, body: Buffer) -> _Lists:
        """Return the lists of records whose values are all lists, spelled alike in every row."""
        text = bytearray(body)
        codes = np.frombuffer(text, np.uint8)
        begins = np.flatnonzero(codes == ord("["))[1:]
        names = int(np.searchsorted(begins, text.index(b"}", begins[0])))
        last = _END.search(text, max(0, len(text) - _END_WITHIN_BYTES))
        if last is None or len(begins) % names:
            raise _NotSuchRows
        ends = np.empty_like(begins)
        ends[-1] = last.start() + 1
        spelled = [bytes(text[: begins[0] + 1])]
        is_one = len(begins) == names
        for place in range(1, names if is_one else names + 1):
            nexts = begins[place::names]
            start = text.rindex(b"]", begins[place - 1], nexts[0])
            between = bytes(text[start : nexts[0] + 1])
            ends[place - 1 : -1 : names] = _blanked(text, nexts + 1, between) + 1
            spelled.append(between)
        spelled += [*([] if is_one else spelled[1:names]), last[0]]
        codes[1 : begins[0]] = codes[last.start(1)] = ord(" ")
        return cls(_names(b"".join(spelled), names), text, begins, ends)

    def cells(self) -> dict[str, list[Raw] | Column]:
        """Return the lists as they were sent, by name."""
        text = bytes(self.text)
        places = zip(self.begins.tolist(), self.ends.tolist(), strict=True)
        cells = [Raw(text[begin:end]) for begin, end in places]
        return {name: cells[place :: len(self.names)] for place, name in enumerate(self.names)}


def _blanked(text: bytearray, ends: Tensor, between: bytes) -> Tensor:
    """Return where ``between`` begins, which has to be before each of ``ends``, and leave a comma in its stead."""
    begins = ends - len(between)
    windows = np.ndarray((len(text) - len(between) + 1, len(between)), np.uint8, text, strides=(1, 1))
    if not (windows[begins] == np.frombuffer(between, np.uint8)).all():
        raise _NotSuchRows
    windows[begins] = np.frombuffer(b"]," + b"[".rjust(len(between) - 2), np.uint8)
    return begins


def _names(emptied: bytes, count: int) -> tuple[str, ...]:
    """Return the names in records whose lists are empty: a first row and, if there are others, one for them all."""
    first, *others = (tuple(row) for row in _decode_emptied(emptied))
    if len(first) != count or others not in ([], [first]):
        raise _NotSuchRows
    return first
