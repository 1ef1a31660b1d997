"""Python steps: the forms in which the tutorials' functions take and give columns."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from jupyter_wallaroo.codec.batch import arrow_array
from jupyter_wallaroo.engine.runtimes import python
from jupyter_wallaroo.errors import InvalidModel
from jupyter_wallaroo.types.framework import Framework, Runtime
from jupyter_wallaroo.types.plan import Inspect, PlannedModel


def _model(tmp_path: Path, source: str) -> PlannedModel:
    path = tmp_path / "step.py"
    path.write_text(source)
    sha = hashlib.sha256(source.encode()).hexdigest()
    return PlannedModel(
        name="m", version="v", sha=sha, path=str(path), file_sha=sha, framework=Framework.PYTHON, runtime=Runtime.FLIGHT
    )


def _lists(given: Any, rows: int) -> dict[str, list[Any]]:
    return {name: arrow_array(column).to_pylist() for name, column in python.as_columns(given, rows).items()}


@pytest.mark.parametrize(
    ("given", "rows", "expected"),
    [
        ({"a": np.array([1, 2])}, 2, {"a": [1, 2]}),
        (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=[5, 9]), 2, {"a": [1, 2], "b": ["x", "y"]}),
        (pa.table({"a": [1, 2]}), 2, {"a": [1, 2]}),
        ([{"a": 1}, {"a": 2}], 2, {"a": [1, 2]}),
        ([{"a": [1.0]}], 1, {"a": [[1.0]]}),
        ([{"a": 1}, {"b": 2}], 1, {"a": [1], "b": [2]}),
        ({"a": ["x"], "b": [None]}, 1, {"a": ["x"], "b": [None]}),
    ],
)
def test_forms_of_columns(given: Any, rows: int, expected: dict[str, list[Any]]) -> None:
    """A mapping, a frame, a table, one record per row, or one record per column for a single row."""
    assert _lists(given, rows) == expected


@pytest.mark.parametrize("given", [None, [], 5, "text", [1, 2], np.array([1]), [{"a": 1}, {"b": 1}], (1,)])
def test_what_are_no_columns(given: Any) -> None:
    """An error that the client is told of."""
    with pytest.raises((TypeError, KeyError)):
        python.as_columns(given, 2)


@pytest.mark.parametrize(
    ("head", "annotation", "kind"),
    [
        ("from mac.types import InferenceData", "InferenceData", "dict"),
        ("import pandas as pd", "pd.DataFrame", "DataFrame"),
        ("from __future__ import annotations\nimport pandas as pd", "pd.DataFrame", "DataFrame"),
        ("import pyarrow as pa", "pa.Table", "Table"),
        ("", "'whatever'", "dict"),
    ],
)
def test_an_argument_is_what_its_annotation_says(tmp_path: Path, head: str, annotation: str, kind: str) -> None:
    """Arrays by column name unless it says something else."""
    source = f"{head}\ndef process_data(d: {annotation}):\n    return {{'kind': [type(d).__name__]}}\n"
    step = python.load(_model(tmp_path, source), 1)
    assert arrow_array(step.run({"a": pa.array([1])})["kind"]).to_pylist() == [kind]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"def other(d): return d", "has no function process_data or wallaroo_json; it has ['other']"),
        (b"", "it has none"),
        (b"def process_data(:", "is not a Python file, line 1"),
        (b"x = 1\n\xff\xfe", "is not a Python file"),
        (b"\0", "is not a Python file"),
        (b"x = " + b"(" * 5000, "is not a Python file"),
        (b"# coding: no-such-code\ndef process_data(d): return d", "is not a Python file"),
        (b"class A:\n def process_data(d): return d", "has no function"),
    ],
)  # fmt: skip
def test_files_that_are_refused(tmp_path: Path, source: bytes, said: str) -> None:
    """By looking at them: nothing is run."""
    path = tmp_path / "step.py"
    path.write_bytes(source)
    with pytest.raises(InvalidModel) as caught:
        python.check(Inspect(path=str(path), label="'step.py'", framework=Framework.PYTHON))
    assert caught.value.message.startswith("'step.py'")
    assert said in caught.value.message


def test_another_file_than_was_uploaded_is_not_run(tmp_path: Path) -> None:
    """The plan says its SHA-256."""
    model = _model(tmp_path, "def process_data(d): return d")
    Path(model.path).write_text("import os\nos.environ['RAN'] = '1'\ndef process_data(d): return d")
    with pytest.raises(InvalidModel, match="is damaged"):
        python.load(model, 1)
