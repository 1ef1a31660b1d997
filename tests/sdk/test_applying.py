"""Pipelines applied, rolled back and compared through the client, and the records of who did it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.errors import Conflict, InvalidRequest
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.audit import AuditRecords
from jupyter_wallaroo.sdk.model_version import ModelVersion
from jupyter_wallaroo.sdk.object import DeploymentError, EntityNotFoundError
from jupyter_wallaroo.types.difference import Action
from tests import models
from tests.sdk.conftest import unique

ROW = pd.DataFrame({"tensor": [[1.0, 2.0, 3.0]]})


@pytest.fixture(scope="module")
def double(wl: Client, tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    return _upload(wl, tmp_path_factory.mktemp("double"), "double", 2.0)


@pytest.fixture(scope="module")
def triple(wl: Client, tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    return _upload(wl, tmp_path_factory.mktemp("triple"), "triple", 3.0)


def _upload(wl: Client, directory: Path, name: str, factor: float) -> ModelVersion:
    path = directory / f"{name}.onnx"
    path.write_bytes(models.row_sum(3, factor))
    return wl.upload_model(name, path).configure(tensor_fields=["tensor"])


@pytest.fixture
def name(wl: Client) -> Iterator[str]:
    """The name of a pipeline that goes with the test."""
    chosen = unique("applied")
    yield chosen
    wl.apply({"name": chosen, "state": "absent"})


def answer(wl: Client, name: str) -> list[list[float]]:
    found: list[list[float]] = wl.get_pipeline(name).infer(ROW)["out.y"].tolist()
    return found


def test_once_apply_returns_the_new_version_answers(
    wl: Client, double: ModelVersion, triple: ModelVersion, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the current workspace; what comes back says what became of it."""
    made = wl.apply({"name": name, "steps": [{"model": "double"}]})
    assert capsys.readouterr().out.endswith(" ok\n")
    assert answer(wl, name) == [[12.0]]
    assert [result.action for result in made.results()] == [Action.ADD]
    assert made.versions() == {name: wl.get_pipeline(name).versions()[0].version()}
    changed = wl.apply([{"name": name, "steps": [{"model": triple}]}])
    assert answer(wl, name) == [[18.0]]
    assert changed.has_changes() and not changed.is_dry_run()
    capsys.readouterr()
    assert not wl.apply(f"- {{name: {name}, steps: [{{model: triple}}]}}").has_changes()
    assert capsys.readouterr().out == "", "nothing to wait for"


def test_versions_of_models_stand_wherever_one_is_named(wl: Client, double: ModelVersion, triple: ModelVersion) -> None:
    """Even as keys, so that two versions of one model can be split between."""
    steps = [
        {"split": {"weights": {double: 2, triple: 1}}},
        {"key_split": {"key": "k", "default": double, "routes": {"v": triple}}},
        {"shadow": {"champion": double, "challengers": [triple]}},
    ]
    chosen = unique("references")
    wl.apply({"name": chosen, "steps": steps, "state": "present"})
    split, key_split, shadow, _, _ = wl.get_pipeline(chosen).steps()
    assert [item["model"] for item in split["RandomSplit"]["weights"]] == [double.reference(), triple.reference()]
    assert key_split["MetaValueSplit"]["routes"] == {"v": triple.reference()}
    assert shadow["ModelInference"]["models"] == [double.reference(), triple.reference()]
    wl.apply({"name": chosen, "state": "absent"})
    with pytest.raises(EntityNotFoundError):
        wl.get_pipeline(chosen)


def test_a_plan_prints_and_is_escaped(wl: Client, double: ModelVersion) -> None:
    chosen = unique("plan")
    plan = wl.apply({"name": chosen, "steps": [{"model": "double"}]}, dry_run=True)
    assert str(plan) == repr(plan)
    assert str(plan).splitlines()[0] == f"+ {chosen} (workspace {wl.get_current_workspace().name()!r})"
    assert str(plan).endswith("Plan: 1 to add.")
    html = plan._repr_html_()
    assert html.startswith("<pre>+ ") and "&#x27;double&#x27;" in html
    assert plan.is_dry_run()
    hostile = wl.apply({"name": "<b>", "steps": []}, dry_run=True, atomic=False)
    assert "<b>" not in hostile._repr_html_() and "&lt;b&gt;" in hostile._repr_html_()


