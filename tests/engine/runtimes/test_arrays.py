"""Columns between Arrow and a model's own Python code."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jupyter_wallaroo.codec.batch import arrow_array
from jupyter_wallaroo.engine.runtimes import arrays


def _column(values: Any) -> list[Any]:
    """Return what a column that a model gave is in Arrow, as Python values."""
    return arrow_array(arrays.to_columns({"c": values})["c"]).to_pylist()


_DTYPES = st.sampled_from(
    ["i1", "<i2", ">i4", "<i8", "u1", ">u2", "<u8", "<f4", ">f4", "<f8", ">f8", "bool"]
)  # fmt: skip


@given(hnp.arrays(_DTYPES, hnp.array_shapes(min_dims=1, max_dims=3, max_side=4)))
def test_arrays_come_back_as_they_were(array: np.ndarray) -> None:
    """Of every shape and byte order, also when they are no contiguous piece of memory."""
    for given_array in (array, array[::-1], np.asfortranarray(array)):
        back = arrays.from_columns({"c": arrow_array(arrays.to_columns({"c": given_array})["c"])})["c"]
        np.testing.assert_array_equal(back, given_array)
        assert back.dtype == given_array.dtype.newbyteorder("=")


@given(st.lists(st.lists(st.integers(-5, 5), max_size=3) | st.none(), min_size=1, max_size=5))
def test_ragged_lists_come_back_as_they_were(cells: list[Any]) -> None:
    """As arrays of objects when they are of different lengths or missing."""
    back = arrays.from_columns({"c": pa.array(cells, pa.list_(pa.int64()))})["c"]
    assert [None if cell is None else list(cell) for cell in back] == cells
    assert _column(back) == cells


def test_what_a_model_is_given_is_its_own() -> None:
    """It may write to it, and the request is still what it was."""
    column = pa.array([1.0, 2.0])
    given_array = arrays.from_columns({"c": column})["c"]
    given_array[0] = 9.0
    assert column.to_pylist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2], [1, 2]),
        ((1.5, None), [1.5, None]),
        ([np.float32(0.5), np.int8(1)], [0.5, 1.0]),
        ([np.array([1, 2]), np.array([3])], [[1, 2], [3]]),
        (np.array(["a", None], object), ["a", None]),
        (np.array([np.array([1.0]), np.array([])], object), [[1.0], []]),
        ([{"a": np.float32(1)}, {"a": None}], [{"a": 1.0}, {"a": None}]),
        (np.array([1, 2], np.longdouble), [1.0, 2.0]),
        (np.array([0.5], np.float16), [0.5]),
        (np.ma.array([1, 2], mask=[False, True]), [1, None]),
        (np.ma.array([[1, 2]], mask=[[False, True]]), [[1, None]]),
        (np.array([[1, 2], [3, 4]]).view(np.matrix), [[1, 2], [3, 4]]),
        (np.array(["2020-01-01"], "datetime64[D]"), [datetime.date(2020, 1, 1)]),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        (pd.Series(["a", None], dtype="string"), ["a", None]),
        (pd.Series(["a", "b"], dtype="category"), ["a", "b"]),
        (pd.Series([True, None], dtype="boolean"), [True, None]),
        (pd.Series([1.5, 2.5], index=[7, 3]), [1.5, 2.5]),
        (pd.DataFrame({"a": [1], "b": [2]}), [[1, 2]]),
        (pa.array([1]), [1]),
        (pa.chunked_array([[1], [2]]), [1, 2]),
    ],
)
def test_whatever_a_model_gives(values: Any, expected: list[Any]) -> None:
    """Numpy, pandas, Arrow and plain lists."""
    assert _column(values) == expected


def test_tensors_of_a_library() -> None:
    """Whatever numpy can look at."""
    import torch

    assert _column(torch.tensor([[1.0], [2.0]])) == [[1.0], [2.0]]


@pytest.mark.parametrize("values", ["abc", b"abc", {"a": 1}, 5, None, np.array(5.0), object(), [object()], [1, "a"]])
def test_what_is_no_column(values: Any) -> None:
    """An error, not rows made of characters or keys."""
    with pytest.raises((TypeError, ValueError)):
        arrays.to_columns({"c": values})


@pytest.mark.parametrize("given_columns", [[1], None, "abc", {"1": [1], 1: [2]}])
def test_what_are_no_columns(given_columns: Any) -> None:
    """Columns by name, each name once."""
    with pytest.raises(TypeError):
        arrays.to_columns(given_columns)
