"""A request's column becomes exactly the tensor that was meant, or a sentence names the place that does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.codec.batch import Tensor, arrow_array
from jupyter_wallaroo.codec.cast import expectation, row_size, to_tensor
from jupyter_wallaroo.errors import InvalidInput
from jupyter_wallaroo.types.model import TensorSpec

DTYPES = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint32", "bool"]


def spec(dtype: str, *row: int | None) -> TensorSpec:
    return TensorSpec(name="x", dtype=dtype, shape=[None, *row])


def cast(column: Any, wanted: TensorSpec) -> Tensor:
    return to_tensor(column, wanted, "col", "net")


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    """A tensor of any type, up to three axes, each of its values one the type can hold."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)))
    elements: st.SearchStrategy[Any] = st.booleans()
    if dtype.kind == "f":
        elements = st.floats(width=dtype.itemsize * 8, allow_nan=False, allow_infinity=False)
    elif dtype.kind in "iu":
        info = np.iinfo(dtype)
        elements = st.integers(int(info.min), int(info.max))
    count = int(np.prod(shape))
    values = draw(st.lists(elements, min_size=count, max_size=count))
    return np.array(values, dtype).reshape(shape)


@settings(max_examples=150, deadline=None)
@given(tensor=tensors(), is_open=st.booleans())
def test_every_tensor_comes_back_as_it_was(tensor: Tensor, *, is_open: bool) -> None:
    """JSON cells and Arrow columns both carry every value of every type unchanged, whatever the spec leaves open."""
    row = tensor.shape[1:]
    wanted = spec(tensor.dtype.name, *((None,) * len(row) if is_open else row))
    for column in (tensor.tolist(), arrow_array(tensor)):
        result = cast(column, wanted)
        assert tensor.dtype == result.dtype
        assert tensor.shape == result.shape
        assert tensor.tobytes() == np.ascontiguousarray(result).tobytes()


@settings(max_examples=100, deadline=None)
@given(tensor=tensors())
def test_a_flat_row_is_folded_into_the_models_shape(tensor: Tensor) -> None:
    """Clients send images as flat lists; the number of values says that nothing is missing."""
    rows = len(tensor)
    wanted = spec(tensor.dtype.name, *tensor.shape[1:])
    flat = tensor.reshape(rows, -1)
    for column in (flat.tolist(), arrow_array(flat)):
        assert (tensor == cast(column, wanted)).all()


@pytest.mark.parametrize(
    ("arrow_type", "values"),
    [
        (pa.large_list(pa.float32()), [[1, 2], [3, 4]]),
        (pa.list_(pa.float32(), 2), [[1, 2], [3, 4]]),
        (pa.list_(pa.float64()), [[1, 2], [3, 4]]),
        (pa.list_(pa.int8()), [[1, 2], [3, 4]]),
        (pa.list_(pa.float16()), [[1, 2], [3, 4]]),
    ],
)
def test_every_kind_of_list_is_taken(arrow_type: pa.DataType, values: list[Any]) -> None:
    """pandas, polars and Spark each write another one."""
    result = cast(pa.array(values, arrow_type), spec("float32", 2))
    assert np.float32 == result.dtype
    assert values == result.tolist()


def test_every_uint64_comes_through_arrow() -> None:
    """The upper half of its range fits no signed type."""
    column = pa.array([0, 2**63 + 1, 2**64 - 1], pa.uint64())
    assert cast(column, spec("uint64")).tolist() == [0, 2**63 + 1, 2**64 - 1]


def test_a_slice_of_a_column_is_only_the_slice() -> None:
    """Arrow columns may begin in the middle of their buffers."""
    column = pa.array([[9.0, 9.0], [1.0, 2.0], [3.0, 4.0], [9.0, 9.0]]).slice(1, 2)
    assert cast(column, spec("float32", 2)).tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("cells", "wanted", "expected"),
    [
        ([1, 2], spec("float32"), [1.0, 2.0]),
        ([1.0, 2.0], spec("int64"), [1, 2]),
        ([1, 2.0], spec("int32"), [1, 2]),
        ([5, 6], spec("float32", 1), [[5.0], [6.0]]),
        ([[5], [6]], spec("float32"), [5.0, 6.0]),
        ([1e-50], spec("float32"), [0.0]),
        ([2**62], spec("uint64"), [2**62]),
        ([-(2**63)], spec("int64"), [-(2**63)]),
        ([2**24 + 1], spec("float32"), [float(2**24)]),
    ],
)
def test_numbers_are_cast_where_their_meaning_stays(cells: list[Any], wanted: TensorSpec, expected: list[Any]) -> None:
    """JSON does not tell 1 from 1.0, and a lone value is a row of one."""
    assert expected == cast(cells, wanted).tolist()
    assert expected == cast(pa.array(cells), wanted).tolist()


