"""Conversion to ONNX is kept only when the converted model answers as the original does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest

from jupyter_wallaroo.engine.runtimes.conversion import converted
from jupyter_wallaroo.types.framework import Framework, Runtime
from jupyter_wallaroo.types.plan import Inspect, Inspected
from tests import models
from tests.deploying import schema_text


class Sum:
    """A model that adds three features up, or does something else with them."""

    def __init__(self, answer: Callable[[np.ndarray], Any] = lambda rows: rows.sum(axis=1)) -> None:
        self._answer = answer

    def run(self, columns: Any) -> dict[str, Any]:
        return {"y": self._answer(np.array(next(iter(columns.values())).to_pylist()))}


def _convert(tmp_path: Path, original: Any, convert: Callable[[str], Any] | None = None, **more: Any) -> Inspected:
    request = Inspect(
        path="", label="'m.pkl'", framework=Framework.SKLEARN, artifact=str(tmp_path / "artifact"), **more
    )
    made = convert or (lambda name: _renamed(models.row_sum(3), name))
    return converted(request, original, made)


def _renamed(body: bytes, name: str) -> Any:
    model = onnx.load_from_string(body)
    for node in model.graph.node:
        node.input[:] = [name if value == "x" else value for value in node.input]
    model.graph.input[0].name = name
    return model


def _stays(found: Inspected, tmp_path: Path, reason: str) -> None:
    assert found.runtime is Runtime.FLIGHT
    assert not found.is_converted
    assert found.note is not None
    assert found.note.startswith("Runs as it was uploaded: ")
    assert reason in found.note
    assert not (tmp_path / "artifact").exists()


def test_a_right_conversion_is_kept(tmp_path: Path) -> None:
    """With what was compared."""
    found = _convert(tmp_path, Sum(), sample=[{"x": [1.0, 2.0, 3.0]}])
    assert (found.runtime, found.is_converted) == (Runtime.ONNX, True)
    assert found.note == (
        "Converted to ONNX; answers 1 rows of the sample as the original does (largest difference 0.0e+00)"
    )
    assert (tmp_path / "artifact").stat().st_size


@pytest.mark.parametrize("factor", [1.001, -1.0, 0.0, float("nan"), float("inf")])
def test_a_wrong_one_is_not(tmp_path: Path, factor: float) -> None:
    """However little it is off beyond the tolerance."""
    found = _convert(tmp_path, Sum(), lambda name: _renamed(models.row_sum(3, factor), name))
    _stays(found, tmp_path, "differs by")


def test_one_that_is_wrong_for_a_single_row_of_the_sample(tmp_path: Path) -> None:
    """Each row counts."""
    sample = [{"x": [float(number), 0.0, 0.0]} for number in range(50)]
    _stays(
        _convert(tmp_path, Sum(lambda rows: rows.sum(axis=1) + (rows[:, 0] == 49)), sample=sample), tmp_path, "differs"
    )


def test_labels_are_compared_exactly(tmp_path: Path) -> None:
    """Text is not a number."""
    _stays(_convert(tmp_path, Sum(lambda rows: np.array(["a"] * len(rows)))), tmp_path, "has the type float")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda rows: rows, "has the shape (64, 1) after conversion, (64, 3) before"),
        (lambda rows: rows.sum(axis=1)[:5], "has the shape"),
        (lambda rows: pa.array([[1.0] * (number % 3) for number in range(len(rows))]), "lists of different lengths"),
    ],
)
def test_other_shapes(tmp_path: Path, answer: Any, reason: str) -> None:
    """Not compared element by element with something else."""
    _stays(_convert(tmp_path, Sum(answer)), tmp_path, reason)


def test_an_original_that_does_not_take_generated_rows(tmp_path: Path) -> None:
    """A model of positive numbers, say, is still a model: it runs as it is."""

    def only_positive(rows: np.ndarray) -> np.ndarray:
        if (rows < 0).any():
            raise ValueError("The Box-Cox transformation can only be applied to strictly positive data, /home/me/x")
        return rows.sum(axis=1)

    found = _convert(tmp_path, Sum(only_positive))
    _stays(found, tmp_path, "does not answer the rows to compare by (ValueError: The Box-Cox")
    assert "/home" not in str(found.note)


@pytest.mark.parametrize(
    "sample",
    [
        [{"x": "text"}],
        [{"x": [1.0, 2.0]}],
        [{"x": [1.0, 2.0, 3.0]}, {"x": [1.0]}],
        [{"x": None}],
        [{}],
        [{"a": 1.0, "b": "c", "d": 3.0}],
        [{"x": {"y": 1}}],
    ],
)
def test_samples_that_are_no_rows_of_features(tmp_path: Path, sample: list[dict[str, Any]]) -> None:
    """The model stays as it is, and the note says why."""
    found = _convert(tmp_path, Sum(), sample=sample)
    _stays(found, tmp_path, "")


def test_a_converter_that_fails(tmp_path: Path) -> None:
    """Whatever it raises."""

    def fails(name: str) -> Any:
        raise RuntimeError("no converter for /opt/lib/thing.py")

    _stays(_convert(tmp_path, Sum(), fails), tmp_path, "the converter refused it (RuntimeError: no converter for thing")


def test_a_column_per_feature_is_not_converted(tmp_path: Path) -> None:
    """An ONNX model of ours has one column of lists."""
    schema = schema_text(pa.schema([("a", pa.float32()), ("b", pa.float32())]))
    _stays(_convert(tmp_path, Sum(), input_schema=schema), tmp_path, "a column per feature")
