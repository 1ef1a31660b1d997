"""The inputs of converted models: one matrix of all features, or a column each as a frame has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

NUMBER = "float32"
"""What converters make models for; other numbers are cast to it inside the model."""
TEXT = "string"

_ROWS = "rows"


class Feature(Struct, frozen=True):
    """A column of a frame: ``dtype`` is ``float32``, ``float64``, ``int64``, ``bool`` or ``string``."""

    name: str
    dtype: str


def take_dtype(made: Any, dtype: str) -> Any:
    """Return an ONNX model of one matrix that takes it as ``dtype``, cast inside the model."""
    if dtype == NUMBER:
        return made
    matrix = made.graph.input[0]
    wanted = matrix.name
    inner = f"{wanted}_as_{NUMBER}"
    _rename(made, {wanted: inner})
    width = matrix.type.tensor_type.shape.dim[1].dim_value
    del made.graph.input[:]
    made.graph.input.append(_value(wanted, dtype, width))
    made.graph.node.insert(0, _cast(wanted, inner))
    return made


def take_columns(made: Any, features: Sequence[Feature]) -> Any:
    """Return an ONNX model that takes a column per feature, by name, whatever it took before.

    A model of one matrix gets the columns side by side; one of a column each gets them in their order.
    """
    import onnx

    present = [value.name for value in made.graph.input]
    inner = [f"feature_{place}" for place in range(len(features))]
    if len(present) == 1 and len(features) > 1:
        _rename(made, {present[0]: "features"})
        made.graph.node.insert(0, onnx.helper.make_node("Concat", inner, ["features"], axis=1))
    else:
        _rename(made, dict(zip(present, inner, strict=True)))
    del made.graph.input[:]
    for feature, name in zip(features, inner, strict=True):
        made.graph.input.append(_value(feature.name, feature.dtype, 1))
        is_as_wanted = feature.dtype in (NUMBER, TEXT)
        node = onnx.helper.make_node("Identity", [feature.name], [name]) if is_as_wanted else _cast(feature.name, name)
        made.graph.node.insert(0, node)
    return made


def _value(name: str, dtype: str, width: int) -> Any:
    import onnx

    kinds = onnx.TensorProto
    kind = {NUMBER: kinds.FLOAT, "float64": kinds.DOUBLE, "int64": kinds.INT64, "bool": kinds.BOOL, TEXT: kinds.STRING}
    return onnx.helper.make_tensor_value_info(name, kind[dtype], [_ROWS, width])


def _cast(source: str, target: str) -> Any:
    import onnx

    return onnx.helper.make_node("Cast", [source], [target], to=onnx.TensorProto.FLOAT)


def _rename(made: Any, names: dict[str, str]) -> None:
    for node in made.graph.node:
        node.input[:] = [names.get(value, value) for value in node.input]