def test_text_is_folded_and_kept() -> None:
    """Text goes to the model as objects, in the model's shape."""
    for column in (["a", "é"], [["a"], ["é"]], pa.array(["a", "é"]), pa.array([["a"], ["é"]])):
        assert cast(column, spec("string", 1)).tolist() == [["a"], ["é"]]
    assert cast([["a", "b"]], spec("string", 2, 1)).tolist() == [[["a"], ["b"]]]


REFUSED_CELLS = [
    # cells, what is wanted, the row, what was got
    ([[1, 2], [1]], spec("float32", 2), 1, "1 value"),
    ([[1, 2], [1, 2, 3]], spec("float32", 2), 1, "3 values"),
    ([[1, 2], []], spec("float32", 2), 1, "0 values"),
    ([[1, 2, 3]], spec("float32", 2), 0, "3 values"),
    ([[[1, 2], [3]], [[1, 2], [3, 4]]], spec("float32", 2, 2), 0, "3 values"),
    ([[1, 2], [1, 2, 3]], spec("float32", None), 1, "shape [3]"),
    ([1.0, None], spec("float32"), 1, "null"),
    ([[1.0, 2.0], [3.0, None]], spec("float32", 2), 1, "null"),
    ([[1.0, 2.0], None], spec("float32", 2), 1, "null"),
    ([1, 2, "3"], spec("float32"), 2, "the text '3'"),
    ([[1, "x" * 50]], spec("float32", 2), 0, f"the text {'x' * 40!r}"),
    ([True], spec("float32"), 0, "True"),
    ([[1.0, 2.0], {"a": 1}], spec("float32", 2), 1, "an object"),
    ([1, 1e39], spec("float32"), 1, "1e+39, which is not a float32"),
    ([1, 70_000], spec("float16"), 1, "which is not a float16"),
    ([1, 2.5], spec("int64"), 1, "2.5, which is not a int64"),
    ([[1, 2], [3, 300]], spec("int8", 2), 1, "300, which is not a int8"),
    ([1, -1], spec("uint8"), 1, "-1, which is not a uint8"),
    ([2**63], spec("int64"), 0, "which is not a int64"),
    ([1, 2**64], spec("float32"), 1, str(2**64)),
    ([1, 0], spec("bool"), 0, "1"),
    (["true"], spec("bool"), 0, "the text 'true'"),
    ([[1, 2]], spec("float32"), 0, "2 values"),
    (["a", 1], spec("string"), 1, "1"),
    (["a", None], spec("string"), 1, "null"),
    (["a", True], spec("string"), 1, "True"),
    ([["a", "b"], ["a"]], spec("string", 2), 1, "1 value"),
    ([{"a": 1}], spec("string"), 0, "an object"),
]


@pytest.mark.parametrize(("cells", "wanted", "row", "got"), REFUSED_CELLS)
def test_cells_that_do_not_fit_are_named(cells: list[Any], wanted: TensorSpec, row: int, got: str) -> None:
    """A refusal names column, row, what was expected and what was got, in words and for programs."""
    with pytest.raises(InvalidInput) as caught:
        cast(cells, wanted)
    message = caught.value.message
    assert message.startswith(f"Column 'col', row {row}: expected {expectation(wanted, 'net')}; got "), message
    assert got in message.partition("; got ")[2]
    assert {"column": "col", "row": row, "input": "x", "model": "net"} == caught.value.details


