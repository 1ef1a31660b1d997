"""TensorFlow models: a zip of a SavedModel folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from jupyter_wallaroo.codec.batch import Batch
from jupyter_wallaroo.conversion.libraries import need
from jupyter_wallaroo.engine.runtimes import arrays
from jupyter_wallaroo.engine.runtimes.stored import check_pinned
from jupyter_wallaroo.engine.unpacking import entries, open_archive, unpack
from jupyter_wallaroo.errors import InvalidInput, InvalidModel
from jupyter_wallaroo.types.framework import Runtime
from jupyter_wallaroo.types.plan import Inspect, Inspected, PlannedModel

_EXTRA = "tensorflow"
_GRAPH = "saved_model.pb"
_SIGNATURE = "serving_default"


def check(request: Inspect) -> Inspected:
    """Look for the SavedModel in the archive, without loading it."""
    with open_archive(Path(request.path), request.label) as archive:
        paths = [entry.path for entry in entries(archive, request.label)]
    if not any(path.name == _GRAPH for path in paths):
        raise InvalidModel(
            f"{request.label} has no {_GRAPH}: expected the zip of a SavedModel folder.",
            hint="model.export('folder') or tf.saved_model.save(model, 'folder'), then zip the folder.",
        )
    return Inspected(runtime=Runtime.FLIGHT)


def load(model: PlannedModel, threads: int) -> SavedModel:
    """Unpack the archive into the process's own directory and load its signature."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tensorflow = need("tensorflow", _EXTRA, f"Model {model.name!r}")
    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    folder = Path.cwd() / "model"
    unpack(check_pinned(model), folder, f"Model {model.name!r}")
    graph = min(folder.rglob(_GRAPH), key=lambda path: len(path.parts))
    loaded = tensorflow.saved_model.load(str(graph.parent))
    if _SIGNATURE not in loaded.signatures:
        raise InvalidModel(f"Model {model.name!r} has no signature {_SIGNATURE!r}; it has {list(loaded.signatures)}.")
    return SavedModel(loaded, tensorflow, model.name)


class SavedModel:
    """A loaded SavedModel, called through its serving signature."""

    def __init__(self, loaded: Any, tensorflow: Any, name: str) -> None:
        self._loaded = loaded
        self._call = loaded.signatures[_SIGNATURE]
        self._inputs = self._call.structured_input_signature[1]
        self._tensorflow = tensorflow
        self._name = name

    def run(self, columns: Mapping[str, pa.Array]) -> Batch:
        """Return the signature's outputs; an only input takes an only column, whatever it is called."""
        given = arrays.from_columns(columns)
        if len(given) == len(self._inputs) == 1:
            given = {next(iter(self._inputs)): next(iter(given.values()))}
        missing = sorted(set(self._inputs) - set(given))
        if missing:
            raise InvalidInput(f"Model {self._name!r} needs the columns {missing}; got {sorted(given)}.")
        feeds = {name: self._tensorflow.constant(given[name], dtype=spec.dtype) for name, spec in self._inputs.items()}
        return arrays.to_columns({name: value.numpy() for name, value in self._call(**feeds).items()})
