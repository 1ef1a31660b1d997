"""Answers as clients read them: nested or flat, JSON or Arrow, in the order of S2-33 and S2-34."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from jupyter_wallaroo.codec import arrow, records, tensors
from jupyter_wallaroo.codec.batch import Answer
from jupyter_wallaroo.codec.selection import Selection
from tests.codec.answers import answer

METADATA = {
    "last_model": '{"model_name":"m","model_sha":"s"}',
    "pipeline_version": "v-uuid",
    "elapsed": [11, 22],
    "dropped": [],
    "partition": "replica-0",
}


def as_table(given: Answer, selection: Selection) -> pa.Table:
    return pa.ipc.open_file(arrow.encode(given, selection)).read_all()


def test_nested_records() -> None:
    """Without a separator the answer is nested structs including metadata; ``in`` is alphabetical."""
    rows = json.loads(records.encode(answer(), Selection()))
    assert [
        {
            "time": 1_696_537_545_560,
            "in": {"index": 7 + row, "tensor": tensor},
            "out": {"y": [y], "label": 5 + row},
            "check_failures": [],
            "anomaly": {"count": 0},
            "metadata": METADATA,
        }
        for row, (tensor, y) in enumerate([([1.0, 2.0], 0.10000000149011612), ([3.0, 4.0], 0.20000000298023224)])
    ] == rows
    assert list(rows[0]) == ["time", "in", "out", "check_failures", "anomaly", "metadata"]
    assert list(rows[0]["in"]) == ["index", "tensor"]


def test_flat_records() -> None:
    """With a separator every field stands at the top, as pandas wants it."""
    rows = json.loads(records.encode(answer(), Selection(("*",), ("metadata",), ".")))
    assert list(rows[1]) == ["time", "in.index", "in.tensor", "out.y", "out.label", "check_failures", "anomaly.count"]
    assert (rows[1]["in.index"], rows[1]["in.tensor"], rows[1]["anomaly.count"]) == (8, [3.0, 4.0], 0)


def test_the_separator_is_the_callers() -> None:
    """Whatever joins the names is what the caller asked for."""
    assert {"in/index", "in/tensor"} == set(json.loads(records.encode(answer(), Selection(("in",), (), "/")))[0])
    assert as_table(answer(), Selection(("in",), (), "/")).column_names == ["in/index", "in/tensor"]


def test_nested_arrow_has_the_vendors_schema() -> None:
    """As captured from the vendor's engine (contract/inference.md)."""
    schema = as_table(answer(), Selection()).schema
    assert {
        "time": pa.int64(),
        "in": pa.struct({"index": pa.int64(), "tensor": pa.list_(pa.float64())}),
        "out": pa.struct({"y": pa.list_(pa.float32()), "label": pa.int64()}),
        "anomaly": pa.struct({"count": pa.uint32()}),
        "metadata": pa.struct(
            {
                "last_model": pa.string(),
                "pipeline_version": pa.string(),
                "elapsed": pa.list_(pa.uint64()),
                "dropped": pa.list_(pa.string()),
                "partition": pa.string(),
            }
        ),
    } == dict(zip(schema.names, schema.types, strict=True))


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection((), (), "."),
        Selection(("time", "in", "out", "anomaly.count"), ("anomaly",), "."),
        Selection(("*",), ("metadata", "in.index"), "."),
        Selection(("metadata.elapsed",), ("metadata",)),
        Selection(("out.y",)),
    ],
)
def test_json_and_arrow_say_the_same(selection: Selection) -> None:
    """Only ``check_failures``, of the oldest clients, is JSON's alone."""
    rows: list[dict[str, Any]] = json.loads(records.encode(answer(), selection))
    for row in rows:
        row.pop("check_failures", None)
    assert rows == as_table(answer(), selection).to_pylist()


def test_a_leaf_survives_its_groups_exclusion() -> None:
    """The SDK excludes ``metadata`` by default and still lets one ask for a field of it."""
    rows = json.loads(records.encode(answer(), Selection(("metadata.elapsed",), ("metadata",), ".")))
    assert rows == [{"metadata.elapsed": [11, 22]}] * 2


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.float32, pa.float32()),
        (np.float64, pa.float64()),
        (np.float16, pa.float16()),
        (np.int8, pa.int8()),
        (np.uint64, pa.uint64()),
        (np.bool_, pa.bool_()),
    ],
)
def test_types_stay_as_the_model_gave_them(dtype: Any, expected: pa.DataType) -> None:
    """float32 stays float32: a widened column would be another schema in the log."""
    given = answer(outputs={"flat": np.ones(2, dtype), "deep": np.ones((2, 3, 1), dtype)})
    table = as_table(given, Selection(("out",), (), "."))
    assert expected == table.schema.field("out.flat").type
    assert pa.list_(pa.list_(expected)) == table.schema.field("out.deep").type
    assert table.column("out.deep").to_pylist() == [[[1], [1], [1]]] * 2


def test_an_output_without_values_keeps_its_rows() -> None:
    """A detector may find nothing."""
    given = answer(outputs={"boxes": np.zeros((2, 0, 4), np.float32)})
    assert as_table(given, Selection(("out",), (), ".")).column("out.boxes").to_pylist() == [[], []]


def test_columns_that_lie_across_memory_are_written_in_row_order() -> None:
    """Models return transposed views."""
    given = answer(outputs={"y": np.arange(6, dtype=np.int64).reshape(3, 2).T})
    expected = [[0, 2, 4], [1, 3, 5]]
    assert expected == as_table(given, Selection(("out",), (), ".")).column("out.y").to_pylist()
    assert expected == [row["out"]["y"] for row in json.loads(records.encode(given, Selection(("out",))))]


def test_values_that_json_cannot_say_are_null() -> None:
    """A model may give NaN; the answer has to be JSON all the same (SECURITY D4)."""
    given = answer(outputs={"y": np.array([np.nan, np.inf], np.float32)})
    assert [row["out"]["y"] for row in json.loads(records.encode(given, Selection()))] == [None, None]


def test_the_legacy_list() -> None:
    """S1-41 and S1-42: one item, one entry of ``outputs`` for each output, named by its type."""
    given = answer(outputs={"y": np.array([[1.5, 2.5]], np.float32), "t": pa.array(["a"])}, rows=1)
    assert json.loads(tensors.encode(given)) == [
        {
            "model_name": "m",
            "model_version": "m-uuid",
            "pipeline_name": "p",
            "outputs": [
                {"Float": {"v": 1, "dim": [1, 2], "data": [1.5, 2.5]}},
                {"String": {"v": 1, "dim": [1], "data": ["a"]}},
            ],
            "elapsed": [11, 22],
            "time": 1_696_537_545_560,
            "original_data": None,
            "check_failures": [],
            "shadow_data": {},
        }
    ]


@pytest.mark.parametrize(
    ("dtype", "name"),
    [(np.float64, "Double"), (np.float16, "Half"), (np.int64, "Int64"), (np.uint8, "Uint8"), (np.bool_, "Bool")],
)
def test_the_legacy_list_names_the_type(dtype: Any, name: str) -> None:
    """The key carries the dtype (contract/inference.md)."""
    given = answer(outputs={"y": np.ones((2, 2), dtype)})
    assert [name] == list(json.loads(tensors.encode(given))[0]["outputs"][0])
