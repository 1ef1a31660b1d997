"""XGBoost's models and boosters as ONNX models."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from jupyter_wallaroo.conversion.inputs import Feature, take_columns
from jupyter_wallaroo.conversion.libraries import need
from jupyter_wallaroo.conversion.outputs import PREDICTIONS, renamed

EXTRA = "xgboost"
_OPSET = 15


def of_matrix(model: Any, name: str, label: str) -> Any:
    """Return the ONNX model of a booster or estimator, which takes all features as one matrix called ``name``."""
    convert = need("onnxmltools.convert", EXTRA, label)
    types = need("onnxmltools.convert.common.data_types", EXTRA, label)
    features = model.num_features() if hasattr(model, "num_features") else model.n_features_in_
    given = [(name, types.FloatTensorType([None, features]))]
    made = convert.convert_xgboost(_without_names(model), initial_types=given, target_opset=_OPSET)
    return renamed(made, model)


def of_features(model: Any, features: Sequence[Feature] | None, name: str, label: str) -> Any:
    """Return the ONNX model of a booster or estimator that takes a column per feature or, without any, one matrix."""
    made = of_matrix(model, name, label)
    return made if features is None else take_columns(made, features)


def _without_names(model: Any) -> Any:
    """Return a model whose features are numbered: the converter knows no others."""
    booster = model if hasattr(model, "num_features") else model.get_booster()
    if booster.feature_names is None:
        return model
    nameless = copy.deepcopy(model)
    (nameless if booster is model else nameless.get_booster()).feature_names = None
    return nameless


def booster_answers(booster: Any, features: Any, label: str) -> dict[str, Any]:
    """Return ``predictions`` of a booster for a matrix; what they are is as its objective says."""
    xgboost = need("xgboost", EXTRA, label)
    return {PREDICTIONS: booster.predict(xgboost.DMatrix(features, feature_names=booster.feature_names))}
