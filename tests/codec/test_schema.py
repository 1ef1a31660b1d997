"""Arrow schemas of models: what of a request and of a model's outputs is cast to them, and what is refused."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_wallaroo.codec import schema
from jupyter_wallaroo.errors import InvalidInput, InvalidModel

FLOATS = pa.list_(pa.float32())
PAIR = pa.list_(pa.float32(), 2)


def _fit(column: Any, kind: pa.DataType, **more: Any) -> pa.Array:
    return schema.fit_input("c", column, pa.field("f", kind), "m", **more)


def _text(*fields: Any) -> str:
    return base64.b64encode(pa.schema(fields).serialize()).decode()


@pytest.mark.parametrize(
    ("cells", "kind", "expected"),
    [
        ([1, 2], pa.float64(), [1.0, 2.0]),
        ([1, 2.5], pa.float32(), [1.0, 2.5]),
        ([20_000_001], pa.float32(), [20_000_000.0]),
        ([1.0, 2.0], pa.int64(), [1, 2]),
        ([2**63], pa.uint64(), [2**63]),
        ([2**53 + 1, 1], pa.int64(), [2**53 + 1, 1]),
        ([2**70], pa.float64(), [2.0**70]),
        ([None, 1], pa.int8(), [None, 1]),
        ([None, None], PAIR, [None, None]),
        ([[], [1]], FLOATS, [[], [1.0]]),
        ([[1, 2.5], [3, 4]], PAIR, [[1.0, 2.5], [3.0, 4.0]]),
        ([[[1], [2]]], pa.list_(FLOATS), [[[1.0], [2.0]]]),
        ([True, None], pa.bool_(), [True, None]),
        (["a", ""], pa.large_string(), ["a", ""]),
        ([["a"], []], pa.list_(pa.string()), [["a"], []]),
        ([{"a": 1, "b": "x"}], pa.struct([("a", pa.float32()), ("b", pa.string())]), [{"a": 1.0, "b": "x"}]),
        ([{"a": [1]}], pa.struct([("a", FLOATS)]), [{"a": [1.0]}]),
    ],
)
def test_cells_that_fit(cells: list[Any], kind: pa.DataType, expected: list[Any]) -> None:
    """And an Arrow array of them, wherever Arrow can hold them without the schema's help."""
    assert _fit(cells, kind).to_pylist() == expected
    assert _fit(cells, kind).type == kind
    try:
        array = pa.array(cells)
    except (OverflowError, pa.ArrowInvalid):
        return
    assert _fit(array, kind).to_pylist() == expected


@pytest.mark.parametrize(
    ("cells", "kind", "row", "got"),
    [
        ([1, "2"], pa.int64(), 1, "'2'"),
        ([1.0, "nan"], pa.float32(), 1, "'nan'"),
        ([1, True], pa.int64(), 1, "True"),
        ([1.0, True], pa.float64(), 1, "True"),
        ([[1.0], [True]], FLOATS, 1, "[True]"),
        ([[True, 1.0]], PAIR, 0, "True"),
        ([0, 1.5], pa.int32(), 1, "1.5"),
        ([0, 2**40], pa.int32(), 1, str(2**40)),
        ([0, -1], pa.uint8(), 1, "-1"),
        ([0.0, 1e300], pa.float32(), 1, "1e+300"),
        ([[0.0], [1.0, 1e39]], FLOATS, 1, "1e+39"),
        ([0.5, 10**400], pa.float64(), 1, "1000"),
        ([[1, 2], [1, 2, 3]], PAIR, 1, "a list of 3"),
        ([[1, 2], [1]], PAIR, 1, "a list of 1"),
        ([[1], 1], FLOATS, 1, "1"),
        (["a", "bc"], pa.list_(pa.string()), 0, "'a'"),
        (["a", 1], pa.string(), 1, "1"),
        ([True], pa.string(), 0, "True"),
        (["true"], pa.bool_(), 0, "'true'"),
        ([True, 1], pa.bool_(), 1, "1"),
        ([1], pa.bool_(), 0, "1"),
        ([{"a": 1}, {"a": "x"}], pa.struct([("a", pa.int64())]), 1, "{'a': 'x'}"),
        ([{"a": 1}, {"a": True}], pa.struct([("a", pa.int64())]), 1, "{'a': True}"),
        ([{"a": 1}, 5], pa.struct([("a", pa.int64())]), 1, "5"),
        ([{"a": 1}], FLOATS, 0, "{'a': 1}"),
    ],
)
def test_cells_that_do_not(cells: list[Any], kind: pa.DataType, row: int, got: str) -> None:
    """Nothing is taken for what it is not, and the message names the first row that does not fit."""
    with pytest.raises(InvalidInput) as caught:
        _fit(cells, kind)
    assert f"Column 'c', row {row}: expected {kind} for 'f'" in caught.value.message
    assert got in caught.value.message
    assert caught.value.details == {"column": "c", "row": row, "input": "f", "model": "m"}


