"""What models with scikit-learn's methods give, by name, before and after their conversion."""

from __future__ import annotations

from typing import Any

PREDICTIONS = "predictions"
PROBABILITIES = "probabilities"


def answers(model: Any, features: Any) -> dict[str, Any]:
    """Return ``predictions``, and ``probabilities`` where a model has them, for a matrix or frame of features."""
    given = {PREDICTIONS: model.predict(features) if hasattr(model, "predict") else model.transform(features)}
    if hasattr(model, "predict_proba"):
        given[PROBABILITIES] = model.predict_proba(features)
    return {name: dense(values) for name, values in given.items()}


def names_of(model: Any) -> list[str]:
    """Return the names of what `answers` gives for a model."""
    return [PREDICTIONS, PROBABILITIES] if hasattr(model, "predict_proba") else [PREDICTIONS]


def dense(values: Any) -> Any:
    """Return a matrix that a model gave as sparse as a plain one."""
    return values.toarray() if hasattr(values, "toarray") else values


def renamed(made: Any, model: Any) -> Any:
    """Return the ONNX model of an estimator with its outputs called as `answers` calls them.

    One prediction a row is no list, and one of truths is a truth. What the converter gives beyond them, such as raw
    scores of a classifier without probabilities, is left out.
    """
    names = names_of(model)
    del made.graph.output[len(names) :]
    if hasattr(model, "predict"):
        _flatten(made)
    if getattr(getattr(model, "classes_", None), "dtype", None) == "bool":
        _as_truths(made)
    outputs = {output.name: name for output, name in zip(made.graph.output, names, strict=False)}
    for output in made.graph.output:
        output.name = outputs[output.name]
    for node in made.graph.node:
        for values in (node.input, node.output):
            values[:] = [outputs.get(value, value) for value in values]
    return made


def _as_truths(made: Any) -> None:
    """Have the first output give truths, where it gives 0 and 1."""
    import onnx

    output = made.graph.output[0]
    truth = f"{output.name}_truth"
    made.graph.node.append(onnx.helper.make_node("Cast", [output.name], [truth], to=onnx.TensorProto.BOOL))
    output.name = truth
    output.type.tensor_type.elem_type = onnx.TensorProto.BOOL


def _flatten(made: Any) -> None:
    """Have the first output give a number per row, as the library does, where it gives a list of one."""
    import onnx

    output = made.graph.output[0]
    shape = output.type.tensor_type.shape
    if len(shape.dim) != 2 or shape.dim[1].dim_value != 1:
        return
    flat = f"{output.name}_flat"
    made.graph.initializer.append(onnx.helper.make_tensor(f"{flat}_shape", onnx.TensorProto.INT64, [1], [-1]))
    made.graph.node.append(onnx.helper.make_node("Reshape", [output.name, f"{flat}_shape"], [flat]))
    output.name = flat
    del shape.dim[1]
