"""scikit-learn models: pickles, converted to ONNX when they are uploaded, else run as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jupyter_wallaroo.engine.runtimes import need, pickles
from jupyter_wallaroo.engine.runtimes.conversion import converted
from jupyter_wallaroo.engine.runtimes.estimators import PREDICTIONS, PROBABILITIES, Estimator
from jupyter_wallaroo.engine.runtimes.stored import read_pinned
from jupyter_wallaroo.errors import InvalidModel
from jupyter_wallaroo.types.plan import Inspect, Inspected, PlannedModel

_EXTRA = "sklearn"
_OPSET = 21


def check(request: Inspect) -> Inspected:
    """Read the pickle, in this process that is thrown away, and convert the model."""
    model = _read(Path(request.path).read_bytes(), request.label)
    return converted(request, Estimator(model), lambda name: _onnx(model, name, request.label))


def load(model: PlannedModel, threads: int) -> Estimator:
    """Load a model that could not be converted."""
    return Estimator(_read(read_pinned(model), f"Model {model.name!r}"))


def _read(body: bytes, label: str) -> Any:
    need("sklearn", _EXTRA, label)
    model = pickles.read(body, label, _EXTRA)
    if not (hasattr(model, "predict") or hasattr(model, "transform")):
        raise InvalidModel(
            f"{label} holds a {type(model).__name__}: expected a fitted model with predict or transform.",
            hint="Dump the fitted estimator itself.",
        )
    return model


def _onnx(model: Any, name: str, label: str) -> Any:
    skl2onnx = need("skl2onnx", _EXTRA, label)
    types = need("skl2onnx.common.data_types", _EXTRA, label)
    features = [(name, types.FloatTensorType([None, model.n_features_in_]))]
    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    made = skl2onnx.convert_sklearn(model, initial_types=features, options=options, target_opset=_OPSET)
    return renamed(made, [PREDICTIONS, PROBABILITIES], is_predictor=hasattr(model, "predict"))


def renamed(made: Any, names: list[str], *, is_predictor: bool = True) -> Any:
    """Return an ONNX model with its outputs called by the first of ``names``; one prediction a row is no list."""
    if is_predictor:
        _flatten(made)
    outputs = {output.name: name for output, name in zip(made.graph.output, names, strict=False)}
    for output in made.graph.output:
        output.name = outputs[output.name]
    for node in made.graph.node:
        for values in (node.input, node.output):
            values[:] = [outputs.get(value, value) for value in values]
    return made


def _flatten(made: Any) -> None:
    """Have the first output give a number per row, as the library does, where it gives a list of one."""
    import onnx

    output = made.graph.output[0]
    shape = output.type.tensor_type.shape
    if len(shape.dim) != 2 or shape.dim[1].dim_value != 1:
        return
    flat = f"{output.name}_flat"
    made.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1], np.int64), f"{flat}_axes"))
    made.graph.node.append(onnx.helper.make_node("Squeeze", [output.name, f"{flat}_axes"], [flat]))
    output.name = flat
    del shape.dim[1]