@pytest.mark.parametrize(
    ("array", "kind", "row"),
    [
        (pa.array([None, "1"]), pa.int64(), 1),
        (pa.array(["1.5"]), pa.float32(), 0),
        (pa.array([1]), pa.string(), 0),
        (pa.array([[1]]), pa.list_(pa.string()), 0),
        (pa.array([True]), pa.int64(), 0),
        (pa.array([[True]]), FLOATS, 0),
        (pa.array([1]), pa.bool_(), 0),
        (pa.array([0, 1.5]), pa.int64(), 1),
        (pa.array([0, 2**40]), pa.int32(), 1),
        (pa.array([0.0, 1e300]), pa.float32(), 1),
        (pa.array([[0.0], [1e300]]), FLOATS, 1),
        (pa.array([[1.0, 2.0], [1.0]]), PAIR, 1),
        (pa.array([1.0]), FLOATS, 0),
        (pa.array([1], pa.timestamp("s")), pa.int64(), 0),
        (pa.array([{"a": "1"}]), pa.struct([("a", pa.int64())]), 0),
    ],
)
def test_arrays_that_do_not_fit(array: pa.Array, kind: pa.DataType, row: int) -> None:
    """Arrow would cast some of these: text that looks like a number, say."""
    with pytest.raises(InvalidInput, match=rf"row {row}: expected"):
        _fit(array, kind)


def test_doubles_become_singles() -> None:
    """Less exactly, infinities and nan as they are."""
    given = pa.array([0.1, math.inf, -math.inf, math.nan, None])
    got = _fit(given, pa.float32()).to_pylist()
    assert got[0] == float(np.float32(0.1))
    assert got[1:3] == [math.inf, -math.inf]
    assert math.isnan(got[3])
    assert got[4] is None


def test_what_fits_is_not_copied() -> None:
    """An Arrow column of the schema's type goes through as it is."""
    given = pa.array([[1.0], [2.0]], FLOATS)
    assert _fit(given, FLOATS) is given


_CELLS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
_KINDS = st.sampled_from(
    [
        *(pa.int8(), pa.int64(), pa.uint64(), pa.float32(), pa.float64(), pa.bool_(), pa.string(), FLOATS, PAIR),
        *(pa.list_(pa.bool_()), pa.list_(pa.string()), pa.struct([("a", pa.int64()), ("b", FLOATS)])),
    ]
)


def _means(value: Any, kind: pa.DataType) -> bool:
    """Whether a value is of a type, written without pyarrow."""
    if value is None:
        return True
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return isinstance(value, list) and all(_means(item, kind.value_type) for item in value)
    if pa.types.is_struct(kind):
        return isinstance(value, dict) and all(_means(value.get(field.name), field.type) for field in kind)
    wanted: Any = {pa.bool_(): bool, pa.string(): str}.get(kind, (int, float))
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


