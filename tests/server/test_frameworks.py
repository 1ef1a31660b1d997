"""Models of every framework, uploaded, converted, deployed and asked, over REST and with real processes."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from tests import framework_models as made
from tests import models
from tests.deploying import begin_conversion, convert, deploy, finish_conversion, infer, post, schema_text, upload

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def served(
    client: httpx.Client, name: str, version: dict[str, Any], rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Deploy one model, ask it once, undeploy it."""
    deployed = deploy(client, name, [version])
    try:
        return infer(client, deployed.url, rows)
    finally:
        post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)


def test_a_python_step_takes_and_gives_arrays(client: httpx.Client) -> None:
    """The form of the tutorials since 2024: process_data on arrays by column name, with ``mac`` importable."""
    source = b"""
from mac.types import InferenceData
def process_data(input_data: InferenceData) -> InferenceData:
    return {"total": input_data["values"].sum(axis=1), "text": input_data["text"]}
"""
    version = convert(client, source, "py-arrays", "python", "step.py")
    rows = [{"values": [1.0, 2.0], "text": "a"}, {"values": [3.0, 4.0], "text": "b"}]
    assert served(client, "py-arrays", version, rows) == [{"total": 3.0, "text": "a"}, {"total": 7.0, "text": "b"}]


def test_a_python_step_with_the_older_entry(client: httpx.Client) -> None:
    """wallaroo_json takes a DataFrame and gives one record per row."""
    source = b"""
import pandas as pd
def wallaroo_json(data: pd.DataFrame):
    return [{"output": [value[0] * 2]} for value in data["dense_2"].to_list()]
"""
    version = convert(client, source, "py-json", "python", "step.py")
    assert served(client, "py-json", version, [{"dense_2": [1.5]}, {"dense_2": [2.5]}]) == [
        {"output": [3.0]},
        {"output": [5.0]},
    ]


def test_steps_chain_columns(client: httpx.Client) -> None:
    """Before and after an ONNX model: each gets what the one before gave; each python step has its own process."""
    before = b"def process_data(d):\n    return {'tensor': d['left'] + d['right']}\n"
    after = b"def process_data(d):\n    return {'doubled': d[next(iter(d))] * 2}\n"
    versions = [
        convert(client, before, "chain-before", "python", "before.py"),
        upload(client, models.row_sum(2), "chain-model"),
        convert(client, after, "chain-after", "python", "after.py"),
    ]
    deployed = deploy(client, "chain", versions)
    status = post(client, "status/get_deployment", name=deployed.name)
    assert len(status["sidekicks"]) == 2
    pids = [pod["info"]["labels"]["pid"] for pod in (*status["engines"], *status["sidekicks"])]
    assert len(set(pids)) == 3
    got = infer(client, deployed.url, [{"left": [1.0, 2.0], "right": [10.0, 20.0]}])
    assert got == [{"doubled": [66.0]}]
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)


def test_a_custom_model_builds_its_inference(client: httpx.Client) -> None:
    """The vendor's base classes, an artifact beside the code."""
    version = convert(client, made.custom(), "custom", "custom", "custom.zip")
    assert served(client, "custom", version, [{"values": [1.0, 2.0]}]) == [{"scaled": [3.0, 6.0]}]


def test_requirements_are_installed_into_an_environment_of_the_models_own(client: httpx.Client) -> None:
    """Here another version of a library than the server has; the server's own is not touched."""
    source = made.CUSTOM_SOURCE.replace("import json", "import json\nimport cronsim").replace(
        '* self._model["factor"]}', '* 0 + float(cronsim.__file__.count("environments"))}'
    )
    archive = made.zipped_files(scaling__py=source, weights__json="{}", requirements__txt="cronsim==2.5\n")
    version = convert(client, archive, "required", "custom", "required.zip")
    assert served(client, "required", version, [{"values": [1.0]}]) == [{"scaled": [1.0]}]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-r /etc/passwd", "not a package with versions"),
        ("x @ https://example.org/x.whl", "names a URL"),
        ("--index-url=http://127.0.0.1/", "not a package with versions"),
    ],
)
def test_requirements_that_are_not_packages_are_refused(client: httpx.Client, line: str, expected: str) -> None:
    """Options, paths and URLs never reach pip (SECURITY B7)."""
    response = begin_conversion(client, b"def process_data(d): return d", "r", "python", "r.py", requirements=[line])
    assert response.status_code == 400
    assert expected in response.json()["message"]


