"""The commonest mistakes: each raises the right class, with the cause and the next step in what it says."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from jupyter_wallaroo import sdk
from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.errors import Conflict, InvalidRequest, NotFound
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.framework import Framework
from jupyter_wallaroo.sdk.object import (
    CommunicationError,
    DeploymentError,
    EntityNotFoundError,
    InferenceInputError,
    InferenceTimeoutError,
    ModelConversionError,
    ModelRefused,
    RequiredAttributeMissing,
    Unauthenticated,
)
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests import models
from tests.sdk.conftest import endpoint, unique


@dataclass
class World:
    """What somebody has in front of them when they make a mistake."""

    wl: Client
    pipeline: Pipeline
    """Sums the three float32 of column ``tensor``."""
    typed: Pipeline
    """A Python step with an input schema: ``name`` text, ``score`` double."""
    server: PrivateServer
    folder: Path
    model: Path


@pytest.fixture(scope="module")
def world(
    wl: Client, summing: Pipeline, server: PrivateServer, model_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("mistakes")
    step = folder / "step.py"
    step.write_text("def process_data(d):\n    return {'score': d['score'] / d['score'].min()}\n")
    (folder / "broken.py").write_text("def process_data(d):\n    return {'x': d['x'] +\n")
    (folder / "no_entry.py").write_text("def predict(d):\n    return d\n")
    (folder / "empty.onnx").write_bytes(b"")
    (folder / "text.onnx").write_text("this is not a model")
    (folder / "other.pkl").write_bytes(pickle.dumps({"a": 1}))
    (folder / "rows.json").write_text('{"tensor": 1}')
    schema = pa.schema([("name", pa.string()), ("score", pa.float64())])
    version = wl.upload_model("typed", step, framework=Framework.PYTHON, input_schema=schema)
    typed = wl.build_pipeline(unique("typed")).add_model_step(version).deploy()
    yield World(wl, summing, typed, server, folder, model_file)
    typed.undeploy()


def tensor(*values: Any) -> pd.DataFrame:
    """A frame of one row."""
    return pd.DataFrame({"tensor": [list(values)]})


def not_deployed(world: World) -> Any:
    version = world.wl.get_model("summer")
    return world.wl.build_pipeline(unique("idle")).add_model_step(version).infer(tensor(1, 2, 3))


def no_steps(world: World) -> Any:
    pipeline = world.wl.build_pipeline(unique("empty")).deploy()
    try:
        pipeline.infer(tensor(1, 2, 3))
    finally:
        pipeline.undeploy()


def two_of_a_name(world: World) -> Any:
    name = unique("twice")
    world.wl.create_connection(name, "HTTP", {"url": "x"})
    world.wl.create_connection(name, "HTTP", {"url": "y"})


def too_slow(world: World) -> Any:
    path = world.folder / "slow.onnx"
    path.write_bytes(models.slow())
    pipeline = world.wl.build_pipeline(unique("slow")).add_model_step(world.wl.upload_model("slow", path)).deploy()
    try:
        pipeline.infer(pd.DataFrame({"tensor": [[1.0]]}), timeout=0.05)
    finally:
        pipeline.undeploy()


def wrong_workspace(world: World) -> Any:
    here = world.wl.get_current_workspace()
    try:
        world.wl.set_current_workspace(world.wl.create_workspace(unique("elsewhere")))
        return world.wl.get_model("summer")
    finally:
        world.wl.set_current_workspace(here)


def replicas(world: World, config: Any) -> Any:
    version = world.wl.get_model("summer")
    return world.wl.build_pipeline(unique("odd")).add_model_step(version).deploy(deployment_config=config)


Mistake = tuple[str, Callable[[World], Any], type[Exception] | tuple[type[Exception], ...], str]
MISTAKES: list[Mistake] = [
    ("a wrong column name", lambda w: w.pipeline.infer(pd.DataFrame({"tensr": [[1, 2, 3]], "b": [1]})),
     InferenceInputError, r"Column 'tensor' is missing: expected 3 float32.*got the columns \['b', 'tensr'\].*Rename a column"),
    ("a wrong length", lambda w: w.pipeline.infer(tensor(1, 2)),
     InferenceInputError, r"Column 'tensor', row 0: expected 3 float32 values per row.*got 2 values"),
    ("one row of another length", lambda w: w.pipeline.infer(pd.DataFrame({"tensor": [[1, 2, 3], [1, 2]]})),
     InferenceInputError, r"Column 'tensor', row 1: expected 3 float32 values per row.*got 2 values"),
    ("text among numbers", lambda w: w.pipeline.infer(tensor(1, "two", 3)),
     (InferenceInputError, InvalidRequest), r"(?i)tensor.*(two|mixes|text|string|str)"),
    ("a text column for numbers", lambda w: w.pipeline.infer(pd.DataFrame({"tensor": ["a"]})),
     InferenceInputError, r"Column 'tensor', row 0: expected 3 float32 values per row.*got (a column of type|the text)"),
    ("a missing value", lambda w: w.pipeline.infer(tensor(1, None, 3)),
     InferenceInputError, r"Column 'tensor', row 0: expected 3 float32.*got (null|nan)"),
    ("a number too large for float32", lambda w: w.pipeline.infer(tensor(1e300, 0, 0)),
     InferenceInputError, r"Column 'tensor', row 0.*1e\+300, which is not a float32"),
    ("no rows", lambda w: w.pipeline.infer(pd.DataFrame({"tensor": []})),
     InvalidRequest, r"(?i)no rows|has 0 rows|at least (a|one) row"),
    ("a list where a frame belongs", lambda w: w.pipeline.infer(3), (TypeError, InvalidRequest), r"DataFrame"),
    ("a time-out that is no number", lambda w: w.pipeline.infer(tensor(1, 2, 3), timeout="60"), TypeError, r"timeout"),
    ("a time-out too short", too_slow, InferenceTimeoutError, r"0\.05 s"),
    ("not deployed", not_deployed, (NotFound, DeploymentError, Conflict), r"(?i)not deployed.*deploy"),
    ("no steps", no_steps, InvalidRequest, r"has no steps: there is nothing to run.*Add a model step and deploy again"),
    ("text for a number of a schema", lambda w: w.typed.infer(pd.DataFrame({"name": ["a"], "score": ["high"]})),
     InferenceInputError, r"Column 'score', row 0: expected double for 'score' in the input_schema.*got 'high'"),
    ("a column of a schema missing", lambda w: w.typed.infer(pd.DataFrame({"name": ["a"]})),
     InferenceInputError, r"Column 'score' is missing: expected double.*got the columns \['name'\]"),
    ("a step that fails", lambda w: w.typed.infer(pa.table({"name": pa.array([], pa.string()), "score": pa.array([], pa.float64())})),
     (InferenceInputError, InvalidRequest), r"(?i)rows"),
    ("a wrong connection name", lambda w: w.wl.get_connection("no such place"), RequiredAttributeMissing, r"'no such place' does not exist"),
    ("the same, as the newer tutorials catch it", lambda w: w.wl.get_connection("no such place"), EntityNotFoundError, r"no such place"),
    ("a connection's name twice", two_of_a_name, Conflict, r"exists already.*choose another name"),
    ("a misspelt pipeline", lambda w: w.wl.get_pipeline(w.pipeline.name()[:-1] + "x"), EntityNotFoundError, r"Did you mean '"),
    ("a pipeline that is not there", lambda w: w.wl.pipelines_by_name("nowhere"), EntityNotFoundError, r"'nowhere' does not exist"),
    ("a misspelt model", lambda w: w.wl.get_model("sumer"), EntityNotFoundError, r"'sumer' does not exist.*Did you mean 'summer'"),
    ("a model of another workspace", wrong_workspace, EntityNotFoundError, r"'summer' does not exist"),
    ("a workspace that is not there", lambda w: w.wl.get_workspace("nowhere"), EntityNotFoundError, r"'nowhere' does not exist"),
    ("a workspace's name twice", lambda w: w.wl.create_workspace(w.wl.get_current_workspace().name()), Conflict, r"exists already"),
    ("a name that cannot be", lambda w: w.wl.build_pipeline("../etc"), InvalidRequest, r"'../etc' cannot be the name of a pipeline.*Choose another"),
    ("a file that is not there", lambda w: w.wl.upload_model("m", w.folder / "m.onnx"), InvalidRequest, r"no file '.*m\.onnx' to upload"),
    ("an empty file", lambda w: w.wl.upload_model("m", w.folder / "empty.onnx"), ModelRefused, r"'empty\.onnx' is empty"),
    ("a file that is no model", lambda w: w.wl.upload_model("m", w.folder / "text.onnx"), ModelRefused, r"'text\.onnx' is not an ONNX model.*Upload one self-contained"),
    ("no framework", lambda w: w.wl.upload_model("m", w.folder / "other.pkl"), InvalidRequest, r"(?i)framework.*sklearn.*xgboost"),
    ("a misspelt framework", lambda w: w.wl.upload_model("m", w.folder / "other.pkl", framework="sklern"), (InvalidRequest, ModelRefused), r"'sklern' is not known; expected one of.*sklearn"),
    ("a pickle of something else", lambda w: w.wl.upload_model("m", w.folder / "other.pkl", framework="sklearn"), ModelConversionError, r"holds a dict: expected a fitted model.*Dump the fitted estimator"),
    ("a step with a syntax error", lambda w: w.wl.upload_model("m", w.folder / "broken.py", framework="python"), ModelConversionError, r"not a Python file, line 2"),
    ("a step without its entry", lambda w: w.wl.upload_model("m", w.folder / "no_entry.py", framework="python"), ModelConversionError, r"no function process_data or wallaroo_json; it has \['predict'\].*Define process_data"),
    ("a wrong token", lambda w: Client(endpoint(w.server), token="not-it").list_workspaces(), Unauthenticated, r"No valid token.*Authorization"),
    ("nobody there", lambda w: Client("http://127.0.0.1:9", token="x"), CommunicationError, r"127\.0\.0\.1:9"),
    ("memory in words", lambda w: replicas(w, sdk.DeploymentConfigBuilder().memory("lots").build()), InvalidRequest, r"memory should be an amount.*such as '1Gi'.*got 'lots'"),
    ("no replicas", lambda w: replicas(w, sdk.DeploymentConfigBuilder().replica_count(0).build()), InvalidRequest, r"replica.*0"),
    ("a file of another shape", lambda w: w.pipeline.infer_from_file(w.folder / "rows.json"), InvalidRequest, r"Tensor 'tensor': expected a non-empty list with one entry per row"),
    ("too many tensor_fields", lambda w: w.wl.get_model("summer").configure(tensor_fields=["a", "b"]), InvalidRequest, r"'tensor_fields' has 2 names; model 'summer' has 1 inputs.*one column name per input"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "kind", "said"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_explained(
    world: World, mistake: Callable[[World], Any], kind: type[Exception], said: str
) -> None:
    """The class to catch, the cause, and the next step, in one short paragraph without paths of the server."""
    with pytest.raises(kind) as caught:
        mistake(world)
    text = str(caught.value)
    assert re.search(said, text, re.DOTALL), text
    assert len(text) < 1500 and "\n" not in text.strip(), text
    assert str(world.server.directory) not in text


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8])
def test_numbers_of_other_types_are_cast(world: World, dtype: type) -> None:
    """float64 and whole numbers for float32 are no mistake."""
    frame = pd.DataFrame({"tensor": list(np.array([[1, 2, 3], [4, 5, 6]], dtype))})
    assert world.pipeline.infer(frame)["out.y"].tolist() == [[6.0], [15.0]]
