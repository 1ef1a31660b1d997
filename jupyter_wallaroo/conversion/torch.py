"""PyTorch's modules as ONNX models, traced on a sample.

torch's own tracing exporter writes them, which needs nothing beside torch; the newer one needs onnxscript.
"""

from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Mapping
from typing import Any

from jupyter_wallaroo.conversion.libraries import need

EXTRA = "pytorch"
OUTPUT = "output"
"""What a module's only output is called, and what its outputs' names begin with."""

_OPSET = 17
_ROWS = {0: "rows"}


def input_names(module: Any) -> list[str]:
    """Return the names of what a module's ``forward`` takes and has no default for."""
    taken = inspect.signature(module.forward).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [item.name for item in taken if item.kind in kinds and item.default is inspect.Parameter.empty]


def answers(module: Any, inputs: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Return what a module gives for tensors by name, by name: ``output``, or ``output_0`` and on."""
    torch = need("torch", EXTRA, label)
    with torch.inference_mode():
        given = module(*inputs.values())
    if isinstance(given, Mapping):
        return {str(name): value.numpy() for name, value in given.items()}
    parts = list(given) if isinstance(given, (tuple, list)) else [given]
    names = [OUTPUT] if len(parts) == 1 else [f"{OUTPUT}_{place}" for place in range(len(parts))]
    return {name: part.numpy() for name, part in zip(names, parts, strict=True)}


def to_onnx(module: Any, inputs: Mapping[str, Any], outputs: list[str], label: str) -> bytes:
    """Return the ONNX model of a module as bytes; the first axis of all its inputs and outputs is the rows.

    Parameters
    ----------
    inputs
        Tensors by name, in the order in which ``forward`` takes them, that it is traced on.
    """
    torch = need("torch", EXTRA, label)
    sink = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter is the older of torch's two, and says so each time
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            sink,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes=dict.fromkeys([*inputs, *outputs], _ROWS),
            opset_version=_OPSET,
            dynamo=False,
        )
    return sink.getvalue()
