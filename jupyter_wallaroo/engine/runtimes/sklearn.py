"""scikit-learn models: pickles, converted to ONNX when they are uploaded, else run as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_wallaroo.conversion.libraries import need
from jupyter_wallaroo.conversion.sklearn import EXTRA, of_matrix
from jupyter_wallaroo.engine.runtimes import pickles
from jupyter_wallaroo.engine.runtimes.conversion import converted
from jupyter_wallaroo.engine.runtimes.estimators import Estimator
from jupyter_wallaroo.engine.runtimes.stored import read_pinned
from jupyter_wallaroo.errors import InvalidModel
from jupyter_wallaroo.types.plan import Inspect, Inspected, PlannedModel


def check(request: Inspect) -> Inspected:
    """Read the pickle, in this process that is thrown away, and convert the model."""
    model = _read(Path(request.path).read_bytes(), request.label)
    return converted(request, Estimator(model), lambda name: of_matrix(model, name, request.label))


def load(model: PlannedModel, threads: int) -> Estimator:
    """Load a model that could not be converted."""
    return Estimator(_read(read_pinned(model), f"Model {model.name!r}"))


def _read(body: bytes, label: str) -> Any:
    need("sklearn", EXTRA, label)
    model = pickles.read(body, label, EXTRA)
    if not (hasattr(model, "predict") or hasattr(model, "transform")):
        raise InvalidModel(
            f"{label} holds a {type(model).__name__}: expected a fitted model with predict or transform.",
            hint="Dump the fitted estimator itself.",
        )
    return model
