"""Conversion to ONNX, kept only when the converted model answers as the original does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from jupyter_wallaroo.codec import schema
from jupyter_wallaroo.codec.batch import Batch, Cells, python_values
from jupyter_wallaroo.codec.cast import to_tensor
from jupyter_wallaroo.conversion.comparison import TOLERANCE, Incomparable, compare_all
from jupyter_wallaroo.conversion.libraries import said
from jupyter_wallaroo.engine.runtimes.onnx import OnnxRuntime
from jupyter_wallaroo.errors import InvalidInput, InvalidModel
from jupyter_wallaroo.types.framework import Runtime
from jupyter_wallaroo.types.model import Signature, TensorSpec
from jupyter_wallaroo.types.plan import Inspect, Inspected

INPUT = "inputs"
"""What a converted model's only input is called when no schema names it."""
GENERATED_ROWS = 64
"""Rows of random features that both are compared on when no sample came."""


class Original(Protocol):
    """The model as it was uploaded."""

    def run(self, columns: Mapping[str, pa.Array]) -> Batch:
        """Return its outputs."""
        ...


class NotConverted(Exception):
    """A model stays as it is; says why."""


def converted(request: Inspect, original: Original, convert: Callable[[str], Any]) -> Inspected:
    """Return what became of a model: an ONNX file at ``request.artifact``, or the model as it is, and why.

    Parameters
    ----------
    request
        With a sample, the converted model must answer it as the original does.
    original
        The loaded model.
    convert
        Makes an ONNX model with an input of the given name.
    """
    try:
        name = _input_name(request)
        model = _convert(convert, name)
        runtime = OnnxRuntime(model, request.label)
        compared = _compare(request.sample, name, original, runtime)
    except (NotConverted, InvalidModel, InvalidInput) as reason:
        return Inspected(runtime=Runtime.FLIGHT, note=f"Runs as it was uploaded: {reason}")
    Path(request.artifact).write_bytes(model)
    note = f"Converted to ONNX; {compared}"
    return Inspected(runtime=Runtime.ONNX, signature=runtime.signature, is_converted=True, note=note)


def _convert(convert: Callable[[str], Any], name: str) -> bytes:
    try:
        model: bytes = convert(name).SerializeToString()
    except Exception as error:  # noqa: BLE001  converters raise dozens of classes for what they do not know
        raise NotConverted(f"the converter refused it ({said(error)})") from None
    return model


def _input_name(request: Inspect) -> str:
    """Return the name of the one column of lists that holds all features."""
    if request.input_schema is None:
        return INPUT
    fields = schema.decode(request.input_schema, f"input_schema of {request.label}")
    if len(fields) == 1 and pa.types.is_nested(fields.field(0).type):
        return str(fields.names[0])
    raise NotConverted("its input_schema has a column per feature")


def _compare(sample: list[dict[str, Any]] | None, name: str, original: Original, runtime: OnnxRuntime) -> str:
    spec = _only_input(runtime.signature)
    if sample:
        rows: Cells = [next(iter(record.values())) if len(record) == 1 else list(record.values()) for record in sample]
    else:
        rows = np.random.default_rng(0).normal(size=(GENERATED_ROWS, spec.shape[1] or 1)).tolist()
    expected = _answers(original, name, rows)
    feed = to_tensor(rows, spec, name, "sample")
    answers = runtime.run({name: feed})
    worst = _largest_difference(expected, answers)
    kind = "rows of the sample" if sample else "generated rows"
    return f"answers {len(rows)} {kind} as the original does (largest difference {worst:.1e})"


def _answers(original: Original, name: str, rows: Cells) -> Batch:
    try:
        return original.run({name: pa.array(rows)})
    except Exception as error:  # noqa: BLE001  a model may raise anything over rows that are not what it was fitted on
        raise NotConverted(f"it does not answer the rows to compare by ({said(error)})") from None


def _only_input(signature: Signature) -> TensorSpec:
    if len(signature.inputs) != 1:
        raise NotConverted(f"the converted model has {len(signature.inputs)} inputs")
    return signature.inputs[0]


def _largest_difference(expected: Batch, got: Batch) -> float:
    try:
        found = compare_all(_plain(expected), _plain(got))
    except Incomparable as reason:
        raise NotConverted(str(reason)) from None
    for item in found:
        if item.changed:
            raise NotConverted(f"{item.changed} of {item.labels} values of {item.output!r} differ after conversion")
        if not item.is_kept:
            raise NotConverted(
                f"output {item.output!r} differs by {item.largest:.1e} after conversion; at most {TOLERANCE:g} is taken"
            )
    return max((item.largest for item in found), default=0.0)


def _plain(columns: Batch) -> dict[str, list[Any]]:
    return {name: python_values(column) for name, column in columns.items()}
