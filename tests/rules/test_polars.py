"""Expressions as users write them: read into our tree, evaluated by the engine, and compared with polars itself."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.engine.validation import evaluate
from jupyter_wallaroo.errors import InvalidInput, InvalidRequest
from jupyter_wallaroo.rules import checks_2023, polars
from jupyter_wallaroo.types.rule import Rule

out, text, flag = pl.col("out.v"), pl.col("in.name"), pl.col("in.flag")
whole, first, ragged = pl.col("in.whole"), pl.col("out.list").list.get(0), pl.col("in.ragged")

# The sample table of contract/steps.md, as the SDK's users write it.
EXPRESSIONS: dict[str, pl.Expr] = {
    "gt": out > 2, "ge": out >= 2.5, "lt": out < 2, "le": out <= 2.5, "eq": out == 2.5, "ne": out != 2.5,
    "and": (out > 1) & (whole < 3), "or": (out > 3) | (whole == 1), "xor": (out > 1) ^ flag, "not": ~flag,
    "plus": out + whole > 4, "minus": out - 1 < 0, "times": out * 2 >= 5, "true divide": whole / 2 > 0.9,
    "floor divide": whole // 2 == 1, "modulus": whole % 2 == 1, "negative modulus": (whole - 4) % 3 == 2,
    "list get": first > 1_000_000, "list last": pl.col("out.list").list.get(-1) < 3, "list first": pl.col("out.list").list.first() > 5,
    "list sum": pl.col("out.list").list.sum() > 10, "list contains": ragged.list.contains(3),
    "is null": whole.is_null(), "is not null": whole.is_not_null(), "is nan": out.is_nan(), "is not nan": out.is_not_nan(),
    "is finite": out.is_finite(), "is infinite": out.is_infinite(), "abs": (out - 3).abs() < 1, "round": out.round(0) == 2,
    "pow": out.pow(2) > 6, "sqrt": out.sqrt() > 1.5, "log": out.log(10) > 0.3, "length": text.str.len_chars() > 3,
    "contains": text.str.contains("a+b"), "contains literally": text.str.contains("a+b", literal=True),
    "starts": text.str.starts_with("a"), "ends": text.str.ends_with("b"), "text equal": text == "aab",
    "when": pl.when(flag).then(out).otherwise(0) > 2, "cast": out.cast(pl.Int32, strict=False) == 2, "cast text": whole.cast(pl.String) == "2",
    "fill null": whole.fill_null(9) > 5, "shift": whole.shift(1) == 1, "max": out == out.fill_nan(0).max() if False else whole == whole.max(),
    "mean": whole > whole.mean(), "std": (whole - whole.mean()).abs() > whole.std(), "float32": pl.col("out.f32") > 0.1,
    "float32 equal": pl.col("out.f32") == 0.1, "flag": flag, "flag equal": flag == True,  # noqa: E712
    "nan is greatest": out > 1e300, "nested": ((out > 1) & ((whole > 1) | flag)) & ~(text == "zz"),
}  # fmt: skip

COLUMNS: dict[str, Any] = {
    "out.v": np.array([0.5, 2.5, math.nan, math.inf, 3.0, -1.0]),
    "out.f32": np.array([0.1, 0.2, 0.0, 0.1, -0.1, 1.0], np.float32),
    "out.list": np.array([[1.0, 2.0], [2e6, 1.0], [5.0, 6.0], [0.0, 0.0], [9.0, 9.0], [-1.0, 1.0]]),
    "in.whole": pa.array([1, 2, None, 3, 2, 5]),
    "in.flag": pa.array([True, False, True, None, False, True]),
    "in.name": pa.array(["aab", "a+b", "", None, "zz", "abab"]),
    "in.ragged": pa.array([[1], [3, 4], [], [3], [1, 2], [5]], pa.list_(pa.int64())),
}
ROWS = 6


def frame(columns: dict[str, Any]) -> pl.DataFrame:
    lists = {name: column.tolist() if getattr(column, "ndim", 1) > 1 else column for name, column in columns.items()}
    arrow = {name: pl.from_arrow(column) if isinstance(column, pa.Array) else column for name, column in lists.items()}
    return pl.DataFrame(arrow)


def ours(name: str, expression: pl.Expr, columns: dict[str, Any], rows: int) -> list[bool]:
    rule = polars.parse(expression.alias(name).meta.serialize(format="json"), "rule")
    assert rule.name == name
    found: list[bool] = evaluate([rule], columns, rows)[name].tolist()
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::polars.exceptions.PolarsInefficientMapWarning")
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_booleans_are_those_of_polars(name: str) -> None:
    """Null is no anomaly; everything else to the bit."""
    expression = EXPRESSIONS[name]
    expected = frame(COLUMNS).select(expression.fill_null(False).alias("x"))["x"].to_list()
    assert ours(name, expression, COLUMNS, ROWS) == expected


numbers = st.floats(allow_nan=True, allow_infinity=True, width=32)
leaves = st.one_of(
    st.just(pl.col("out.a")),
    st.just(pl.col("out.b")),
    st.floats(-100, 100).map(pl.lit),
)


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> pl.Expr:
    """Comparisons of arithmetic, joined by logic."""
    if depth and draw(st.booleans()):
        left, right = draw(trees(depth - 1)), draw(trees(depth - 1))
        return draw(st.sampled_from([left & right, left | right, ~left, left ^ right]))
    left, right = draw(leaves), draw(leaves)
    arithmetic = draw(st.sampled_from([left, left + right, left - right, left.abs()]))
    compared = [arithmetic > right, arithmetic >= right, arithmetic < right, arithmetic == right, arithmetic != right]
    return draw(st.sampled_from(compared))


@settings(max_examples=150, deadline=None)
@given(trees(), st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20))
def test_any_tree_of_comparisons_is_as_in_polars(tree: pl.Expr, values: list[tuple[float, float]]) -> None:
    """With NaN and infinities among the values."""
    array = np.array(values, np.float64)
    columns = {"out.a": array[:, 0].copy(), "out.b": array[:, 1].copy()}
    found = frame(columns).select(tree.alias("x"))["x"].to_list()
    expected = found * len(values) if len(found) == 1 else found
    assert ours("x", tree, columns, len(values)) == expected


HOSTILE: dict[str, Any] = {
    "an unknown node": {"Alias": [{"Exotic": []}, "x"]},
    "an anonymous function": {"Alias": [{"AnonymousFunction": {"input": [{"Column": "a"}], "function": [80, 76, 80, 89]}}, "x"]},
    "pickled bytes": {"Alias": [{"Literal": {"Binary": [128, 4, 149]}}, "x"]},
    "pickled bytes as a list": {"Alias": [{"Literal": {"Scalar": {"List": [255, 255, 255, 255]}}}, "x"]},
    "an unknown function": {"Alias": [{"Function": {"input": [{"Column": "a"}], "function": {"StringExpr": "ToUppercase"}}}, "x"]},
    "too few operands": {"Alias": [{"Function": {"input": [], "function": "Abs"}}, "x"]},
    "too many": {"Alias": [{"BinaryExpr": {"left": {"Column": "a"}, "op": "Gt", "right": {"Literal": {"Series": {"datatype": "Int64", "values": list(range(501))}}}}}, "x"]},
    "no alias": {"Column": "a"},
    "an alias that is no text": {"Alias": [{"Column": "a"}, 3]},
    "a window": {"Alias": [{"Window": {"function": {"Column": "a"}}}, "x"]},
    "a wildcard": {"Alias": ["Wildcard", "x"]},
    "a cast to an object": {"Alias": [{"Cast": {"expr": {"Column": "a"}, "data_type": {"Object": "x"}}}, "x"]},
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_not_on_the_list_is_refused(case: str) -> None:
    """When it is saved, before anything evaluates it (SECURITY C8)."""
    with pytest.raises(InvalidRequest, match="rule"):
        polars.parse(json.dumps(HOSTILE[case]), "rule")


@pytest.mark.parametrize("depth", [33, 60, 1000, 100_000])
def test_depth_is_bounded(depth: int) -> None:
    """Whatever the depth, the answer is a sentence, not a crash."""
    text = '{"Function":{"function":"Abs","input":[' * depth + '{"Column":"a"}' + "]}}" * depth
    with pytest.raises(InvalidRequest):
        polars.parse(f'{{"Alias":[{text},"x"]}}', "rule")


def test_size_is_bounded() -> None:
    """A flat chain of many comparisons is refused too."""
    node: dict[str, Any] = {"Column": "a"}
    wide = {"Function": {"function": {"ListExpr": "Sum"}, "input": [node]}}
    for _ in range(20):
        wide = {"BinaryExpr": {"left": wide, "op": "And", "right": wide}} if _ < 9 else wide
    with pytest.raises(InvalidRequest, match="at most 500 nodes"):
        polars.parse(json.dumps({"Alias": [wide, "x"]}), "rule")


def test_the_older_writing_of_polars_is_read() -> None:
    """0.18, which the vendor's client of 2026 has (contract/steps.md)."""
    text = json.dumps(
        {"Alias": [{"BinaryExpr": {
            "left": {"Function": {"input": [{"Column": "out.list"}, {"Literal": {"Int32": 0}}], "function": {"ListExpr": "Get"},
                                  "options": {"collect_groups": "ApplyFlat"}}},
            "op": "Gt", "right": {"Literal": {"Float64": 4.5}}}}, "high"]}
    )  # fmt: skip
    assert evaluate([polars.parse(text, "r")], COLUMNS, ROWS)["high"].tolist() == [
        False,
        True,
        True,
        False,
        True,
        False,
    ]


