"""The small pieces of panels: text, cells, forms, files, histograms."""

from __future__ import annotations

import csv
import io
import json
import math
import unicodedata
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.types.model import TensorSpec
from jupyter_wallaroo.widgets import cells, export, form, histogram, plain
from jupyter_wallaroo.widgets.form import Kind
from jupyter_wallaroo.widgets.histogram import Series

JOINERS = "\u200c\u200d"


def is_plain(text: str) -> bool:
    """Tell whether a text is on one line and has nothing invisible or turning in it."""
    return all(
        unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
        and (unicodedata.category(character) != "Cf" or character in JOINERS)
        for character in text
        if not 0x110BD <= ord(character) <= 0x1D17A and not 0x600 <= ord(character) <= 0x8E2
    )


@given(st.text())
def test_a_line_shows_everything_that_is_there(text: str) -> None:
    assert is_plain(plain.line(text))
    assert all(character in plain.line(text) for character in text if character.isalnum())


@given(
    st.recursive(st.none() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_what_is_tidy_is_json(value: object) -> None:
    assert json.loads(json.dumps(plain.tidy(value), allow_nan=False)) == plain.tidy(value)


def test_cells() -> None:
    shown = [None, True, 1.23456789, 3, [1.0, 2.0], list(range(9)), "a\nb", {"a": "b"}, datetime(2026, 11, 21, 13)]
    assert [cells.cell(value) for value in shown] == [
        "",
        "true",
        "1.23457",
        "3",
        "[1, 2]",
        "[0, 1, 2, 3, … 9 values]",
        "a\\nb",
        '{"a": "b"}',
        "2026-11-21 13:00:00.000",
    ]
    assert len(cells.cell("x" * 10_000)) == plain.MAX_CELL


def test_a_grid_tells_which_rules_failed_in_either_style() -> None:
    named = pa.table(
        {"out.y": [1, 2], "anomaly.count": [0, 1], "anomaly.too_high": [False, True], "metadata.x": [1, 1]}
    )
    assert [row.failed for row in cells.grid(named, 0, 9).rows] == [[], ["too_high"]]
    assert [column.name for column in cells.grid(named, 0, 9).columns] == ["out.y"]
    counted = pa.table({"out.y": [1, 2, 3], "check_failures": pa.array([0, 1, 2], pa.int8())})
    assert [row.failed for row in cells.grid(counted, 1, 9).rows] == [["1 rule"], ["2 rules"]]
    assert cells.anomalies(counted) == 2
    assert cells.grid(pa.table({}), 0, 50).rows == []


# ---------------------------------------------------------------- forms


def _spec(name: str, dtype: str, *shape: int | None) -> TensorSpec:
    return TensorSpec(name=name, dtype=dtype, shape=[None, *shape])


def test_a_form_of_every_kind() -> None:
    specs = [
        _spec("a", "float32", 1),
        _spec("b", "int64"),
        _spec("c", "bool"),
        _spec("d", "string", 1),
        _spec("e", "float32", 2, 2),
        _spec("f", "float32", None),
        _spec("g", "float32", 3, 640, 480),
    ]
    fields = form.of_inputs(specs)
    assert [(field.kind, field.value) for field in fields] == [
        (Kind.NUMBER, "0.0"),
        (Kind.INTEGER, "0"),
        (Kind.BOOLEAN, "false"),
        (Kind.TEXT, ""),
        (Kind.JSON, "[[0.0, 0.0], [0.0, 0.0]]"),
        (Kind.JSON, "[0.0]"),
        (Kind.JSON, ""),
    ]
    assert fields[6].hint == "list of 3 by 640 by 480, each a number"
    assert form.of_inputs(specs[:2], ["x", "y"])[0].name == "x"
    assert form.of_inputs(specs[:2], ["only one"])[0].name == "a"


@given(
    st.dictionaries(
        st.text(min_size=1),
        st.integers()
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.lists(st.integers() | st.floats(allow_nan=False, allow_infinity=False)),
        min_size=1,
    )
)
def test_an_example_comes_back_as_it_went_in(example: dict) -> None:
    fields = form.of_example(example)
    assert form.row(fields, [field.value for field in fields]) == example


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.NUMBER, "nan"),
        (Kind.NUMBER, ""),
        (Kind.INTEGER, "1.5"),
        (Kind.BOOLEAN, "maybe"),
        (Kind.JSON, "[NaN]"),
        (Kind.JSON, "[" * 100_000),
    ],
)
def test_a_field_that_does_not_hold_what_it_takes(kind: Kind, value: str) -> None:
    field = form.Field(name="price", kind=kind, hint="number", value="")
    with pytest.raises(InvalidRequest, match="Field 'price': expected a number; got "):
        form.row([field], [value])


# ---------------------------------------------------------------- files

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=cmd|' /C calc'!A0"]


def test_a_text_in_csv_is_no_formula_and_a_number_is_a_number() -> None:
    table = pa.table({"=name": FORMULAS, "n": [-1.5] * len(FORMULAS), "l": [[-1]] * len(FORMULAS)})
    rows = list(csv.reader(io.StringIO(export.to_csv(table).decode(), newline="")))
    assert rows[0] == ["'=name", "n", "l"]
    assert [row[0] for row in rows[1:]] == [f"'{formula}" for formula in FORMULAS]
    assert {(row[1], row[2]) for row in rows[1:]} == {("-1.5", "[-1]")}


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_every_text_survives_csv(texts: list[str]) -> None:
    body = export.to_csv(pa.table({"a": pa.array(texts, pa.string())})).decode()
    found = [row[0] if row else "" for row in csv.reader(io.StringIO(body, newline=""))][1:]
    assert [
        text.removeprefix("'") if text != before else text for text, before in zip(found, texts, strict=True)
    ] == texts
    assert not any(text.lstrip(" \n").startswith(("=", "+", "-", "@", "\t", "\r")) for text in found)


# ---------------------------------------------------------------- histograms


@given(st.lists(st.floats(-1e30, 1e30), min_size=1), st.lists(st.floats(-1e30, 1e30)))
def test_every_number_is_in_a_bin(first: list[float], second: list[float]) -> None:
    found = histogram.histogram("y", [("a", np.array(first)), ("b", np.array(second))])
    assert [sum(group.bins) for group in found.groups] == [len(first), len(second)]
    assert all(math.isfinite(edge) for edge in found.edges)
    assert found.edges[0] <= min(first) and max(first) <= found.edges[-1]


def test_series_of_scalars_lists_and_texts() -> None:
    table = pa.table(
        {
            "time": [1, 2, 3],
            "in.a": ["x", "y", "z"],
            "out.y": [[1.0, 2.0], [3.0], None],
            "out_b.flag": [True, False, None],
            "out.text": ["a", "b", "c"],
        }
    )
    assert [found.label for found in histogram.series(table)] == ["out.y[0]", "out.y[1]", "out_b.flag"]
    assert histogram.values(table, Series(label="", column="out.y", element=1)).tolist() == [2.0]
    assert histogram.values(table, Series(label="", column="out_b.flag")).tolist() == [1.0, 0.0]
    assert histogram.values(table, Series(label="", column="gone")).tolist() == []