def test_a_summarizer(client: httpx.Client, tmp_path: Path) -> None:
    """The columns of the workshop: parameters of the call beside the text (S2-36)."""
    fields = [("inputs", pa.string()), ("return_text", pa.bool_()), ("return_tensors", pa.bool_())]
    inputs = pa.schema([*fields, ("clean_up_tokenization_spaces", pa.bool_())])
    version = convert(
        client,
        made.summarizer(tmp_path),
        "summarizer",
        "hugging-face-summarization",
        "summarizer.zip",
        input_schema=schema_text(inputs),
        output_schema=schema_text(pa.schema([("summary_text", pa.string())])),
    )
    row = {"inputs": made.TEXTS[0], "return_text": True, "return_tensors": False, "clean_up_tokenization_spaces": False}
    (answer,) = served(client, "summarizer", version, [row])
    assert set(answer) == {"summary_text"}
    assert isinstance(answer["summary_text"], str)


@pytest.mark.parametrize(
    ("task", "row", "expected"),
    [
        ("text-classification", {"inputs": "the house"}, {"label": str, "score": float}),
        ("sentiment-analysis", {"inputs": "the house", "top_k": 2}, {"label": list, "score": list}),
        ("question-answering", {"question": "what", "context": "the house has rooms"}, {"answer": str, "score": float}),
        ("feature-extraction", {"inputs": "the house"}, {"output": list}),
        (
            "zero-shot-classification",
            {"inputs": "the house", "candidate_labels": ["a", "b"]},
            {"labels": list, "scores": list, "sequence": str},
        ),
    ],
)
def test_hugging_face_tasks(
    client: httpx.Client, tmp_path: Path, task: str, row: dict[str, Any], expected: dict[str, type]
) -> None:
    """One tiny model per task; the columns are those that transformers answers with."""
    version = convert(client, made.distilbert(tmp_path, task), task, f"hugging-face-{task}", "model.zip")
    (answer,) = served(client, task, version, [row])
    assert {name: type(answer[name]) for name in expected} == expected


def test_text_is_generated_and_translated(client: httpx.Client, tmp_path: Path) -> None:
    """Generation gives as many texts per row as were asked for; a translation is one text."""
    version = convert(client, made.generator(tmp_path / "g"), "gpt", "hugging-face-text-generation", "gpt.zip")
    row = {"inputs": "the house", "max_new_tokens": 3, "num_return_sequences": 2, "do_sample": True}
    (answer,) = served(client, "gpt", version, [row])
    assert [isinstance(text, str) and text.startswith("the house") for text in answer["generated_text"]] == [True, True]
    body = made.summarizer(tmp_path / "t", "translation")
    version = convert(client, body, "translator", "hugging-face-translation", "translator.zip")
    (answer,) = served(client, "translator", version, [{"inputs": "the house"}])
    assert isinstance(answer["translation_text"], str)


def test_images_are_classified(client: httpx.Client, tmp_path: Path) -> None:
    """Pixels as nested lists of 0 to 255, rows by columns by colours."""
    version = convert(client, made.seer(tmp_path), "seer", "hugging-face-image-classification", "seer.zip")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3)).tolist()
    (answer,) = served(client, "seer", version, [{"inputs": pixels}])
    assert sorted(answer["label"]) == ["cat", "dog"]
    assert sum(answer["score"]) == pytest.approx(1, abs=1e-5)


def test_sklearn_is_converted_and_answers_the_same(client: httpx.Client) -> None:
    """The sample is answered alike before it is taken, and deployed it has no sidekick."""
    body, model = made.sklearn_classifier()
    features, _ = made.iris()
    sample = [{"inputs": row} for row in features[:50].tolist()]
    version = convert(client, body, "iris", "sklearn", "iris.pkl", sample=sample)
    assert "answers 50 rows of the sample as the original does" in version["note"]
    got = served(client, "iris", version, [{"inputs": row} for row in features.tolist()])
    assert model.predict(features).tolist() == [row["predictions"] for row in got]
    np.testing.assert_allclose([row["probabilities"] for row in got], model.predict_proba(features), atol=1e-5)