@pytest.mark.parametrize(
    ("column", "wanted", "row", "got"),
    [
        (pa.array([[1.0, 2.0], [1.0]]), spec("float32", 2), 1, "1 value"),
        (pa.array([[1.0, 2.0], [1.0, 2.0, 3.0]]), spec("float32", 2), 1, "3 values"),
        (pa.array([[1.0, 2.0, 3.0]]), spec("float32", 2), 0, "3 values"),
        (pa.array([[], []], pa.list_(pa.float32())), spec("float32", 2), 0, "0 values"),
        (pa.array([1.0, None]), spec("float32"), 1, "null"),
        (pa.array([[1.0, 2.0], None]), spec("float32", 2), 1, "null"),
        (pa.array([[1.0, 2.0], None], pa.list_(pa.float64(), 2)), spec("float32", 2), 1, "null"),
        (pa.array([[1.0, 2.0], [3.0, None]]), spec("float32", 2), 1, "null"),
        (pa.nulls(2), spec("float32"), 0, "null"),
        (pa.array(["1"]), spec("float32"), 0, "a column of type string"),
        (pa.array([["1"]]), spec("float32", 1), 0, "a column of type list<item: string>"),
        (pa.array([True]), spec("float32"), 0, "a column of type bool"),
        (pa.array([1]), spec("bool"), 0, "a column of type int64"),
        (pa.array([{"a": 1}]), spec("float32"), 0, "a column of type struct"),
        (pa.array([1, 2**63], pa.uint64()), spec("int64"), 1, "which is not a int64"),
        (pa.array([1.0, float("nan")]), spec("int64"), 1, "nan, which is not a int64"),
        (pa.array([1.0, 1e300]), spec("float32"), 1, "1e+300, which is not a float32"),
        (pa.array(["a", None]), spec("string"), 1, "null"),
        (pa.array([1]), spec("string"), 0, "a column of type int64"),
        (pa.array([b"a"]), spec("string"), 0, "a column of type binary"),
    ],
)
def test_arrow_columns_that_do_not_fit_are_named(column: pa.Array, wanted: TensorSpec, row: int, got: str) -> None:
    """Arrow gets the same sentences as JSON."""
    with pytest.raises(InvalidInput) as caught:
        cast(column, wanted)
    message = caught.value.message
    assert message.startswith(f"Column 'col', row {row}: expected {expectation(wanted, 'net')}; got "), message
    assert got in message.partition("; got ")[2]


@pytest.mark.parametrize("dtype", ["float32", "string"])
@pytest.mark.parametrize("depth", [70, 900])
def test_deep_nesting_is_refused(dtype: str, depth: int) -> None:
    """Deep lists cost stack in every library they pass; a sentence comes before that."""
    cell: Any = "a" if dtype == "string" else 1.0
    for _ in range(depth):
        cell = [cell]
    with pytest.raises(InvalidInput, match=r"Column 'col', row 0: .* got lists nested deeper than 32 levels"):
        cast([cell], spec(dtype, 1))


def test_infinity_in_floats_is_the_callers_to_send() -> None:
    """Arrow can say NaN and infinity; a float model may want them, and they are not an overflow."""
    result = cast(pa.array([float("inf"), float("nan")]), spec("float32"))
    assert np.isinf(result[0]) and np.isnan(result[1])


@pytest.mark.parametrize(
    ("wanted", "size", "sentence"),
    [
        (spec("float32", 29), 29, "29 float32 values per row for input 'x' of model 'net'"),
        (spec("int64"), 1, "1 int64 value per row for input 'x' of model 'net'"),
        (spec("float32", 2, 3), 6, "6 float32 values per row for input 'x' of model 'net'"),
        (spec("string", None, 3), None, "string values per row for input 'x' of model 'net'"),
    ],
)
def test_what_is_expected_is_said_in_words(wanted: TensorSpec, size: int | None, sentence: str) -> None:
    """The words are those of a person with data in hand, not of a tensor library."""
    assert size == row_size(wanted)
    assert sentence == expectation(wanted, "net")


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.integers(-(2**70), 2**70) | st.floats(allow_nan=False), min_size=1, max_size=4))
def test_whole_numbers_arrive_exactly_or_not_at_all(values: list[Any]) -> None:
    """A number that int64 cannot hold is refused; it never wraps around."""
    try:
        result = cast(values, spec("int64"))
    except InvalidInput:
        return
    if not any(isinstance(value, float) for value in values):
        assert values == result.tolist()
    else:
        assert [float(value) for value in values] == [float(value) for value in result.tolist()]
