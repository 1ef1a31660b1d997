"""PyTorch models as TorchScript: what ``torch.jit.script(model).save(path)`` wrote.

Loading TorchScript runs code that came with the file, so that an upload is looked at as an archive only; it is loaded
in the sidekick.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jupyter_wallaroo.codec import schema
from jupyter_wallaroo.codec.batch import Batch
from jupyter_wallaroo.conversion.libraries import need
from jupyter_wallaroo.engine.runtimes import arrays
from jupyter_wallaroo.engine.runtimes.stored import read_pinned
from jupyter_wallaroo.engine.unpacking import entries, open_archive
from jupyter_wallaroo.errors import InvalidInput, InvalidModel
from jupyter_wallaroo.types.framework import Runtime
from jupyter_wallaroo.types.plan import Inspect, Inspected, PlannedModel

_EXTRA = "pytorch"
_HINT = "Save it with torch.jit.script(model).save('model.pt') or torch.jit.trace(model, example).save('model.pt')."


def check(request: Inspect) -> Inspected:
    """Look whether the archive is TorchScript, without loading it."""
    with open_archive(Path(request.path), request.label) as archive:
        names = [entry.path for entry in entries(archive, request.label)]
    has_code = any("code" in path.parts[:2] for path in names)
    if not any(path.name == "data.pkl" for path in names):
        raise InvalidModel(f"{request.label} is an archive, and not one that PyTorch wrote.", hint=_HINT)
    if not has_code:
        raise InvalidModel(
            f"{request.label} holds a pickled module or its weights, not TorchScript: it has no code.", hint=_HINT
        )
    return Inspected(runtime=Runtime.FLIGHT)


def load(model: PlannedModel, threads: int) -> TorchScriptModel:
    """Load the module onto the CPU."""
    torch = need("torch", _EXTRA, f"Model {model.name!r}")
    torch.set_num_threads(threads)
    module = torch.jit.load(io.BytesIO(read_pinned(model)), map_location="cpu").eval()
    named = schema.decode(model.output_schema, "output_schema").names if model.output_schema else []
    return TorchScriptModel(module, torch, named, model.name)


class TorchScriptModel:
    """A loaded module.

    Parameters
    ----------
    module, torch
        The module and the library.
    names
        What its outputs are called, in their order; none: ``output``, or ``output_0`` and on.
    model
        How messages call it.
    """

    def __init__(self, module: Any, torch: Any, names: list[str], model: str) -> None:
        self._module = module
        self._torch = torch
        self._names = names
        self._model = model

    def run(self, columns: Mapping[str, pa.Array]) -> Batch:
        """Return the module's outputs for its inputs, given in the order of the columns (see `ColumnRuntime.run`)."""
        given = [self._tensor(name, array) for name, array in arrays.from_columns(columns).items()]
        with self._torch.inference_mode():
            answer = self._module(*given)
        if isinstance(answer, dict):
            return arrays.to_columns({str(name): value.numpy() for name, value in answer.items()})
        parts = list(answer) if isinstance(answer, (tuple, list)) else [answer]
        names = self._names if len(self._names) == len(parts) else [f"output_{place}" for place in range(len(parts))]
        if len(parts) == 1 and not self._names:
            names = ["output"]
        return arrays.to_columns({name: part.numpy() for name, part in zip(names, parts, strict=True)})

    def _tensor(self, name: str, array: np.ndarray[Any, Any]) -> Any:
        if array.dtype.kind not in "biuf":
            raise InvalidInput(f"Column {name!r}: expected numbers for model {self._model!r}; got {array.dtype}.")
        # Python's floats are doubles and a module's weights are single; only a schema says otherwise
        return self._torch.from_numpy(array.astype(np.float32) if array.dtype == np.float64 else array)
