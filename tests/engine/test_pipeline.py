"""A plan's models find their columns, run one after the other, and are the files the plan means."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from jupyter_wallaroo.codec.batch import Decoded, python_values
from jupyter_wallaroo.engine.pipeline import Pipeline, Result, journal_columns
from jupyter_wallaroo.errors import InvalidInput, InvalidModel, InvalidRequest
from tests.engine import graphs
from tests.engine.graphs import BOOL, FLOAT, STRING, planned


def run(pipeline: Pipeline, **columns: Any) -> Result:
    return pipeline.run(Decoded(len(next(iter(columns.values()))), columns))


def outputs(result: Result) -> dict[str, Any]:
    return {name: python_values(column) for name, column in result.outputs.items()}


def test_inputs_are_found_by_name(tmp_path: Path) -> None:
    """Columns may come in any order and in either kind; each goes to the input of its name."""
    pipeline = Pipeline(planned(tmp_path, graphs.two_inputs()))
    result = run(pipeline, n=[7, 8], b=pa.array([[10, 20], [30, 40]]), a=[[1, 2], [3, 4]])
    assert outputs(result) == {"sum": [[11.0, 22.0], [33.0, 44.0]], "copy": [[7], [8]]}
    assert {"in.a": np.float32, "in.b": np.float32, "in.n": np.int64} == {
        path: column.dtype for path, column in result.logged.items()
    }


def test_tensor_fields_rename_the_inputs(tmp_path: Path) -> None:
    """The configuration's names stand for the inputs in their order; the log has the caller's names."""
    pipeline = Pipeline(planned(tmp_path, graphs.two_inputs(), tensor_fields=["left", "right", "id"]))
    result = run(pipeline, left=[[1, 2]], right=[[3, 4]], id=[5])
    assert outputs(result) == {"sum": [[4.0, 6.0]], "copy": [[5]]}
    assert {"in.left", "in.right", "in.id"} == set(result.logged)


def test_a_wrong_number_of_tensor_fields_is_refused(tmp_path: Path) -> None:
    """The deployment fails with the two numbers, not the first inference."""
    with pytest.raises(InvalidModel, match=r"'m0' has 3 inputs; its configuration names 1 tensor_fields: \['a'\]"):
        Pipeline(planned(tmp_path, graphs.two_inputs(), tensor_fields=["a"]))


def test_the_only_input_may_be_called_tensor(tmp_path: Path) -> None:
    """The tutorials send ``tensor`` whatever the file says (S1-39); its own name goes first."""
    pipeline = Pipeline(planned(tmp_path, graphs.doubled()))
    assert outputs(run(pipeline, tensor=[[1, 2]])) == {"y": [[2.0, 4.0]]}
    assert outputs(run(pipeline, tensor=[[9, 9]], x=[[1, 2]])) == {"y": [[2.0, 4.0]]}
    with pytest.raises(InvalidInput, match="Column 'a' is missing"):
        run(Pipeline(planned(tmp_path, graphs.two_inputs())), tensor=[[1, 2]])


def test_a_missing_column_is_named_with_those_that_came(tmp_path: Path) -> None:
    """The next step is to rename a column: both names are in the message."""
    with pytest.raises(InvalidInput) as caught:
        run(Pipeline(planned(tmp_path, graphs.doubled())), y=[[1, 2]], z=[1])
    assert (
        caught.value.message
        == "Column 'x' is missing: expected 2 float32 values per row for input 'x' of model 'm0'; got the columns "
        "['y', 'z']."
    )
    assert "'x'" in caught.value.hint


def test_columns_that_no_model_uses_are_logged(tmp_path: Path) -> None:
    """As the vendor's engine does (contract/inference.md)."""
    result = run(Pipeline(planned(tmp_path, graphs.doubled())), x=[[1, 2]], index=[7], note=pa.array(["n"]))
    assert {path: python_values(column) for path, column in result.logged.items()} == {
        "in.x": [[1.0, 2.0]],
        "in.index": [7],
        "in.note": ["n"],
    }


def test_an_unused_column_of_mixed_types_is_the_callers_mistake(tmp_path: Path) -> None:
    """It cannot be one column of the log; the caller is told which one."""
    with pytest.raises(InvalidInput, match="Column 'u' mixes types"):
        run(Pipeline(planned(tmp_path, graphs.doubled())), x=[[1, 2], [1, 2]], u=[1, "a"])


