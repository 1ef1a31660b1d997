"""ONNX models in onnxruntime.

A model is loaded from its bytes, in a process whose working directory is empty, so that a file which keeps weights
outside itself finds nothing to read (SECURITY C5).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from jupyter_wallaroo.codec.batch import Tensor
from jupyter_wallaroo.errors import InvalidInput, InvalidModel
from jupyter_wallaroo.types.framework import Runtime
from jupyter_wallaroo.types.model import Signature, TensorSpec
from jupyter_wallaroo.types.plan import Inspect, Inspected

_DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
    "tensor(bool)": "bool",
    "tensor(string)": "string",
}
_FATAL = 4


def check(request: Inspect) -> Inspected:
    """Return the signature of an uploaded ONNX file.

    Raises
    ------
    InvalidModel
        The file is not a model that can be run.
    """
    signature = OnnxRuntime(Path(request.path).read_bytes(), request.label).signature
    return Inspected(runtime=Runtime.ONNX, signature=signature)


class OnnxRuntime:
    """A loaded ONNX model.

    Parameters
    ----------
    model
        The bytes of the ``.onnx`` file.
    label
        How messages call it.
    threads
        Threads that one inference may use.
    most_rows
        What the model is given at once, where its file leaves that open; None: all of a request's.

    Raises
    ------
    InvalidModel
        Not ONNX, not self-contained, or with inputs or outputs that are not tensors.
    """

    def __init__(self, model: bytes, label: str, threads: int = 1, most_rows: int | None = None) -> None:
        ort.set_default_logger_severity(_FATAL)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001  onnxruntime raises a dozen unrelated classes for a bad file
            raise InvalidModel(
                f"{label} is not an ONNX model that can be run: {_reason(error)}",
                hint="Upload one self-contained .onnx file (weights inside), opset 26 or lower.",
            ) from None
        self._label = label
        self.signature = Signature(
            inputs=[_spec(item, label) for item in self._session.get_inputs()],
            outputs=[_spec(item, label) for item in self._session.get_outputs()],
        )
        self._names = [item.name for item in self.signature.outputs]
        first = {spec.shape[0] for spec in self.signature.inputs if spec.shape}
        self._most_rows = 1 if 1 in first else most_rows if first == {None} else None

    def run(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the outputs by name (see `Runtime.run`)."""
        most = self._most_rows
        if most is None:
            return dict(zip(self._names, self._run(feeds), strict=True))
        rows = len(next(iter(feeds.values())))
        starts = range(0, rows, most)
        runs = [self._run({name: feed[start : start + most] for name, feed in feeds.items()}) for start in starts]
        sizes = [min(most, rows - start) for start in starts]
        return {
            name: self._stacked(name, parts, sizes)
            for name, parts in zip(self._names, zip(*runs, strict=True), strict=True)
        }

    def _stacked(self, name: str, parts: tuple[Tensor, ...], sizes: list[int]) -> Tensor:
        """Return the outputs of runs of so many rows as one; a scalar is a row's only value."""
        shapes = {part.shape[1:] for part in parts}
        if len(shapes) > 1 or [len(np.atleast_1d(part)) for part in parts] != sizes:
            raise InvalidInput(
                f"Model {self._label} takes {'one row' if self._most_rows == 1 else f'{self._most_rows} rows'} at a "
                f"time and gave outputs {name!r} of different shapes, which cannot be one column.",
                hint="Send one row per request.",
            )
        return np.concatenate([np.atleast_1d(part) for part in parts])

    def _run(self, feeds: dict[str, Tensor]) -> list[Tensor]:
        try:
            outputs: list[Tensor] = self._session.run(self._names, feeds)
        except Exception as error:  # noqa: BLE001  as above: whatever the model raises is about this request
            raise InvalidInput(f"Model {self._label} refused the input: {_reason(error)}") from None
        return outputs


def _spec(item: Any, label: str) -> TensorSpec:
    dtype = _DTYPES.get(item.type)
    if dtype is None:
        raise InvalidModel(
            f"{label}: {item.name!r} is of type {item.type}; expected a tensor of numbers, booleans or text.",
            hint="With skl2onnx, convert classifiers with options={'zipmap': False}.",
        )
    return TensorSpec(
        name=item.name,
        dtype=dtype,
        shape=[length if isinstance(length, int) and length > 0 else None for length in item.shape],
    )


def _reason(error: Exception) -> str:
    """Return the sentence in onnxruntime's message, without its code prefix and its own file paths."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = re.sub(r"^\S+\.(cc|h):\d+ (\S+ )?", "", text)
    text = re.sub(r"/\S+/(\S+)", r"\1", text)
    return text[:300]
