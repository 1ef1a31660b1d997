"""One number of each record, whatever the columns are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.segments import columns
from jupyter_wallaroo.types.drift import Records
from jupyter_wallaroo.types.iopath import IoPath, parse


def records(**outputs: Any) -> pa.Table:
    """A log's table with output columns."""
    names = list(outputs)
    arrays = [item if isinstance(item, pa.Array) else pa.array(item) for item in outputs.values()]
    count = len(arrays[0])
    models = [f'{{"model_name":"m{row % 2}","model_sha":"x"}}' for row in range(count)]
    metadata = pa.StructArray.from_arrays([pa.array(models), pa.array(["a"] * count)], ["last_model", "partition"])
    return pa.table({"out": pa.StructArray.from_arrays(arrays, names), "metadata": metadata})


@pytest.mark.parametrize(
    ("column", "path", "expected"),
    [
        ([[1.0, 2.0], [3.0, 4.0]], "out.y[1]", [2, 4]),
        (pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float32(), 2)), "out.y[0]", [1, 3]),
        ([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], "out.y[1][0]", [3, 7]),
        ([[1.0], [2.0]], "out.y", [1, 2]),
        ([1.5, None, float("nan"), float("inf"), 2.5], "out.y", [1.5, 2.5]),
        ([1, 2], "output 0 0", [1, 2]),
        ([True, False], "out.y", [1, 0]),
        ([[1.0], [2.0, 3.0], None], "out.y[1]", [3]),
    ],
)
def test_numbers(column: Any, path: str, expected: list[float]) -> None:
    assert columns.numbers([records(y=column)], parse(path)).tolist() == expected


@pytest.mark.parametrize(
    ("column", "path", "message"),
    [
        ([[1.0, 2.0]], "out.y", "is a list of 2 values: expected an index"),
        ([[1.0, 2.0]], "out.y[2]", "expected an index from 0 to 1; got 2"),
        ([1.0], "out.y[3]", "there is but one value; got index 3"),
        (["text"], "out.y", "holds string: an assay needs numbers"),
        ([1.0], "out.z", "No record has 'out.z'. Did you mean 'out.y'"),
        ([1.0], "in.x", "No record has 'in.x'"),
        ([1.0], "output 7 0", "No record has 'out.7.0'"),
    ],
)
def test_paths_that_lead_nowhere(column: Any, path: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        columns.numbers([records(y=column)], parse(path))
    assert message in str(caught.value)


def test_records_of_other_fields_are_passed_over() -> None:
    tables = [records(other=[9.0]), records(y=[1.0])]
    assert columns.numbers(tables, parse("out.y")).tolist() == [1]
    assert columns.numbers([], parse("out.y")).tolist() == []


def test_only_the_models_and_places_asked_for_count() -> None:
    table = records(y=[0.0, 1.0, 2.0, 3.0])
    assert columns.model_names(table) == {"m0", "m1"}
    odd = columns.chosen(table, Records(directory="", model_name="m1"))
    assert columns.numbers([odd], parse("out.y")).tolist() == [1, 3]
    assert columns.chosen(table, Records(directory="", locations=["b"])).num_rows == 0
    assert columns.chosen(table, Records(directory="", locations=["a", "b"])).num_rows == 4


fields = st.from_regex(r"[A-Za-z_][A-Za-z0-9_ ]{0,8}[A-Za-z_]", fullmatch=True)
paths = st.builds(
    IoPath,
    st.sampled_from(["in", "out", "out_champion"]),
    fields,
    st.lists(st.integers(0, 10**8), max_size=3).map(tuple),
)


@given(paths)
def test_every_spelling_of_a_path_is_read_back(path: IoPath) -> None:
    brackets = f"{path.group}.{path.field}" + "".join(f"[{index}]" for index in path.indexes)
    assert [parse(text) for text in (path.label, path.words, brackets, f"  {brackets} ")] == [path] * 4


@pytest.mark.parametrize(
    "text", ["", "output", "elsewhere y 0", "out.", "a.b", "out.y[99999999999]", "out.y" * 100, "[0]"]
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="leads to no input or output"):
        parse(text)


def test_numbers_are_those_of_numpy() -> None:
    values = np.random.default_rng(0).normal(size=(1000, 4)).astype(np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 4)
    assert np.array_equal(columns.numbers([records(y=column)], parse("out.y[2]")), values[:, 2].astype(np.float64))
