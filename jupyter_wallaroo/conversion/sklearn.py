"""scikit-learn's estimators and transformers, and pipelines of them, as ONNX models."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from jupyter_wallaroo.conversion.inputs import TEXT, Feature, take_columns
from jupyter_wallaroo.conversion.libraries import need
from jupyter_wallaroo.conversion.outputs import renamed

EXTRA = "sklearn"
_XGBOOST_CONVERTER = "onnxmltools.convert.xgboost.operator_converters.XGBoost"

_OPSETS = {"": 21, "ai.onnx.ml": 3}
_OPSETS_WITH_XGBOOST = {"": 15, "ai.onnx.ml": 3}


def of_matrix(model: Any, name: str, label: str) -> Any:
    """Return the ONNX model of an estimator that takes all features as one matrix called ``name``."""
    types = need("skl2onnx.common.data_types", EXTRA, label)
    return _converted(model, [(name, types.FloatTensorType([None, model.n_features_in_]))], label)


def of_features(model: Any, features: Sequence[Feature] | None, name: str, label: str) -> Any:
    """Return the ONNX model of an estimator that takes a column per feature or, where there are none, one matrix."""
    if features is None:
        return of_matrix(model, name, label)
    if not selects_columns(model):
        return take_columns(of_matrix(model, "__features", label), features)
    types = need("skl2onnx.common.data_types", EXTRA, label)
    kinds = {TEXT: types.StringTensorType}
    given = [(item.name, kinds.get(item.dtype, types.FloatTensorType)([None, 1])) for item in features]
    return take_columns(_converted(model, given, label), features)


def _converted(model: Any, given: list[tuple[str, Any]], label: str) -> Any:
    skl2onnx = need("skl2onnx", EXTRA, label)
    opsets = _OPSETS_WITH_XGBOOST if _register_xgboost() else _OPSETS
    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None
    made = skl2onnx.convert_sklearn(model, initial_types=given, options=options, target_opset=opsets)
    return renamed(made, model)


def selects_columns(model: Any) -> bool:
    """Tell whether a model looks its columns up by name: it is, or begins with, a ColumnTransformer."""
    first = model.steps[0][1] if hasattr(model, "steps") else model
    return hasattr(first, "transformers")


def _register_xgboost() -> bool:
    """Let pipelines end with a model of XGBoost, where it is used at all; tell whether they may."""
    xgboost = sys.modules.get("xgboost")
    if xgboost is None:
        return False
    try:
        convert_xgboost = importlib.import_module(_XGBOOST_CONVERTER).convert_xgboost
    except ImportError:
        return False
    from skl2onnx import update_registered_converter
    from skl2onnx.common import shape_calculator as shapes

    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    update_registered_converter(
        xgboost.XGBClassifier, "XGBClassifier", shapes.calculate_linear_classifier_output_shapes, convert_xgboost,
        options=options,
    )  # fmt: skip
    update_registered_converter(
        xgboost.XGBRegressor, "XGBRegressor", shapes.calculate_linear_regressor_output_shapes, convert_xgboost
    )
    return True
