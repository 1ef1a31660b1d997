"""Small ONNX models for the tests of the engine, and the plans that run them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from jupyter_wallaroo.types.framework import Framework, Runtime
from jupyter_wallaroo.types.model import Signature
from jupyter_wallaroo.types.plan import Durability, InferStep, Plan, PlannedModel

FLOAT, INT64, STRING, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING, TensorProto.BOOL


def value(name: str, kind: int, *shape: Any) -> Any:
    """An input or output; None leaves a length open."""
    return helper.make_tensor_value_info(name, kind, list(shape))


def model(nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: list[Any] | None = None) -> bytes:
    """The file of a graph."""
    graph = helper.make_graph(nodes, "graph", inputs, outputs, weights or [])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    data: bytes = made.SerializeToString()
    return data


def identity(kind: int = FLOAT, *row: int | None, rows: int | None = None) -> bytes:
    """``y = x``."""
    return model(
        [helper.make_node("Identity", ["x"], ["y"])], [value("x", kind, rows, *row)], [value("y", kind, rows, *row)]
    )


def doubled(source: str = "x", target: str = "y", rows: int | None = None) -> bytes:
    """``y = x + x`` for rows of two float32; the names are free, so that two can be chained or not."""
    node = helper.make_node("Add", [source, source], [target])
    return model([node], [value(source, FLOAT, rows, 2)], [value(target, FLOAT, rows, 2)])


def two_inputs() -> bytes:
    """``sum = a + b`` (float32, width 2) and ``copy = n`` (int64, one a row)."""
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Identity", ["n"], ["copy"])]
    inputs = [value("a", FLOAT, None, 2), value("b", FLOAT, None, 2), value("n", INT64, None, 1)]
    return model(nodes, inputs, [value("sum", FLOAT, None, 2), value("copy", INT64, None, 1)])


def forgetful() -> bytes:
    """Gives one row, whatever comes in."""
    weights = [numpy_helper.from_array(np.array([0], np.int64), "first")]
    node = helper.make_node("Gather", ["x", "first"], ["y"], axis=0)
    return model([node], [value("x", FLOAT, None, 2)], [value("y", FLOAT, 1, 2)], weights)


def external(location: str) -> bytes:
    """``y = x + w``, where ``w`` is one float32 that lies in another file."""
    weight = TensorProto(name="w", data_type=FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    for key, text in (("location", location), ("offset", "0"), ("length", "4")):
        weight.external_data.add(key=key, value=text)
    node = helper.make_node("Add", ["x", "w"], ["y"])
    return model([node], [value("x", FLOAT, None, 1)], [value("y", FLOAT, None, 1)], [weight])


def planned(folder: Path, *files: bytes, tensor_fields: list[str] | None = None, **changes: Any) -> Plan:
    """A plan that runs the files one after the other; ``tensor_fields`` are the first one's."""
    models = []
    for number, file in enumerate(files):
        path = folder / f"model-{number}.onnx"
        path.write_bytes(file)
        models.append(
            PlannedModel(
                name=f"m{number}",
                version=f"version-{number}",
                sha=hashlib.sha256(file).hexdigest(),
                path=str(path),
                file_sha=hashlib.sha256(file).hexdigest(),
                framework=Framework.ONNX,
                runtime=Runtime.ONNX,
                signature=Signature(inputs=[], outputs=[]),
                tensor_fields=None if number else tensor_fields,
            )
        )
    facts: dict[str, Any] = {
        "pipeline_name": "pipe",
        "pipeline_version": "pipe-version",
        "models": models,
        "steps": [InferStep([number]) for number in range(len(models))],
        "journal_directory": str(folder / "log" / "journal"),
        "replica": "r0",
        "threads": 1,
        "durability": Durability.NEVER,
    }
    return Plan(**{**facts, **changes})
