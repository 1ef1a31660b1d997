"""Rows written column by column are the objects that a reader would have made of them one by one."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from msgspec import Raw

from jupyter_wallaroo.codec import records, row_texts
from jupyter_wallaroo.codec.batch import Cells, Column, python_values
from jupyter_wallaroo.codec.selection import Selection
from tests.codec.answers import answer

DTYPES = [np.float16, np.float32, np.float64, np.int8, np.int64, np.uint64, np.bool_]
SHAPES = [(), (1,), (3,), (1, 1), (2, 2), (1, 3), (0,), (0, 2), (2, 0)]
TEXTS = st.sampled_from(["", "],[", "},{", 'é"\\', "],["]) | st.text(max_size=3)
SENT = [b"[1.50, 2e3]", b"[-0.0]", b"[ 1 ,\n2]", b"7"]


def columns(rows: int) -> st.SearchStrategy[Cells | Column]:
    def exactly(one: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
        return st.lists(one, min_size=rows, max_size=rows)

    tensors = st.tuples(st.sampled_from(DTYPES), st.sampled_from(SHAPES)).flatmap(
        lambda kind: arrays.arrays(kind[0], (rows, *kind[1]))
    )
    return st.one_of(
        tensors,
        tensors.map(np.asfortranarray),
        exactly(st.none() | TEXTS).map(lambda cells: pa.array(cells, pa.string())),
        exactly(st.lists(TEXTS, max_size=2)).map(lambda cells: pa.array(cells, pa.list_(pa.string()))),
        exactly(st.one_of(TEXTS, st.none(), st.booleans(), st.integers(-5, 5), st.lists(TEXTS, max_size=2))),
        exactly(st.sampled_from(SENT).map(Raw)),
    )


def plain(column: Cells | Column) -> list[Any]:
    """Return what each cell is after JSON, which has neither NaN nor infinities."""
    values = [json.loads(bytes(cell)) if isinstance(cell, Raw) else cell for cell in python_values(column)]
    return [finite(value) for value in values]


def finite(value: Any) -> Any:
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_rows_are_as_if_written_one_by_one(data: st.DataObject) -> None:
    """Whatever the columns hold, and wherever one request's rows end."""
    rows = data.draw(st.integers(1, 5))
    sent = data.draw(st.dictionaries(TEXTS, columns(rows), min_size=1, max_size=2))
    outputs = data.draw(st.dictionaries(TEXTS, columns(rows), min_size=1, max_size=3))
    marks = data.draw(st.dictionaries(st.sampled_from("vw"), arrays.arrays(np.bool_, rows), max_size=2))
    given_answer = answer(rows=rows, request=sent, outputs=outputs, anomalies=marks)
    separator = data.draw(st.sampled_from([None, "."]))
    ends = sorted({*data.draw(st.lists(st.integers(1, rows), max_size=3)), rows})
    names = {"in": sorted(sent), "out": list(outputs), "anomaly": list(marks)}
    cells = {**{f"in.{name}": plain(sent[name]) for name in sent}, **{f"out.{n}": plain(outputs[n]) for n in outputs}}
    cells |= {f"anomaly.{name}": marks[name].tolist() for name in marks}
    expected = [
        {
            group: {name: cells[f"{group}.{name}"][row] for name in members}
            for group, members in names.items()
            if members
        }
        for row in range(rows)
    ]
    wanted = Selection(("in", "out", *(f"anomaly.{name}" for name in marks)), (), separator)
    bodies = records.encode_each(given_answer, wanted, ends)
    read = [msgspec.json.decode(body) for body in bodies]
    assert [len(part) for part in read] == np.diff([0, *ends]).tolist()
    if separator is not None:
        expected = [{f"{g}.{n}": cell for g, fields in row.items() for n, cell in fields.items()} for row in expected]
    assert json.dumps(expected) == json.dumps([row for part in read for row in part])


def test_what_was_sent_is_repeated_as_it_was() -> None:
    """The sender's own digits, among numbers that are written anew."""
    given_answer = answer(
        request={"x": [Raw(b"[1.50, 2e3]"), Raw(b"[ -0.0 ]")]}, outputs={"y": np.float32([0.1, np.nan])}
    )
    body = records.encode(given_answer, Selection(("in", "out"), (), "."))
    assert body == b'[{"in.x":[1.50, 2e3],"out.y":0.10000000149011612},{"in.x":[ -0.0 ],"out.y":null}]'


def test_nothing_asked_for_is_an_empty_object_for_each_row() -> None:
    """There is still one entry per row."""
    assert records.encode(answer(), Selection(("none",), (), ".")) == b"[{},{}]"
    assert records.encode_each(answer(rows=3), Selection(("none",)), [1, 3]) == [b"[{}]", b"[{},{}]"]


def test_what_all_rows_share_is_written_for_each() -> None:
    """Though it is made once."""
    assert row_texts.lists([b'{"time":1}'], 3, [2, 3]) == [b'[{"time":1},{"time":1}]', b'[{"time":1}]']