def test_text_goes_through(tmp_path: Path) -> None:
    """Text comes in as cells or Arrow and goes out as Arrow, empty and non-ASCII alike."""
    pipeline = Pipeline(planned(tmp_path, graphs.identity(STRING, 2)))
    for column in ([["a", ""], ["é", "日本"]], pa.array([["a", ""], ["é", "日本"]])):
        result = run(pipeline, x=column)
        assert pa.list_(pa.string()) == result.outputs["y"].type
        assert outputs(result) == {"y": [["a", ""], ["é", "日本"]]}
        assert journal_columns(result)["in.x"].to_pylist() == [["a", ""], ["é", "日本"]]


def test_booleans_are_logged_as_arrow(tmp_path: Path) -> None:
    """A byte for each in memory, a bit in Arrow: the log's schema is Arrow's."""
    result = run(Pipeline(planned(tmp_path, graphs.identity(BOOL, 2))), x=[[True, False]])
    columns = journal_columns(result)
    assert pa.list_(pa.bool_()) == columns["in.x"].type == columns["out.y"].type
    assert columns["out.y"].to_pylist() == [[True, False]]


def test_float32_stays_float32(tmp_path: Path) -> None:
    """What is logged and answered has the model's type, not that of the JSON that came."""
    result = run(Pipeline(planned(tmp_path, graphs.doubled())), x=[[0.1, 1]])
    assert np.float32 == result.outputs["y"].dtype == result.logged["in.x"].dtype
    assert [[np.float32(0.1) * 2, 2.0]] == outputs(result)["y"]


@pytest.mark.parametrize("second", [graphs.doubled("y", "z"), graphs.doubled("tensor", "z"), graphs.doubled("q", "z")])
def test_a_chain_feeds_outputs_to_the_next_model(tmp_path: Path, second: bytes) -> None:
    """By name, or, as there is only one, whatever the two files call it."""
    pipeline = Pipeline(planned(tmp_path, graphs.doubled(), second))
    result = run(pipeline, x=[[1, 2], [3, 4]])
    assert outputs(result) == {"z": [[4.0, 8.0], [12.0, 16.0]]}
    assert {"in.x"} == set(result.logged)
    assert len(result.elapsed_ns) == 2
    assert {"model_name": "m1", "model_sha": hashlib.sha256(second).hexdigest()} == msgspec.json.decode(
        pipeline.last_model
    )


def test_a_chain_carries_text(tmp_path: Path) -> None:
    """Between models text is Arrow, too."""
    pipeline = Pipeline(planned(tmp_path, graphs.identity(STRING, 1), graphs.identity(STRING, 1)))
    assert outputs(run(pipeline, x=["a", "é"])) == {"y": [["a"], ["é"]]}


def test_a_chain_that_does_not_fit_says_where(tmp_path: Path) -> None:
    """The message names the second model and what the first one gave."""
    pipeline = Pipeline(planned(tmp_path, graphs.doubled(), graphs.two_inputs()))
    with pytest.raises(
        InvalidInput, match=r"Column 'a' is missing: .* of model 'm1'; got the columns \['tensor', 'y'\]"
    ):
        run(pipeline, x=[[1, 2]])


def test_an_output_with_other_rows_is_refused(tmp_path: Path) -> None:
    """Rows of the answer would stand beside rows of the request that they do not belong to."""
    pipeline = Pipeline(planned(tmp_path, graphs.forgetful()))
    assert outputs(run(pipeline, x=[[1, 2]])) == {"y": [[1.0, 2.0]]}
    with pytest.raises(InvalidInput, match=r"'m0' gave an output 'y' of shape \[1, 2\] for 2 rows"):
        run(pipeline, x=[[1, 2], [3, 4]])


def test_a_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    """Only the bytes that were uploaded are run (SECURITY C4)."""
    plan = planned(tmp_path, graphs.doubled())
    (tmp_path / "model-0.onnx").write_bytes(graphs.identity(FLOAT, 2))
    with pytest.raises(InvalidModel, match="is damaged: its SHA-256 is not"):
        Pipeline(plan)


def test_a_pipeline_without_steps_loads_and_refuses_to_run(tmp_path: Path) -> None:
    """It may be deployed (A28); the answer says what is missing."""
    pipeline = Pipeline(planned(tmp_path))
    assert pipeline.last_model == ""
    with pytest.raises(InvalidRequest, match="'pipe' has no steps"):
        run(pipeline, x=[1])
