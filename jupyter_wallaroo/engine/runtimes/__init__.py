"""What can run a model: one module per runtime.

Each has ``check(request: Inspect) -> Inspected``, which looks into an uploaded file, and, but for ONNX, ``load(model:
PlannedModel, threads: int) -> ColumnRuntime``. Both run in processes that are thrown away or replaced when they fail;
modules import their frameworks inside these functions, so that a missing library is told by name.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Protocol

import pyarrow as pa

from jupyter_wallaroo.codec.batch import Batch, Tensor
from jupyter_wallaroo.types.framework import Framework
from jupyter_wallaroo.types.model import Signature
from jupyter_wallaroo.types.plan import Inspect, Inspected, PlannedModel

_MODULES = {
    Framework.ONNX: "onnx",
    Framework.PYTHON: "python",
    Framework.CUSTOM: "custom",
    Framework.SKLEARN: "sklearn",
    Framework.XGBOOST: "xgboost",
    Framework.PYTORCH: "torchscript",
    Framework.KERAS: "keras",
    Framework.TENSORFLOW: "tensorflow",
    Framework.HAYSTACK: "haystack",
}
_HUGGING_FACE = "huggingface"


class Runtime(Protocol):
    """A loaded model that takes tensors, in the engine itself."""

    @property
    def signature(self) -> Signature:
        """What the model takes and gives."""
        ...

    def run(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the outputs by name for inputs by name, rows first in all of them.

        Raises
        ------
        InvalidInput
            The model refused the values.
        """
        ...


class ColumnRuntime(Protocol):
    """A loaded model that takes Arrow columns, in a sidekick."""

    def run(self, columns: Mapping[str, pa.Array]) -> Batch:
        """Return the outputs by name, one entry per row; whatever the model's own code raises comes through."""
        ...


def check(request: Inspect) -> Inspected:
    """Look into an uploaded file, and convert it where that is possible.

    Raises
    ------
    InvalidModel
        It is not what its framework says, or a library that it needs is missing.
    """
    found: Inspected = _module(request.framework, request.label).check(request)
    return found


def load(model: PlannedModel, threads: int) -> ColumnRuntime:
    """Load a model that a sidekick runs.

    Raises
    ------
    InvalidModel
        The file is damaged, or a library that it needs is missing.
    """
    runtime: ColumnRuntime = _module(model.framework, f"Model {model.name!r}").load(model, threads)
    return runtime


def _module(framework: Framework, label: str) -> ModuleType:
    name = _MODULES.get(framework, _HUGGING_FACE)
    return importlib.import_module(f"{__name__}.{name}")
