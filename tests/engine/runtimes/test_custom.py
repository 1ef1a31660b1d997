"""Custom models: what of an archive is looked at, what is imported, and what cannot be."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from jupyter_wallaroo.codec.batch import arrow_array
from jupyter_wallaroo.engine.runtimes import custom
from jupyter_wallaroo.errors import InvalidModel, InvalidUpload
from jupyter_wallaroo.types.framework import Framework, Runtime
from jupyter_wallaroo.types.plan import Inspect, Inspected, PlannedModel
from tests import framework_models as made

WEIGHTS = '{"factor": 3.0}'
EXITS = "raise SystemExit('imported')"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A sidekick's directory; what was imported from there is forgotten afterwards."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield work
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(work)):
            del sys.modules[name]


def _checked(tmp_path: Path, body: bytes) -> Inspected:
    (tmp_path / "upload").write_bytes(body)
    return custom.check(Inspect(path=str(tmp_path / "upload"), label="'c.zip'", framework=Framework.CUSTOM))


def _load(tmp_path: Path, body: bytes) -> custom.CustomModel:
    (tmp_path / "upload").write_bytes(body)
    sha = hashlib.sha256(body).hexdigest()
    model = PlannedModel(
        name="m", version="v", sha=sha, path=str(tmp_path / "upload"), file_sha=sha,
        framework=Framework.CUSTOM, runtime=Runtime.FLIGHT,
    )  # fmt: skip
    return custom.load(model, 1)


@pytest.mark.parametrize(
    "files",
    [
        {"scaling_model.py": made.CUSTOM_SOURCE, "weights.json": WEIGHTS},
        {"in/scaling_model.py": made.CUSTOM_SOURCE, "in/weights.json": WEIGHTS, "__MACOSX/in/._x.py": "\0"},
        {"scaling_model.py": made.CUSTOM_SOURCE, "weights.json": WEIGHTS, "._scaling_model.py": "\0\5"},
        {"scaling-model.py": made.CUSTOM_SOURCE, "weights.json": WEIGHTS},
        {"scaling_model.py": made.CUSTOM_SOURCE, "weights.json": WEIGHTS, "aaa_train.py": EXITS, "setup.py": EXITS},
        {"scaling_model.py": made.CUSTOM_SOURCE, "weights.json": WEIGHTS, "json.py": EXITS, "pyarrow.py": EXITS},
        {"scaling_model.py": made.CUSTOM_SOURCE, "weights.json": WEIGHTS, "jupyter_wallaroo/__init__.py": EXITS},
        {"scaling_model.py": made.CUSTOM_SOURCE, "weights.json": WEIGHTS, "sitecustomize.py": EXITS, "x.pth": EXITS},
    ],
)
def test_archives_that_are_loaded(tmp_path: Path, folder: Path, files: dict[str, str]) -> None:
    """Whatever lies beside the builder is not imported unless the builder does it."""
    body = made.zipped_named(files)
    assert _checked(tmp_path, body).requirements == []
    outputs = _load(tmp_path, body).run({"values": pa.array([[1.0, 2.0]])})
    assert arrow_array(outputs["scaled"]).to_pylist() == [[3.0, 6.0]]


@pytest.mark.parametrize("name", ["json.py", "pyarrow.py", "my.model.py"])
def test_a_builder_in_a_file_that_cannot_be_imported(tmp_path: Path, folder: Path, name: str) -> None:
    """Its name is that of a module in use, or has a dot."""
    with pytest.raises(InvalidModel, match=rf"'{name}' has a dot in its name, or the name of a module"):
        _load(tmp_path, made.zipped_named({name: made.CUSTOM_SOURCE, "weights.json": WEIGHTS}))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"model.py": "x = 1"}, "has no class derived from InferenceBuilder in its Python files ['model.py']"),
        ({"model.py": "x ="}, "model.py in 'c.zip' is not a Python file, line 1"),
        ({"model.py": "#" * (2 * 2**20)}, "'model.py' has more than 1048576 bytes"),
        ({"c.zip": "PK"}, "in its Python files []"),
        ({"../model.py": made.CUSTOM_SOURCE}, "no plain path below it"),
        ({"model.py": made.CUSTOM_SOURCE, "requirements.txt": "#" * (2 * 2**20)}, "more than 1048576 bytes"),
    ],
)
def test_archives_that_are_refused(tmp_path: Path, files: dict[str, str], said: str) -> None:
    """When they are uploaded, without anything run."""
    with pytest.raises(InvalidUpload) as caught:
        _checked(tmp_path, made.zipped_named(files))
    assert said in caught.value.message


def test_requirements_are_read(tmp_path: Path) -> None:
    """Without comments, empty lines, and what some editors begin a file with."""
    text = "\ufeff# what it needs\n\nstatsmodels == 0.14  # here too\r\n  scipy\n"
    body = made.zipped_named({"model.py": made.CUSTOM_SOURCE, "requirements.txt": text})
    assert _checked(tmp_path, body).requirements == ["statsmodels == 0.14", "scipy"]
