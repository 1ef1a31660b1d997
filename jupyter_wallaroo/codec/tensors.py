"""Tensor JSON, the oldest form: ``{"tensor": [[…], …]}`` in, a list with one ``outputs`` object out (S1-41, S1-42)."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from jupyter_wallaroo import strict_json
from jupyter_wallaroo.codec import records, scanning
from jupyter_wallaroo.codec.batch import Answer, Column, Decoded
from jupyter_wallaroo.errors import InvalidInput

_encode = msgspec.json.Encoder().encode

_TYPE_NAMES = {
    "float32": "Float",
    "float64": "Double",
    "float16": "Half",
    "int8": "Int8",
    "int16": "Int16",
    "int32": "Int32",
    "int64": "Int64",
    "uint8": "Uint8",
    "uint16": "Uint16",
    "uint32": "Uint32",
    "uint64": "Uint64",
    "bool": "Bool",
}


def decode(body: strict_json.Buffer) -> tuple[Decoded, bool]:
    """Return the columns of a plain JSON body, and whether it was in fact a list of records.

    The data file that the SDK accepts works unchanged (S1-39), and some of those hold records.
    """
    value = strict_json.decode(body)
    if isinstance(value, list):
        return records.from_rows(value, body), True
    if not isinstance(value, dict) or not value:
        raise InvalidInput(
            "Expected an object of tensors, or a list of records.",
            hint='For example {"tensor": [[0.1, 0.2]]}: one list per row.',
        )
    lengths = {name: len(rows) for name, rows in value.items() if isinstance(rows, list)}
    for name in value:
        if not lengths.get(name):
            raise InvalidInput(f"Tensor {name!r}: expected a non-empty list with one entry per row.")
    if len(set(lengths.values())) > 1:
        raise InvalidInput(f"Tensors have different numbers of rows: {lengths}.")
    if scanning.count(body, ":") != len(value):
        strict_json.check_duplicates(body)
    return Decoded(next(iter(lengths.values())), value, scanning.may_hold_booleans(body)), False


def encode(answer: Answer) -> bytes:
    """Return the answer as the legacy list: one item, ``outputs[k]`` being ``{"Float": {"v", "dim", "data"}}``."""
    return _encode(
        [
            {
                "model_name": answer.model_name,
                "model_version": answer.model_version,
                "pipeline_name": answer.pipeline_name,
                "outputs": [_output(column) for column in answer.outputs.values()],
                "elapsed": answer.elapsed_ns,
                "time": answer.time_ms,
                "original_data": None,
                "check_failures": [name for name, marked in answer.anomalies.items() if marked.any()],
                "shadow_data": {},
            }
        ]
    )


def _output(column: Column) -> dict[str, Any]:
    if not isinstance(column, np.ndarray):
        values = column.to_pylist()
        return {"String" if _is_text(values) else "List": {"v": 1, "dim": [len(values)], "data": values}}
    kind = _TYPE_NAMES[column.dtype.name]
    return {kind: {"v": 1, "dim": list(column.shape), "data": column.reshape(-1).tolist()}}


def _is_text(values: list[Any]) -> bool:
    return all(value is None or isinstance(value, str) for value in values)
