"""How each server wants to be asked, and what it says: rows of float32 to bytes, bytes to one number per row.

Only the outputs are asked for, where a server lets itself be told: that is all that others answer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from jupyter_wallaroo.demo.tour import ARROW, RECORDS
from tests import models

WIDTH = 29
INPUT, OUTPUT = "x", "y"
Rows = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def model() -> bytes:
    """Return the ONNX model that everyone serves: ``x`` of 29 float32 a row, ``y`` of one."""
    return models.classifier(WIDTH)


def rows(count: int, seed: int) -> Rows:
    """Return rows as they come from data of six decimals."""
    drawn = np.random.default_rng(seed).standard_normal((count, WIDTH))
    return drawn.round(6).astype(np.float32)


@dataclass(frozen=True)
class Form:
    """A way to ask.

    Parameters
    ----------
    media
        The content type of requests, and of the answers that are accepted.
    write, read
        Make a body of rows; return the outputs of an answer, in the order of the rows.
    """

    media: str
    write: Callable[[Rows], bytes]
    read: Callable[[bytes], Rows]


def _records(given: Rows) -> bytes:
    return _json([{INPUT: row} for row in _plain(given)])


def _v2(given: Rows) -> bytes:
    data = [value for row in _plain(given) for value in row]
    tensor = {"name": INPUT, "shape": list(given.shape), "datatype": "FP32", "data": data}
    # With an id of its own, the answer to the same request is the same.
    return _json({"id": "1", "inputs": [tensor]})


def _named(name: str) -> Callable[[Rows], bytes]:
    return lambda given: _json({name: _plain(given)})


def _plain(given: Rows) -> list[list[float]]:
    return given.astype(np.float64).round(6).tolist()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _arrow(given: Rows) -> bytes:
    column = pa.FixedSizeListArray.from_arrays(pa.array(given.reshape(-1)), WIDTH)
    table = pa.table({INPUT: column})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _raw(given: Rows) -> bytes:
    return given.tobytes()


def _read_json(body: bytes) -> Rows:
    """Return the first list of numbers, however deep, or the only value of each record."""
    value = json.loads(body)
    return np.array(_leaves(value), np.float32)


def _leaves(value: object) -> list[float]:
    if isinstance(value, dict):
        for name in ("outputs", "predictions", "data", OUTPUT, "out", f"out.{OUTPUT}"):
            if name in value:
                return _leaves(value[name])
        raise ValueError(f"no output among {list(value)}")
    if isinstance(value, list):
        return [number for item in value for number in _leaves(item)]
    assert isinstance(value, int | float), f"{value!r} is no number"
    return [value]


def _read_arrow(body: bytes) -> Rows:
    (column,) = pa.ipc.open_file(body).read_all().columns
    values = column.combine_chunks()
    return (values.flatten() if pa.types.is_nested(values.type) else values).to_numpy()


def _read_raw(body: bytes) -> Rows:
    return np.frombuffer(body, np.float32)


RECORDS_FORM = Form(RECORDS, _records, _read_json)
ARROW_FORM = Form(ARROW, _arrow, _read_arrow)
RAW_FORM = Form("application/octet-stream", _raw, _read_raw)
V2_FORM = Form("application/json", _v2, _read_json)
ROWS_FORM = Form("application/json", _named("rows"), _read_json)
MLFLOW_FORM = Form("application/json", _named("inputs"), _read_json)
