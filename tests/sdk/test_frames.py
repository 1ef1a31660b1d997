"""Frames become Arrow and back without a change of value or type that anybody did not ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import frames
from jupyter_wallaroo.sdk.frames import ResultStyle
from jupyter_wallaroo.sdk.object import InferenceInputError

ANSWER = pa.table(
    {
        "time": pa.array([1_696_537_617_282] * 2, pa.int64()),
        "in.tensor": pa.array([[1.5, 2.0], [3.0, 4.0]]),
        "out.variable": pa.array([[718013.75], [615094.56]], pa.list_(pa.float32())),
        "out.score": pa.array([0.1, 0.2], pa.float32()),
        "out.label": pa.array(["a", "b"]),
        "anomaly.count": pa.array([0, 1], pa.uint32()),
    }
)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([1, 2], pa.int64()),
        ([1.5, 2], pa.float64()),
        (np.array([1, 2], np.float32), pa.float32()),
        ([True, False], pa.bool_()),
        (["a", "b"], pa.string()),
        ([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float64())),
        ([[1, 2.5], [3, 4]], pa.list_(pa.float64())),
        ([np.array([1.0], np.float32), np.array([2.0, 3.0])], pa.list_(pa.float64())),
        ([np.ones((2, 2)), np.zeros((2, 2))], pa.list_(pa.list_(pa.float64()))),
        ([{"a": 1}, {"a": 2}], pa.struct([("a", pa.int64())])),
        (pd.Categorical(["x", "y"]), None),
        (pd.array([1, None], "Int64"), pa.int64()),
        (["a", None], pa.string()),
        (pd.array(["2026-01-01", "2026-01-02"], "datetime64[ms]"), pa.timestamp("ms")),
    ],
)
def test_cells_of_every_kind_are_sent(cells: Any, expected: pa.DataType | None) -> None:
    table = frames.to_table(pd.DataFrame({"x": cells}, index=[5, 7]))
    assert table.column_names == ["x"]
    kind = table.column("x").type
    assert expected is None or kind == expected or (expected == pa.string() and kind == pa.large_string())
    plain = [cell.tolist() if isinstance(cell, np.ndarray) else cell for cell in list(pd.Series(cells))]
    sent = table.column("x").to_pylist()
    assert [None if np.ndim(item) == 0 and pd.isna(item) else item for item in plain] == sent


def test_nan_stays_nan_and_none_is_null() -> None:
    """A model may have use for NaN; a hole is a hole."""
    numbers = frames.to_table(pd.DataFrame({"x": [1.0, float("nan")]})).column("x")
    assert numbers.null_count == 0
    lists = frames.to_table(pd.DataFrame({"x": [[1.0, float("nan")], None]})).column("x")
    assert lists.null_count == 1
    assert np.isnan(lists[0].as_py()[1])


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (pd.DataFrame([[1.0, 2.0]]), "Column 0 of the DataFrame has no name of text, but one of type int"),
        (pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]), "has a column twice"),
        (pd.DataFrame({"a": [1, "x"]}), "Column 'a' of the DataFrame cannot be sent"),
        (pd.DataFrame({"a": [[1], "x"]}), "Column 'a' of the DataFrame cannot be sent"),
        (pd.DataFrame({"a": [object()]}), "Column 'a' of the DataFrame cannot be sent"),
    ],
)
def test_what_cannot_be_sent_is_named(frame: pd.DataFrame, complaint: str) -> None:
    with pytest.raises(InferenceInputError, match=complaint):
        frames.to_table(frame)


def test_a14_the_seeds_style_counts_failures() -> None:
    """``anomaly.count`` gives way to ``check_failures`` where there are no rules."""
    styled = frames.styled(ANSWER, ResultStyle.CHECK_FAILURES)
    expected = ["time", "in.tensor", "out.variable", "out.score", "out.label", "check_failures"]
    assert styled.column_names == expected
    frame = frames.to_frame(styled)
    assert list(frame.columns) == expected
    assert frame["check_failures"].tolist() == [0, 1]
    assert frame["check_failures"].dtype == np.int64


def test_a14_rules_stay_beside_the_count() -> None:
    ruled = ANSWER.append_column("anomaly.too_high", pa.array([False, True]))
    styled = frames.styled(ruled, ResultStyle.CHECK_FAILURES)
    assert styled.column_names[-3:] == ["check_failures", "anomaly.count", "anomaly.too_high"]


def test_a14_the_style_of_2024_has_no_check_failures() -> None:
    styled = frames.styled(ANSWER, ResultStyle.ANOMALY_COUNT)
    assert styled.column_names[-1] == "anomaly.count"
    assert "check_failures" not in styled.column_names
    with pytest.raises(InvalidRequest, match="'2023' or '2024'; got '2025'"):
        ResultStyle.of("2025")


def test_s5_24_s5_25_types_are_plain_and_float32_exact() -> None:
    frame = frames.to_frame(frames.styled(ANSWER, ResultStyle.CHECK_FAILURES))
    assert frame["time"].dtype == np.dtype("datetime64[ms]")
    assert frame["time"][0] == pd.Timestamp("2023-10-05 20:26:57.282")
    assert type(frame["in.tensor"][0]) is list
    assert frame["out.variable"][0] == [718013.75]
    assert frame["out.variable"][1] == [float(np.float32(615094.56))]
    assert frame["out.score"].dtype == np.float32
    assert frame["out.label"].tolist() == ["a", "b"]


def test_other_tables_keep_their_types() -> None:
    """What connections read may have columns of these names, too."""
    noon = pa.array([0], pa.timestamp("us", "UTC"))
    frame = frames.to_frame(pa.table({"time": noon, "check_failures": [["a"]]}))
    assert str(frame["time"].dtype) == "datetime64[us, UTC]"
    assert frame["check_failures"].tolist() == [["a"]]


def test_an_answer_without_rows_is_a_frame_without_rows() -> None:
    frame = frames.to_frame(frames.styled(ANSWER.slice(0, 0), ResultStyle.CHECK_FAILURES))
    assert frame.shape == (0, 6)
    assert frame["time"].dtype == np.dtype("datetime64[ms]")
    assert frames.to_frame(pa.table({})).shape == (0, 0)
