"""XGBoost models: JSON or UBJSON as ``save_model`` wrote it, or a pickle; converted to ONNX, else run as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from jupyter_wallaroo.codec.batch import Batch
from jupyter_wallaroo.conversion.libraries import need
from jupyter_wallaroo.conversion.outputs import PREDICTIONS
from jupyter_wallaroo.conversion.xgboost import EXTRA, of_matrix
from jupyter_wallaroo.engine.runtimes import arrays, pickles
from jupyter_wallaroo.engine.runtimes.conversion import converted
from jupyter_wallaroo.engine.runtimes.estimators import Estimator
from jupyter_wallaroo.engine.runtimes.stored import read_pinned
from jupyter_wallaroo.errors import InvalidModel, without_paths
from jupyter_wallaroo.types.plan import Inspect, Inspected, PlannedModel


def check(request: Inspect) -> Inspected:
    """Load the model, in this process that is thrown away, and convert it."""
    body = Path(request.path).read_bytes()
    if is_pickle(body) and not request.allows_code:
        raise InvalidModel(
            f"{request.label} is a pickle, which runs code when it is loaded; that is switched off on this server "
            "(WallarooApp.allow_code_models).",
            hint="Save the model with model.save_model('model.json') and upload that.",
        )
    model = _read(body, request.label)
    if not isinstance(model, BoosterModel):
        return converted(request, Estimator(model), lambda name: of_matrix(model, name, request.label))
    return converted(request, model, lambda name: of_matrix(model.booster, name, request.label))


def is_pickle(body: bytes) -> bool:
    """Tell whether a file is a pickle, which runs code when it is read; JSON and UBJSON do not."""
    return body[:1] != b"{"


def load(model: PlannedModel, threads: int) -> BoosterModel | Estimator:
    """Load a model that could not be converted."""
    found = _read(read_pinned(model), f"Model {model.name!r}")
    return found if isinstance(found, BoosterModel) else Estimator(found)


class BoosterModel:
    """A booster: what it predicts is as its objective says, e.g. the probability of the second class."""

    def __init__(self, booster: Any, xgboost: Any) -> None:
        self.booster = booster
        self._xgboost = xgboost

    def run(self, columns: Mapping[str, pa.Array]) -> Batch:
        """Return ``predictions`` (see `ColumnRuntime.run`)."""
        given = arrays.from_columns(columns)
        only = next(iter(given.values()))
        if len(given) == 1 and only.ndim > 1:
            matrix = self._xgboost.DMatrix(only, feature_names=self.booster.feature_names)
        else:
            import pandas as pd

            frame = pd.DataFrame(given)
            matrix = self._xgboost.DMatrix(frame[self.booster.feature_names or list(frame.columns)])
        return arrays.to_columns({PREDICTIONS: self.booster.predict(matrix)})


def _read(body: bytes, label: str) -> Any:
    xgboost = need("xgboost", EXTRA, label)
    if is_pickle(body):
        model = pickles.read(body, label, EXTRA)
        if isinstance(model, xgboost.Booster):
            return BoosterModel(model, xgboost)
        if not hasattr(model, "predict"):
            raise InvalidModel(f"{label} holds a {type(model).__name__}: expected an XGBoost model.")
        return model
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(body))
    except xgboost.core.XGBoostError as error:
        reason = without_paths(str(error).splitlines()[0])[:200]
        raise InvalidModel(
            f"{label} is not an XGBoost model: {reason}.", hint="Save it with model.save_model('model.json')."
        ) from None
    return BoosterModel(booster, xgboost)
