"""pandas-records JSON: a list of objects, one a row."""

from __future__ import annotations

import functools
import itertools
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from jupyter_wallaroo import strict_json
from jupyter_wallaroo.codec import row_texts, scanning
from jupyter_wallaroo.codec.batch import Answer, Cells, Column, Decoded
from jupyter_wallaroo.codec.selection import Selection
from jupyter_wallaroo.errors import InvalidInput, InvalidRequest

Field: TypeAlias = bytes | Cells | Column
"""What is written of a field: the JSON that all rows share, or a column."""

_MARK = str(secrets.randbits(128))
"""Nobody knows it, so that no body can pretend to end where another begins."""
_BETWEEN = f',"{_MARK}",'.encode()


def decode(body: strict_json.Buffer) -> Decoded:
    """Return the columns of a records body; every row must have the same keys.

    Raises
    ------
    InvalidInput
        Not a non-empty list of objects with the same keys, or a key twice in one object.
    """
    return from_rows(strict_json.decode(body), body)


def decode_together(bodies: Sequence[strict_json.Buffer]) -> tuple[Decoded, list[int]] | None:
    """Return the columns of several records bodies as those of one, and the rows of each body.

    None where anything is wrong with one of them, or they have not the same keys: each has to be read by itself.
    """
    text = b"[%b]" % _BETWEEN.join(bodies)
    try:
        parts = strict_json.decode(text)
        lists = parts[::2]
        if parts[1::2] != [_MARK] * (len(bodies) - 1) or len(lists) != len(bodies):
            return None
        counts = [len(rows) if type(rows) is list else 0 for rows in lists]
        return (from_rows(list(itertools.chain.from_iterable(lists)), text), counts) if all(counts) else None
    except InvalidRequest:
        return None


def from_rows(rows: Any, body: strict_json.Buffer) -> Decoded:
    """Return the columns of already parsed ``rows``; ``body`` is looked at again only for duplicate keys."""
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict) or not rows[0]:
        raise InvalidInput(
            f"Expected pandas records, a non-empty JSON list of objects; got {_name(rows)}.",
            hint='For example [{"tensor": [0.1, 0.2]}], as DataFrame.to_json(orient="records") writes it.',
        )
    names = list(rows[0])
    columns: dict[str, Any]
    if len(rows) == 1:
        columns = {name: [cell] for name, cell in rows[0].items()}
    else:
        try:
            columns = {name: [row[name] for row in rows] for name in names}
            same = all(len(row) == len(names) for row in rows)
        except (KeyError, TypeError):
            same = False
        if not same:
            _explain(rows, names)
    if scanning.count(body, ":") != len(rows) * len(names):
        strict_json.check_duplicates(body)
    return Decoded(len(rows), columns, scanning.may_hold_booleans(body))


def _explain(rows: list[Any], names: list[str]) -> None:
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise InvalidInput(f"Row {number}: expected an object with {names}; got {_name(row)}.")
        if set(row) != set(names):
            raise InvalidInput(f"Row {number}: expected the columns {sorted(names)} of row 0; got {sorted(row)}.")


def _name(value: Any, *, is_outer: bool = True) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    if value == []:
        return "an empty list"
    if isinstance(value, list) and is_outer:
        return f"a list that begins with {_name(value[0], is_outer=False)}"
    return names.get(type(value), "a number")


def encode(answer: Answer, selection: Selection) -> bytes:
    """Return the answer as records: nested objects, or flat ones when the selection has a separator.

    Notes
    -----
    Both ``check_failures`` (2023) and ``anomaly.count`` (2024 and later) are written (A14). ``in`` fields are in
    alphabetical order (S2-34).
    """
    return encode_each(answer, selection, (answer.rows,))[0]


def encode_each(answer: Answer, selection: Selection, ends: Sequence[int]) -> list[bytes]:
    """Return an answer to several requests, written at once, as one body for each; ``ends`` are of their rows."""
    pieces: row_texts.Pieces = []
    comma = b"{"
    for group, fields in _groups(answer, selection):
        if not isinstance(fields, dict):
            _add(pieces, comma + _key(group), fields)
        elif selection.separator is None:
            opening = comma + _key(group) + b"{"
            for name, field in fields.items():
                _add(pieces, opening + _key(name), field)
                opening = b","
            pieces.append(b"}")
        else:
            for name, field in fields.items():
                _add(pieces, comma + _key(f"{group}{selection.separator}{name}"), field)
                comma = b","
        comma = b","
    pieces.append(b"}" if pieces else b"{}")
    return row_texts.lists(pieces, answer.rows, ends)


def _add(pieces: row_texts.Pieces, key: bytes, field: Field) -> None:
    pieces.append(key)
    if isinstance(field, bytes):
        pieces.append(field)
    else:
        pieces += row_texts.cells(field)


@functools.lru_cache(maxsize=1000)
def _key(name: str) -> bytes:
    return row_texts.encode(name) + b":"


def _groups(answer: Answer, selection: Selection) -> list[tuple[str, Field | dict[str, Field]]]:
    """Return the wanted groups in the order of S2-33, each a field or some by name."""
    found: list[tuple[str, Field | dict[str, Field]]] = []
    single = selection.groups(("time", "check_failures"))
    if "time" in single:
        found.append(("time", b"%d" % answer.time_ms))
    columns: Mapping[str, Cells | Column]
    for group, columns in (("in", answer.request), ("out", answer.outputs), *answer.others.items()):
        names = selection.leaves(group, tuple(sorted(columns) if group == "in" else columns))
        if names:
            found.append((group, {name: columns[name] for name in names}))
    if "check_failures" in single:
        found.append(("check_failures", answer.failures() if answer.anomalies else b"[]"))
    marks = selection.leaves("anomaly", ("count", *answer.anomalies))
    if marks:
        counts: Field = answer.anomaly_counts() if answer.anomalies else b"0"
        marked: dict[str, Field] = {"count": counts, **answer.anomalies}
        found.append(("anomaly", {name: marked[name] for name in marks}))
    facts = selection.leaves("metadata", METADATA)
    if facts:
        shared = metadata(answer)
        found.append(("metadata", {name: row_texts.encode(shared[name]) for name in facts}))
    return found


METADATA = ("last_model", "pipeline_version", "elapsed", "dropped", "partition")
"""What all rows of an answer have in common, in this order."""


def metadata(answer: Answer) -> dict[str, Any]:
    """Return the values of `METADATA`."""
    return {
        "last_model": answer.last_model,
        "pipeline_version": answer.pipeline_version,
        "elapsed": answer.elapsed_ns,
        "dropped": answer.dropped,
        "partition": answer.partition,
    }
