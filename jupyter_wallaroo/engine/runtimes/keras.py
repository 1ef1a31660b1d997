"""Keras models: a ``.keras`` file, loaded without the code that it may carry."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from jupyter_wallaroo.codec.batch import Batch
from jupyter_wallaroo.conversion.libraries import need
from jupyter_wallaroo.engine.runtimes import arrays
from jupyter_wallaroo.engine.runtimes.stored import check_pinned
from jupyter_wallaroo.engine.unpacking import entries, open_archive
from jupyter_wallaroo.errors import InvalidModel
from jupyter_wallaroo.types.framework import Runtime
from jupyter_wallaroo.types.plan import Inspect, Inspected, PlannedModel

_EXTRA = "keras"
_HDF5 = b"\x89HDF"


def check(request: Inspect) -> Inspected:
    """Look whether the file is a ``.keras`` archive, without loading it."""
    with open(request.path, "rb") as file:
        is_hdf5 = file.read(len(_HDF5)) == _HDF5
    if is_hdf5:
        raise InvalidModel(
            f"{request.label} is an HDF5 file, a format that cannot be loaded without the code in it.",
            hint="Save the model again with model.save('model.keras').",
        )
    with open_archive(Path(request.path), request.label) as archive:
        names = {str(entry.path) for entry in entries(archive, request.label)}
    if not {"config.json", "model.weights.h5"} <= names:
        raise InvalidModel(f"{request.label} is not a .keras file: it holds {sorted(names)[:5]}.")
    return Inspected(runtime=Runtime.FLIGHT)


def load(model: PlannedModel, threads: int) -> KerasModel:
    """Load the model with TensorFlow where it is installed, else with PyTorch."""
    has_tensorflow = importlib.util.find_spec("tensorflow") is not None
    os.environ.setdefault("KERAS_BACKEND", "tensorflow" if has_tensorflow else "torch")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    keras = need("keras", _EXTRA, f"Model {model.name!r}")
    path = Path.cwd() / "model.keras"
    shutil.copyfile(check_pinned(model), path)
    return KerasModel(keras.models.load_model(path, compile=False, safe_mode=True))


class KerasModel:
    """A loaded model; its outputs have the names that it gives them, an only one that of the last layer."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._inputs = [tensor.name for tensor in model.inputs]
        self._outputs = getattr(model, "output_names", None) or _output_names(model)

    def run(self, columns: Mapping[str, pa.Array]) -> Batch:
        """Return the outputs for the columns, taken by name or, where names differ, in their order."""
        given = arrays.from_columns(columns)
        named = set(self._inputs) <= set(given)
        feeds = [given[name] for name in self._inputs] if named else list(given.values())
        answer = self._model.predict(feeds[0] if len(feeds) == 1 else feeds, verbose=0)
        if isinstance(answer, dict):
            return arrays.to_columns(answer)
        parts = answer if isinstance(answer, list) else [answer]
        return arrays.to_columns(dict(zip(self._outputs, parts, strict=True)))


def _output_names(model: Any) -> list[str]:
    if len(model.outputs) == 1:
        return [model.layers[-1].name]
    return [f"output_{place}" for place in range(len(model.outputs))]