def test_sklearn_with_a_column_per_feature_runs_as_it_is(client: httpx.Client) -> None:
    """A model fitted on a frame, asked with its columns in another order."""
    import pandas as pd
    from sklearn.tree import DecisionTreeRegressor

    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [0.0, 1.0, 0.0, 1.0]})
    model = DecisionTreeRegressor().fit(frame, frame["a"] * 10 + frame["b"])
    schema = pa.schema([("a", pa.float64()), ("b", pa.float64())])
    version = convert(client, pickle.dumps(model), "frame", "sklearn", "frame.pkl", input_schema=schema_text(schema))
    assert "a column per feature" in version["note"]
    assert served(client, "frame", version, [{"b": 1.0, "a": 4.0}, {"b": 0.0, "a": 1.0}]) == [
        {"predictions": 41.0},
        {"predictions": 10.0},
    ]


def test_joblib_files_are_read_too(client: httpx.Client) -> None:
    """Compressed, as many save them."""
    import joblib

    _, model = made.sklearn_classifier()
    sink = io.BytesIO()
    joblib.dump(model, sink, compress=3)
    version = convert(client, sink.getvalue(), "joblib", "sklearn", "model.joblib")
    assert version["note"].startswith("Converted to ONNX; answers 64 generated rows")


@pytest.mark.parametrize("form", ["json", "ubj", "pkl"])
def test_xgboost_in_its_formats(client: httpx.Client, tmp_path: Path, form: str) -> None:
    """A regressor's numbers, by whichever way it was saved."""
    import xgboost

    features = np.random.default_rng(1).normal(size=(200, 4)).astype(np.float32)
    model = xgboost.XGBRegressor(n_estimators=10, max_depth=3).fit(features, features[:, 0] * 2)
    path = tmp_path / f"model.{form}"
    if form == "pkl":
        path.write_bytes(pickle.dumps(model))
    else:
        model.save_model(path)
    version = convert(client, path.read_bytes(), f"xgb-{form}", "xgboost", path.name)
    assert "Converted to ONNX" in version["note"]
    got = served(client, f"xgb-{form}", version, [{"inputs": row} for row in features[:20].tolist()])
    flat = [np.ravel(row["predictions"])[0] for row in got]
    np.testing.assert_allclose(flat, model.predict(features[:20]), rtol=1e-4, atol=1e-5)


def test_torchscript(client: httpx.Client, tmp_path: Path) -> None:
    """Loaded in the sidekick only."""
    schema = schema_text(pa.schema([("values", pa.list_(pa.float32()))]))
    body = made.torchscript(tmp_path / "m.pt")
    version = convert(client, body, "torch", "pytorch", "m.pt", input_schema=schema)
    assert served(client, "torch", version, [{"values": [1.0, 2.0]}]) == [{"output": [7.0]}]


def test_keras(client: httpx.Client, tmp_path: Path) -> None:
    """A .keras file, with whichever backend is installed."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones", name="score")])
    model.save(tmp_path / "model.keras")
    version = convert(client, (tmp_path / "model.keras").read_bytes(), "keras", "keras", "model.keras")
    assert served(client, "keras", version, [{"inputs": [1.0, 2.0]}]) == [{"score": [3.0]}]


def test_tensorflow_in_an_environment_of_its_own(client: httpx.Client) -> None:
    """A SavedModel of ``2 * sum(x)``, which ``tf.saved_model.save`` wrote; TensorFlow itself is what it requires."""
    body = (Path(__file__).parents[1] / "saved_model.zip").read_bytes()
    response = begin_conversion(client, body, "tf", "tensorflow", "tf.zip", requirements=["tensorflow-cpu>=2.18"])
    version = finish_conversion(client, response, limit_s=600)
    assert version["status"] == "ready", version["error_summary"]
    got = served(client, "tf", version, [{"x": [1.0, 2.0]}, {"x": [3.0, 4.0]}])
    assert got == [{"score": [6.0]}, {"score": [14.0]}]


def test_an_error_says_why(client: httpx.Client) -> None:
    """A version that cannot be converted keeps its reason, and cannot be deployed."""
    response = begin_conversion(client, b"not a pickle", "broken", "sklearn", "broken.pkl")
    version = finish_conversion(client, response)
    assert version["status"] == "error"
    assert "'broken.pkl' is not a pickle" in version["error_summary"]
    assert "pickle.dump or joblib.dump" in version["error_summary"]