def test_what_cannot_be_is_an_exception_of_its_class(wl: Client, double: ModelVersion) -> None:
    with pytest.raises(EntityNotFoundError, match=r"Nothing was changed\. .*Did you mean 'double'\?"):
        wl.apply({"name": unique("bad"), "steps": [{"model": "doubel"}]})
    with pytest.raises(InvalidRequest, match=r"unknown key 'pipelines\[0\]\.step'. Did you mean 'steps'"):
        wl.apply({"name": "x", "step": []})
    with pytest.raises(InvalidRequest, match=r"pipelines\[0\]\.steps: expected what JSON has, .*; got object"):
        wl.apply({"name": "x", "steps": object()})
    with pytest.raises(Conflict, match="is not what you saw"):
        wl.apply({"name": unique("bad"), "steps": [], "expected_version": "x"})


def test_a_version_that_does_not_come_up_leaves_the_old_one(
    wl: Client, server: PrivateServer, tmp_path: Path, double: ModelVersion, name: str
) -> None:
    """The client says the server's reason."""
    damaged = _upload(wl, tmp_path, unique("damaged"), 7.5)
    (blob,) = [found for found in (server.directory / "data").rglob("*") if damaged.sha() in found.name]
    blob.chmod(0o600)
    blob.write_bytes(b"damaged")
    wl.apply({"name": name, "steps": [{"model": double}]})
    with pytest.raises(DeploymentError, match=r"was not taken: .*damaged"):
        wl.apply({"name": name, "steps": [{"model": damaged}]})
    assert answer(wl, name) == [[12.0]]
    assert [record.action.value for record in wl.get_pipeline(name).audit()] == [
        *("refuse", "deploy", "version", "deploy", "create")
    ]
    with pytest.raises(Conflict, match="never ran another version"):
        wl.get_pipeline(name).rollback()
    plan = wl.apply({"name": name}, dry_run=True)
    assert "~ deployed version: " in str(plan), "what is newest does not run"


def test_rolled_back_and_compared(wl: Client, double: ModelVersion, triple: ModelVersion, name: str) -> None:
    """To the version before, to one by its UUID or itself; what differs prints."""
    wl.apply({"name": name, "steps": [{"model": double}]})
    wl.apply({"name": name, "steps": [{"model": triple}]})
    pipeline = wl.get_pipeline(name)
    newest, first = pipeline.versions()
    assert pipeline.rollback() is pipeline
    assert pipeline.infer(ROW)["out.y"].tolist() == [[12.0]]
    assert pipeline.rollback(newest).infer(ROW)["out.y"].tolist() == [[18.0]]
    assert pipeline.rollback(to=first.version()).infer(ROW)["out.y"].tolist() == [[12.0]]
    assert len(pipeline.versions()) == 2
    found = pipeline.diff(first)
    assert bool(found) and len(found.differences()) == 1
    assert str(found) == repr(found)
    assert str(found).startswith("~ step 0, model: 'double' version ")
    assert found._repr_html_().startswith("<pre>~ step 0, model: &#x27;double&#x27;")
    assert str(pipeline.diff(newest, newest)) == "= no difference"
    assert not pipeline.diff(newest, newest)
    with pytest.raises(EntityNotFoundError):
        pipeline.diff("nothing")
    with pytest.raises(EntityNotFoundError, match="Version of pipeline"):
        pipeline.rollback("nothing")


def test_who_changed_what(wl: Client, double: ModelVersion, name: str) -> None:
    """A table, newest first; by pipeline, by workspace, by page."""
    wl.apply({"name": name, "steps": [{"model": double}]})
    pipeline = wl.get_pipeline(name)
    records = pipeline.audit()
    assert [record.action.value for record in records] == ["deploy", "create"]
    version = pipeline.versions()[0].version()
    table = records._repr_html_()
    assert f"<td>pipeline {name}</td><td>pipelines/apply</td>" in table
    assert f"<td>{version[:8]}</td>" in table
    assert str(records).splitlines()[1].endswith(f"pipeline {name}  pipelines/apply    {version[:8]}")
    assert wl.audit(pipeline=name) == records
    assert wl.audit(workspace=wl.get_current_workspace(), limit=1) == records[:1]
    assert wl.audit(pipeline=name, before_id=records[0].id) == records[1:]
    assert any(record.model == "double" for record in wl.audit(workspace=wl.get_current_workspace()))
    assert (str(AuditRecords()), AuditRecords()._repr_html_()) == ("(no audit records)", "(no audit records)")