def test_a_column_that_is_missing_is_named() -> None:
    """With those that are there."""
    rule = polars.parse((pl.col("out.typo") > 1).alias("high").meta.serialize(format="json"), "r")
    with pytest.raises(
        InvalidInput, match=r"Validation 'high' cannot be evaluated: column 'out.typo' is missing; there are"
    ):
        evaluate([rule], COLUMNS, ROWS)


def test_a_rule_that_is_no_condition_is_explained() -> None:
    rule = polars.parse((out + 1).alias("sum").meta.serialize(format="json"), "r")
    with pytest.raises(InvalidInput, match="it gives double, not true or false"):
        evaluate([rule], COLUMNS, ROWS)


def test_the_form_of_2023_is_true_for_a_sane_row() -> None:
    """Outputs by their number and element; false is a failure (contract/steps.md)."""
    variable = {"node": "variable", "variant_id": {"name": "m"}, "position": "output", "key": [2, 0]}
    root = {"node": "binop", "op": "<", "left": variable, "right": {"node": "literal", "float": 4.5}}
    value = {"values": {"low": {"root": root, "required_data": [{"name": "m"}]}}, "gauges": [], "validations": ["low"]}
    rules: list[Rule] = list(checks_2023.parse(value, "r"))
    assert evaluate(rules, COLUMNS, ROWS)["low"].tolist() == [False, True, True, False, True, False]
    with pytest.raises(InvalidRequest, match="not evaluated here"):
        list(
            checks_2023.parse(
                {**value, "values": {"low": {"root": {"node": "fn", "fn": "eval", "arguments": []}}}}, "r"
            )
        )
