"""Models in variables: 25 kinds, by frames and arrays, with floats, whole numbers, truths and text; each still itself."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.conversion.comparison import compare
from jupyter_wallaroo.errors import InvalidModel, InvalidRequest
from jupyter_wallaroo.sdk import Client, live_models
from jupyter_wallaroo.sdk.live_comparison import ModelDiffers
from jupyter_wallaroo.sdk.object import ModelConversionError
from tests.sdk.conftest import unique

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")

RANDOM = np.random.default_rng(7)
ROWS = 120


def floats() -> pd.DataFrame:
    """Three columns of doubles, with names that no identifier has."""
    return pd.DataFrame(RANDOM.normal(size=(ROWS, 3)), columns=["a (cm)", "b", "ü"])


def integers() -> pd.DataFrame:
    """Three columns of whole numbers."""
    return pd.DataFrame(RANDOM.integers(0, 50, (ROWS, 3)), columns=["rooms", "age", "floors"])


def mixed() -> pd.DataFrame:
    """Doubles, whole numbers, truths and text."""
    return pd.DataFrame({
        "pay": RANDOM.normal(3000, 500, ROWS),
        "age": RANDOM.integers(18, 80, ROWS),
        "owner": RANDOM.random(ROWS) < 0.5,
        "city": RANDOM.choice(["Ulm", "Köln", "Bonn"], ROWS),
    })  # fmt: skip


def _label(frame: pd.DataFrame) -> np.ndarray:
    column = frame.iloc[:, 0]
    return (column > column.median()).astype(int).to_numpy()


def _words(frame: pd.DataFrame) -> np.ndarray:
    return np.where(_label(frame) == 1, "high", "low")


def _amount(frame: pd.DataFrame) -> np.ndarray:
    return frame.select_dtypes("number").sum(axis=1).to_numpy()


def _fitted(
    path: str, target: Callable[[pd.DataFrame], np.ndarray] = _label, **options: Any
) -> Callable[[pd.DataFrame], Any]:
    """Return what fits a class of scikit-learn, given by its path, on a frame."""
    module, _, name = path.rpartition(".")

    def fit(frame: pd.DataFrame) -> Any:
        import importlib

        model = getattr(importlib.import_module(f"sklearn.{module}"), name)(**options)
        return model.fit(frame, target(frame))

    return fit


def _prepared(
    final: str, target: Callable[[pd.DataFrame], np.ndarray] = _label, **options: Any
) -> Callable[[pd.DataFrame], Any]:
    """Return what fits a pipeline that begins with a ColumnTransformer for `mixed`."""

    def fit(frame: pd.DataFrame) -> Any:
        import importlib

        from sklearn.compose import make_column_transformer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        module, _, name = final.rpartition(".")
        model = getattr(importlib.import_module(module), name)(**options)
        encoded = make_column_transformer(
            ("passthrough" if final.startswith("xgboost") else StandardScaler(), ["pay", "age"]),
            (OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ("passthrough", ["owner"]),
        )
        return make_pipeline(encoded, model).fit(frame, target(frame))

    return fit


def _scaled(frame: pd.DataFrame) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, _words(frame))


def _transformer(frame: pd.DataFrame) -> Any:
    from sklearn.decomposition import PCA

    return PCA(2).fit(frame)


def _clusters(frame: pd.DataFrame) -> Any:
    from sklearn.cluster import KMeans

    return KMeans(3, n_init=1, random_state=0).fit(frame)


def _outliers(frame: pd.DataFrame) -> Any:
    from sklearn.ensemble import IsolationForest

    return IsolationForest(n_estimators=10, random_state=0).fit(frame)


def _boosted(kind: str, target: Callable[[pd.DataFrame], np.ndarray]) -> Callable[[pd.DataFrame], Any]:
    def fit(frame: pd.DataFrame) -> Any:
        import xgboost

        return getattr(xgboost, kind)(n_estimators=8, max_depth=3).fit(frame, target(frame))

    return fit


def _booster(frame: pd.DataFrame) -> Any:
    import xgboost

    return xgboost.train({"max_depth": 3}, xgboost.DMatrix(frame, _amount(frame)), 8)


CASES: dict[str, tuple[Callable[[], pd.DataFrame], Callable[[pd.DataFrame], Any]]] = {
    "LogisticRegression, floats": (floats, _fitted("linear_model.LogisticRegression")),
    "LogisticRegression of words, integers": (integers, _fitted("linear_model.LogisticRegression", _words, max_iter=500)),
    "LogisticRegression of truths, mixed numbers": (integers, _fitted("linear_model.LogisticRegression", lambda f: _label(f) == 1, max_iter=500)),
    "LinearRegression, floats": (floats, _fitted("linear_model.LinearRegression", _amount)),
    "Ridge, integers": (integers, _fitted("linear_model.Ridge", _amount)),
    "RidgeClassifier, floats": (floats, _fitted("linear_model.RidgeClassifier")),
    "SGDClassifier, floats": (floats, _fitted("linear_model.SGDClassifier", random_state=0)),
    "DecisionTreeClassifier, integers": (integers, _fitted("tree.DecisionTreeClassifier", random_state=0)),
    "DecisionTreeRegressor, floats": (floats, _fitted("tree.DecisionTreeRegressor", _amount, max_depth=5)),
    "RandomForestClassifier, floats": (floats, _fitted("ensemble.RandomForestClassifier", n_estimators=10, random_state=0)),
    "RandomForestRegressor, integers": (integers, _fitted("ensemble.RandomForestRegressor", _amount, n_estimators=10)),
    "GradientBoostingClassifier, floats": (floats, _fitted("ensemble.GradientBoostingClassifier", n_estimators=10)),
    "GradientBoostingRegressor, integers": (integers, _fitted("ensemble.GradientBoostingRegressor", _amount, n_estimators=10)),
    "HistGradientBoostingClassifier, floats": (floats, _fitted("ensemble.HistGradientBoostingClassifier", max_iter=10)),
    "ExtraTreesClassifier, integers": (integers, _fitted("ensemble.ExtraTreesClassifier", n_estimators=10, random_state=0)),
    "SVC, floats": (floats, _fitted("svm.SVC")),
    "LinearSVC, floats": (floats, _fitted("svm.LinearSVC")),
    "SVR, floats": (floats, _fitted("svm.SVR", _amount)),
    "GaussianNB, floats": (floats, _fitted("naive_bayes.GaussianNB")),
    "KNeighborsClassifier, floats": (floats, _fitted("neighbors.KNeighborsClassifier")),
    "MLPClassifier, floats": (floats, _fitted("neural_network.MLPClassifier", max_iter=50, random_state=0)),
    "KMeans, floats": (floats, _clusters),
    "IsolationForest, floats": (floats, _outliers),
    "PCA, floats": (floats, _transformer),
    "pipeline of words, floats": (floats, _scaled),
    "ColumnTransformer and LogisticRegression, mixed": (mixed, _prepared("sklearn.linear_model.LogisticRegression", _words)),
    "ColumnTransformer and GradientBoostingRegressor, mixed": (
        mixed, _prepared("sklearn.ensemble.GradientBoostingRegressor", _amount, n_estimators=10),
    ),
    "ColumnTransformer and XGBClassifier, mixed": (mixed, _prepared("xgboost.XGBClassifier", n_estimators=8, max_depth=3)),
    "XGBClassifier, floats": (floats, _boosted("XGBClassifier", _label)),
    "XGBRegressor, integers": (integers, _boosted("XGBRegressor", _amount)),
    "Booster, floats": (floats, _booster),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_fitted_model_stays_what_it_is(case: str) -> None:
    """Fitted on a frame it takes a column per feature, whatever the columns are called."""
    make, fit = CASES[case]
    frame = make()
    converted = live_models.convert(fit(frame), frame)
    assert converted.comparison.is_kept() and converted.comparison.changed_labels() == 0
    assert _inputs(converted.onnx) == list(frame.columns)


@pytest.mark.parametrize(
    "case", [name for name, (make, _) in CASES.items() if make is not mixed and "Booster" not in name]
)
def test_a_model_fitted_on_an_array_takes_a_matrix(case: str) -> None:
    make, fit = CASES[case]
    frame = make()
    unnamed = fit(frame).__class__(**fit(frame).get_params(deep=False))
    target = fit(frame).predict(frame) if hasattr(unnamed, "predict") else None
    model = unnamed.fit(frame.to_numpy(), target)
    converted = live_models.convert(model, frame.to_numpy())
    assert _inputs(converted.onnx) == ["inputs"]


def _inputs(onnx: bytes) -> list[str]:
    import onnxruntime

    return [item.name for item in onnxruntime.InferenceSession(onnx).get_inputs()]


def _modules() -> dict[str, tuple[Any, Any]]:
    """PyTorch modules, and a sample of each."""
    import torch
    from torch import nn

    class TwoInputs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.numbers = nn.Embedding(20, 4), nn.Linear(3, 4)

        def forward(self, word: torch.Tensor, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            both = self.words(word) + self.numbers(features)
            return both, both.argmax(dim=1)

    torch.manual_seed(0)
    deep = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2), nn.Softmax(1))
    image = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3))
    return {
        "layer, doubles": (nn.Linear(3, 1), RANDOM.normal(size=(20, 3))),
        "network, tensor": (deep, torch.randn(20, 3)),
        "network, frame": (deep, floats()),
        "embedding, whole numbers": (nn.Sequential(nn.Embedding(20, 4), nn.Flatten()), torch.randint(0, 20, (20, 5))),
        "convolution, images": (image, torch.randn(10, 1, 8, 8)),
        "two inputs, mixed": (TwoInputs(), {"features": torch.randn(20, 3), "word": torch.randint(0, 20, (20,))}),
    }


@pytest.mark.parametrize("case", list(_modules()))
def test_a_module_stays_what_it_is(case: str) -> None:
    """Whatever it was doing: dropout is off in what is served, and the module itself is left as it was."""
    module, sample = _modules()[case]
    module.train()
    converted = live_models.convert(module, sample)
    assert converted.comparison.is_kept() and module.training


def test_a_conversion_that_changes_labels_is_refused_with_the_rows() -> None:
    """Doubles that are one number in single precision: the original tells them apart, ONNX cannot."""
    from sklearn.neighbors import KNeighborsClassifier

    features = np.array([[100_000_000.0 + step] for step in range(8)])
    model = KNeighborsClassifier(1).fit(features, [0, 1] * 4)
    with pytest.raises(ModelDiffers) as refused:
        live_models.convert(model, features)
    comparison = refused.value.comparison
    assert comparison.labels() == 8 and comparison.changed_labels() > 0
    first = comparison.examples()[0]
    lines = str(refused.value).splitlines()
    assert "labels changed" in lines[0] and "not uploaded" in lines[0]
    assert lines[1].split() == ["ROW", "OUTPUT", "ORIGINAL", "CONVERTED"]
    assert lines[2].split() == [str(first.row), "predictions", str(first.original), str(first.converted)]
    assert len(comparison._repr_html_().split("<tr>")) - 2 == len(comparison.examples())


def test_what_cannot_be_converted_says_what_to_do() -> None:
    """Not fitted, no model, no sample, another sample, a model that the converter does not know."""
    import torch
    from sklearn.linear_model import LogisticRegression
    from sklearn.semi_supervised import LabelSpreading

    frame = floats()
    fitted = LogisticRegression().fit(frame, _label(frame))
    with pytest.raises(InvalidRequest, match="not fitted"):
        live_models.convert(LogisticRegression(), frame)
    with pytest.raises(InvalidRequest, match="path, a fitted"):
        live_models.convert(3, frame)
    with pytest.raises(InvalidRequest, match="expected a sample"):
        live_models.convert(torch.nn.Linear(3, 1))
    with pytest.raises(InvalidRequest, match=r"lacks the columns .*'b'"):
        live_models.convert(fitted, frame[["a (cm)"]].assign(other=1.0))
    with pytest.raises(InvalidRequest, match=r"3 features .* \(5, 2\)"):
        live_models.convert(fitted, np.zeros((5, 2)))
    with pytest.raises(InvalidRequest, match="'city' holds"):
        live_models.convert(_prepared("sklearn.svm.SVC")(mixed()), mixed().assign(city=pd.Timestamp("2026-01-01")))
    with pytest.raises(InvalidRequest, match="without a sample"):
        live_models.convert(_prepared("sklearn.svm.SVC")(mixed()))
    with pytest.raises(ModelConversionError, match="framework='sklearn'"):
        live_models.convert(LabelSpreading().fit(frame, _label(frame)), frame)


def test_without_a_sample_random_rows_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    """And where the extra is missing, the message names it."""
    frame = floats()
    model = _scaled(frame)
    assert "64 random rows compared" in live_models.convert(model).comparison.sentence()
    monkeypatch.setitem(__import__("sys").modules, "skl2onnx", None)
    with pytest.raises(InvalidModel, match=r"jupyter-wallaroo\[sklearn\]"):
        live_models.convert(model)


@given(st.lists(st.floats(width=32), min_size=1), st.data())
@settings(max_examples=200, deadline=None)
def test_a_comparison_sees_every_change(values: list[float], data: st.DataObject) -> None:
    """The same numbers are the same, NaN and infinities too; one that is another is told, with its row."""
    first = np.array(values)
    assert compare("y", first, first).is_kept
    row = data.draw(st.integers(0, len(values) - 1))
    second = first.copy()
    second[row] = 0.0 if not np.isfinite(first[row]) else first[row] + max(1.0, abs(first[row]))
    found = compare("y", first, second)
    assert not found.is_kept and [example.row for example in found.examples] == [row]


def test_python_uploads_and_serves_it(wl: Client) -> None:
    """`upload_model` with the object itself, then a frame as the model was fitted on: the same labels come back."""
    frame = mixed()
    model = _prepared("sklearn.linear_model.LogisticRegression", _words)(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        version = wl.upload_model(unique("live"), model, sample=frame)
        pipeline = wl.build_pipeline(unique("live")).add_model_step(version).deploy()
    try:
        result = pipeline.infer(frame)
        assert result["out.predictions"].tolist() == model.predict(frame).tolist()
        assert [spec.name for spec in version.inputs()] == list(frame.columns)
    finally:
        pipeline.undeploy()
    with pytest.raises(InvalidRequest, match="is for files"):
        wl.upload_model("live", model, "sklearn", sample=frame)