@given(st.lists(_CELLS, min_size=1, max_size=4), _KINDS)
def test_any_cells_fit_or_are_refused(cells: list[Any], kind: pa.DataType) -> None:
    """Never another error, never a value of another kind, and numbers stay what they were."""
    try:
        got = _fit(cells, kind)
    except InvalidInput as error:
        row = error.details["row"]
        assert 0 <= row < len(cells)
        return
    assert got.type == kind
    assert len(got) == len(cells)
    assert all(_means(cell, kind) for cell in cells)
    for cell, value in zip(cells, got.to_pylist(), strict=True):
        if isinstance(cell, (int, float)) and not (isinstance(cell, float) and math.isnan(cell)):
            assert value == (np.float32(cell) if kind == pa.float32() else cell)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no base64!", "not an Arrow schema"),
        ("", "not an Arrow schema"),
        (base64.b64encode(b"\0" * 64).decode(), "not an Arrow schema"),
        (_text(), "expected one or more"),
        (_text(("a", pa.int64()), ("a", pa.string())), "each once"),
        (_text(("a", pa.decimal128(5))), "Column 'a' has the type decimal128(5, 0)"),
        (_text(("a", pa.binary())), "Column 'a' has the type binary"),
        (_text(("a", pa.map_(pa.string(), pa.int64()))), "Column 'a' has the type map"),
        (_text(("a", pa.dictionary(pa.int8(), pa.string()))), "Column 'a' has the type dictionary"),
    ],
)
def test_schemas_that_are_refused(text: str, said: str) -> None:
    """When a model is uploaded, not at its first inference."""
    with pytest.raises(InvalidModel) as caught:
        schema.decode(text, "input_schema of 'm'")
    assert "input_schema of 'm'" in caught.value.message
    assert said in caught.value.message


@given(st.binary(max_size=40), st.integers(0, 400))
def test_any_mutated_schema_is_read_or_refused(patch: bytes, place: int) -> None:
    """Or else whoever looks into uploads would fail without a reason."""
    body = bytearray(pa.schema([("a", FLOATS), ("b", pa.string())]).serialize())
    body[place : place + len(patch)] = patch
    try:
        schema.decode(base64.b64encode(body).decode(), "input_schema of 'm'")
    except InvalidModel as error:
        said = error.message
        assert said.startswith("The input_schema of 'm'")


def test_outputs_are_ordered_cast_and_named() -> None:
    """A lone output takes the schema's name; numbers become lists of one where the schema has lists."""
    wanted = pa.schema([("b", pa.float32()), ("a", pa.list_(pa.int64()))])
    got = schema.fit_outputs({"a": np.array([1, 2]), "b": np.array([1, 2]), "c": np.array([0, 0])}, wanted, "m")
    assert list(got) == ["b", "a"]
    assert [got["b"].to_pylist(), got["a"].to_pylist()] == [[1.0, 2.0], [[1], [2]]]
    lone = schema.fit_outputs({"any": np.array([[1.0, 2.0]])}, pa.schema([("y", PAIR)]), "m")
    assert lone["y"].to_pylist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("outputs", "kind", "said"),
    [
        ({"x": np.array([1.0]), "y": np.array([1.0])}, pa.float32(), r"\['x', 'y'\]; its output_schema also has \['f'\]"),
        ({"f": pa.array(["1.5"])}, pa.float32(), "gave 'f' as string; its output_schema says float"),
        ({"f": np.array([1])}, pa.string(), "as int64; its output_schema says string"),
        ({"f": np.array([1.5])}, pa.int64(), "as double; its output_schema says int64"),
        ({"f": np.array([True])}, pa.int64(), "as bool"),
        ({"f": np.array([1e300])}, pa.float32(), "as double"),
        ({"f": np.array([[1.0]])}, pa.float32(), "as list"),
        ({"f": np.array([[1.0, 2.0, 3.0]])}, PAIR, "as list"),
        ({"f": pa.array(["abc"])}, pa.list_(pa.int64()), "as string"),
    ],
)  # fmt: skip
def test_outputs_that_are_not_what_the_schema_says(outputs: Any, kind: pa.DataType, said: str) -> None:
    """A schema that lies is told with both types."""
    with pytest.raises(InvalidInput, match=said):
        schema.fit_outputs(outputs, pa.schema([("f", kind)]), "m")
