"""The inputs of converted models that take a column per feature, as a frame has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

NUMBER = "float32"
"""What converters make models for: whole numbers and doubles are cast to it before they reach the model."""
TRUTH = "bool"
TEXT = "string"

_ROWS = "rows"


class Feature(Struct, frozen=True):
    """A column of a frame; ``dtype`` is `NUMBER`, `TRUTH` or `TEXT`."""

    name: str
    dtype: str


def take_columns(made: Any, features: Sequence[Feature]) -> Any:
    """Return an ONNX model that takes a column per feature, by name, whatever it took before.

    A model of one matrix gets the columns side by side; one of a column each gets them in their order. Truths are cast
    to numbers.
    """
    import onnx

    present = [value.name for value in made.graph.input]
    inner = [f"__feature_{place}" for place in range(len(features))]
    if len(present) == 1 and len(features) > 1:
        _rename(made, {present[0]: "__features"})
        made.graph.node.insert(0, onnx.helper.make_node("Concat", inner, ["__features"], axis=1))
    else:
        _rename(made, dict(zip(present, inner, strict=True)))
    del made.graph.input[:]
    for feature, name in zip(features, inner, strict=True):
        made.graph.input.append(_value(feature))
        made.graph.node.insert(0, _entry(feature, name))
    return made


def _value(feature: Feature) -> Any:
    import onnx

    kinds = {NUMBER: onnx.TensorProto.FLOAT, TRUTH: onnx.TensorProto.BOOL, TEXT: onnx.TensorProto.STRING}
    return onnx.helper.make_tensor_value_info(feature.name, kinds[feature.dtype], [_ROWS, 1])


def _entry(feature: Feature, name: str) -> Any:
    import onnx

    if feature.dtype == TRUTH:
        return onnx.helper.make_node("Cast", [feature.name], [name], to=onnx.TensorProto.FLOAT)
    return onnx.helper.make_node("Identity", [feature.name], [name])


def _rename(made: Any, names: dict[str, str]) -> None:
    for node in made.graph.node:
        node.input[:] = [names.get(value, value) for value in node.input]
