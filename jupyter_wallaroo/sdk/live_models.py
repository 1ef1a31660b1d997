"""Models in a variable: converted to ONNX here, in the caller's own process, and compared with what they were.

A fitted scikit-learn or XGBoost model, a booster, or a PyTorch module. Both versions answer the same sample; a
conversion that changes a label, or a number by more than the tolerance, is refused with the rows that show it. What is
fitted on a frame, or comes with one, takes a column per feature; anything else takes one column of lists.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.conversion import sklearn, torch, xgboost
from jupyter_wallaroo.conversion.comparison import Incomparable, compare_all
from jupyter_wallaroo.conversion.libraries import need, said
from jupyter_wallaroo.conversion.outputs import answers
from jupyter_wallaroo.errors import InvalidModel, InvalidRequest
from jupyter_wallaroo.sdk.live_comparison import LiveComparison, ModelDiffers
from jupyter_wallaroo.sdk.live_samples import Features, features_of, tensors_of
from jupyter_wallaroo.sdk.object import ModelConversionError

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.live_samples import LiveSample

_SKLEARN_HINT = "Dump it with pickle and upload the file with framework='sklearn': the server then runs it as it is."
_TORCH_HINT = "Upload torch.jit.script(model) as a file with framework='pytorch': the server then runs it as it is."


class LiveModel:
    """A model converted to ONNX, and how it compares with the original.

    Parameters
    ----------
    onnx
        The bytes of the ONNX file.
    comparison
        What both answered.
    """

    def __init__(self, onnx: bytes, comparison: LiveComparison) -> None:
        self.onnx = onnx
        self.comparison = comparison


def is_live(value: object) -> bool:
    """Tell whether a value is a model of a kind that can be converted; nobody has one whose library is not loaded."""
    is_estimator = hasattr(value, "predict") or (hasattr(value, "transform") and hasattr(value, "fit"))
    return is_estimator or _is_module(value) or _is_booster(value)


def convert(model: Any, sample: LiveSample | None = None) -> LiveModel:
    """Return a model as ONNX, once both versions have answered the sample alike.

    Parameters
    ----------
    model
        A fitted estimator or transformer with scikit-learn's methods, an XGBoost model or booster, or a PyTorch module.
    sample
        Rows that the model takes, at most 1,000 of which are used: a frame, an array, or tensors by input. Without one,
        models of plain numbers are compared on random rows.

    Raises
    ------
    InvalidRequest
        It is no such model, or needs a sample, or the sample does not fit it.
    InvalidModel
        A library that the conversion needs is not installed; names the extra.
    ModelConversionError
        The converter does not know such a model.
    ModelDiffers
        The converted model answers otherwise; shows where.
    """
    label = f"Model {type(model).__name__!r}"
    if _is_module(model):
        return _of_module(model, sample, label)
    if _is_booster(model):
        features = features_of(model.num_features(), model.feature_names, sample, label)
        return _of_features(
            features,
            lambda: xgboost.booster_answers(model, features.matrix(), label),
            lambda: xgboost.of_features(model, features.columns, features.name, label),
            label,
        )
    if not is_live(model):
        raise InvalidRequest(
            f"A {type(model).__name__} cannot be uploaded as a model.",
            hint="Give a path, a fitted scikit-learn or XGBoost model, or a PyTorch module.",
        )
    return _of_estimator(model, sample, label)


def _of_estimator(model: Any, sample: LiveSample | None, label: str) -> LiveModel:
    if not hasattr(model, "n_features_in_"):
        raise InvalidRequest(
            f"{label} is not fitted: it does not say how many features it takes.", hint="Call its fit."
        )
    names = getattr(model, "feature_names_in_", None)
    family = xgboost if type(model).__module__.split(".")[0] == "xgboost" else sklearn
    if sample is None and sklearn.selects_columns(model):
        raise InvalidRequest(f"{label} takes columns of several kinds: it cannot be compared without a sample.")
    features = features_of(model.n_features_in_, None if names is None else list(names), sample, label)
    return _of_features(
        features,
        lambda: answers(model, features.original(has_names=names is not None)),
        lambda: family.of_features(model, features.columns, features.name, label),
        label,
    )


def _of_features(
    features: Features, original: Callable[[], dict[str, Any]], make: Callable[[], Any], label: str
) -> LiveModel:
    try:
        expected = original()
    except Exception as error:  # noqa: BLE001  a model may raise anything over rows that are not what it was fitted on
        raise InvalidRequest(f"{label} does not answer the sample ({said(error)}).") from None
    try:
        made: bytes = make().SerializeToString()
    except InvalidModel:
        raise
    except Exception as error:  # noqa: BLE001  converters raise dozens of classes for what they do not know
        raise ModelConversionError(f"{label} cannot be converted ({said(error)}).", hint=_SKLEARN_HINT) from None
    return _compared(made, features.feeds(), expected, features.kind, label)


def _of_module(model: Any, sample: LiveSample | None, label: str) -> LiveModel:
    if sample is None:
        raise InvalidRequest(
            f"{label} does not say what it takes: expected a sample.",
            hint="Give some rows, as a tensor, array or frame.",
        )
    inputs = tensors_of(sample, torch.input_names(model), label)
    module = copy.deepcopy(model).cpu().eval()
    try:
        expected = torch.answers(module, inputs, label)
    except Exception as error:  # noqa: BLE001  a module may raise anything over a sample that is not its own
        raise InvalidRequest(f"{label} does not answer the sample ({said(error)}).") from None
    try:
        made = torch.to_onnx(module, inputs, list(expected), label)
    except Exception as error:  # noqa: BLE001  the exporter raises dozens of classes for what it does not know
        raise ModelConversionError(f"{label} cannot be exported to ONNX ({said(error)}).", hint=_TORCH_HINT) from None
    return _compared(made, {name: value.numpy() for name, value in inputs.items()}, expected, "rows", label)


def _compared(made: bytes, feeds: Mapping[str, Any], expected: Mapping[str, Any], kind: str, label: str) -> LiveModel:
    rows = len(next(iter(feeds.values())))
    try:
        outputs = compare_all(expected, _run(made, feeds, label))
    except Incomparable as reason:
        raise ModelConversionError(f"{label} is another model after its conversion: {reason}.") from None
    comparison = LiveComparison(label, rows, kind, outputs)
    if not comparison.is_kept():
        raise ModelDiffers(comparison)
    return LiveModel(made, comparison)


def _run(made: bytes, feeds: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Return what an ONNX model gives, in the runtime that will serve it."""
    runtime = need("onnxruntime", "sklearn", label)
    try:
        session = runtime.InferenceSession(made, providers=["CPUExecutionProvider"])
        names = [item.name for item in session.get_outputs()]
        taken = {item.name for item in session.get_inputs()}
        return dict(zip(names, session.run(names, {k: v for k, v in feeds.items() if k in taken}), strict=True))
    except Exception as error:  # noqa: BLE001  onnxruntime raises a dozen unrelated classes
        raise ModelConversionError(f"{label} does not run after its conversion ({said(error)}).") from None


def _is_module(value: object) -> bool:
    library = sys.modules.get("torch")
    return library is not None and isinstance(value, library.nn.Module)


def _is_booster(value: object) -> bool:
    library = sys.modules.get("xgboost")
    return library is not None and isinstance(value, library.Booster)
