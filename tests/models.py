"""Small ONNX models made on the spot."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def _save(nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: dict[str, Any] | None = None) -> bytes:
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    data: bytes = model.SerializeToString()
    return data


def _floats(name: str, *shape: Any) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def row_sum(width: int = 3, factor: float = 1.0) -> bytes:
    """``y = factor * sum(x)`` for rows of ``width`` float32."""
    nodes = [
        helper.make_node("ReduceSum", ["x", "axes"], ["s"], keepdims=1),
        helper.make_node("Mul", ["s", "factor"], ["y"]),
    ]
    constants = {"axes": np.array([1], np.int64), "factor": np.array(factor, np.float32)}
    return _save(nodes, [_floats("x", None, width)], [_floats("y", None, 1)], constants)


def classifier(width: int = 29, hidden: int = 10) -> bytes:
    """``y`` is the answer of a small dense network on ``x``, as the vendor's fraud model: ``width`` floats to one."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
        helper.make_node("Relu", ["h"], ["a"]),
        helper.make_node("Gemm", ["a", "v"], ["z"]),
        helper.make_node("Sigmoid", ["z"], ["y"]),
    ]
    shapes = {"w": (width, hidden), "b": (hidden,), "v": (hidden, 1)}
    constants = {name: rng.standard_normal(shape).astype(np.float32) / 2 for name, shape in shapes.items()}
    return _save(nodes, [_floats("x", None, width)], [_floats("y", None, 1)], constants)


def slow(width: int = 1, turns: int = 2_000_000) -> bytes:
    """``y = x`` after a loop of ``turns`` turns: about a second for three million."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["v", "zero"], ["v_next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            _floats("v", None, width),
        ],
        [helper.make_tensor_value_info("go_on", TensorProto.BOOL, []), _floats("v_next", None, width)],
    )
    nodes = [helper.make_node("Loop", ["turns", "yes", "x"], ["y"], body=body)]
    constants = {
        "turns": np.array(turns, np.int64),
        "yes": np.array(1, np.bool_),
        "zero": np.array(0.0, np.float32),
    }
    return _save(nodes, [_floats("x", None, width)], [_floats("y", None, width)], constants)


def heavy(width: int = 3, layers: int = 6) -> bytes:
    """``y = sum(x)`` by way of ``layers`` products with matrices of 512 x 512: 1.6 million multiplications a row."""
    inner = 512
    first, last = np.zeros((width, inner), np.float32), np.zeros((inner, 1), np.float32)
    first[:, 0] = last[0, 0] = 1
    shapes = {"w0": first, **{f"w{number}": np.eye(inner, dtype=np.float32) for number in range(1, layers + 1)}}
    shapes[f"w{layers + 1}"] = last
    names = ["x", *(f"h{number}" for number in range(layers + 1)), "y"]
    nodes = [
        helper.make_node("MatMul", [names[number], weight], [names[number + 1]]) for number, weight in enumerate(shapes)
    ]
    return _save(nodes, [_floats("x", None, width)], [_floats("y", None, 1)], shapes)


def large(size_bytes: int) -> bytes:
    """A model whose file has about ``size_bytes`` bytes: ``y = x + first weight - first weight``."""
    nodes = [
        helper.make_node("Gather", ["w", "first"], ["g"]),
        helper.make_node("Add", ["x", "g"], ["a"]),
        helper.make_node("Sub", ["a", "g"], ["y"]),
    ]
    rng = np.random.default_rng(0)
    constants = {"w": rng.random(size_bytes // 4, np.float32), "first": np.array([0], np.int64)}
    return _save(nodes, [_floats("x", None, 1)], [_floats("y", None, 1)], constants)
