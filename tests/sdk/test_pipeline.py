"""The life of a pipeline: built, deployed, changed, deployed again, undeployed."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import Client, DeploymentConfigBuilder
from jupyter_wallaroo.sdk.model_version import ModelVersion
from jupyter_wallaroo.sdk.object import DeploymentError, EntityNotFoundError
from jupyter_wallaroo.sdk.pipeline import Pipeline
from jupyter_wallaroo.types.names import deploy_id_of
from tests import models
from tests.deploying import post
from tests.sdk.conftest import endpoint, unique

ROW = pd.DataFrame({"tensor": [[1.0, 2.0, 3.0]]})
ROWS = ["name", "created", "last_updated", "deployed", "workspace_id", "workspace_name", "arch", "accel", "tags"]
ROWS += ["versions", "steps", "published"]


def rows_of(pipeline: Pipeline) -> dict[str, str]:
    return dict(re.findall(r"<tr><th>(\w+)</th> <td>(.*?)</td></tr>", pipeline._repr_html_()))


def uuids(pipeline: Pipeline) -> list[str]:
    return [version.name() for version in pipeline.versions()]


@pytest.fixture(scope="module")
def summer(wl: Client, model_file: Path) -> ModelVersion:
    return wl.upload_model("summer", model_file).configure(tensor_fields=["tensor"])


@pytest.fixture(scope="module")
def doubler(wl: Client, tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    path = tmp_path_factory.mktemp("doubler") / "doubler.onnx"
    path.write_bytes(models.row_sum(3, 2.0))
    return wl.upload_model("doubler", path).configure(tensor_fields=["tensor"])


def test_s2_23_to_s2_31_a_life(wl: Client, summer: ModelVersion, capsys: pytest.CaptureFixture[str]) -> None:
    """The seeds' cells, with what each may and may not change."""
    pipeline = wl.build_pipeline(unique("life"))
    assert pipeline.clear() is pipeline
    assert pipeline.add_model_step(summer) is pipeline
    before = rows_of(pipeline)
    assert list(before) == ROWS
    assert (before["deployed"], before["steps"], before["tags"], before["published"]) == (
        "False",
        "summer",
        "",
        "False",
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00:00", before["created"])

    config = DeploymentConfigBuilder().cpus(0.25).memory("1Gi").replica_count(2).build()
    assert pipeline.deploy(deployment_config=config) is pipeline
    printed = capsys.readouterr().out
    assert re.fullmatch(r"Waiting for deployment - this will take up to 45s \.+ ok\n", printed)
    deployed = rows_of(pipeline)
    assert deployed["deployed"] == "True"
    assert deployed["last_updated"] > before["last_updated"]
    assert deployed["versions"].split(", ")[1:] == before["versions"].split(", ")
    assert deployed["arch"] == wl.default_arch
    assert len(pipeline.status()["engines"]) == 2
    assert pipeline.status()["status"] == "Running"

    assert pipeline.undeploy() is pipeline
    assert re.fullmatch(r"Waiting for undeployment - this will take up to 45s \.+ ok\n", capsys.readouterr().out)
    assert rows_of(pipeline) == {**deployed, "deployed": "False"}
    assert pipeline.status() == {"status": "Pipeline is not deployed"}
    assert pipeline.undeploy().deployment() is None


def test_s2_29_every_deploy_makes_a_version_and_swaps_in_place(
    wl: Client, summer: ModelVersion, doubler: ModelVersion
) -> None:
    """Once ``deploy`` returns, the new version answers; the deployment keeps its id (S1-24)."""
    pipeline = wl.build_pipeline(unique("swap")).add_model_step(summer).deploy()
    try:
        deployment = pipeline.deployment()
        assert deployment is not None
        first = uuids(pipeline)
        assert pipeline.infer(ROW)["out.y"].tolist() == [[6.0]]
        pipeline.clear().add_model_step(doubler).deploy()
        target = pipeline._target()
        assert target.ways.find(target.pipe).credentials is not None, (
            "the engines' own door, where the old one was kept"
        )
        assert pipeline.infer(ROW)["out.y"].tolist() == [[12.0]]
        pipeline.deploy()
        assert uuids(pipeline)[2:] == first
        again = pipeline.deployment()
        assert again is not None
        assert again.id() == deployment.id()
        assert repr(again) == f"Deployment(id={again.id()}, name={again.name()!r})"
    finally:
        pipeline.undeploy()


def test_s5_17_adding_a_step_changes_nothing_deployed(wl: Client, summer: ModelVersion, doubler: ModelVersion) -> None:
    """And a notebook that fetches its pipeline and adds its step may run twice."""
    pipeline = wl.build_pipeline(unique("again")).add_model_step(summer).deploy()
    try:
        fetched = wl.pipelines_by_name(pipeline.name())[0]
        assert rows_of(fetched)["steps"] == "summer"
        fetched.add_model_step(doubler)
        shown = rows_of(fetched)
        assert (shown["deployed"], shown["steps"], len(uuids(fetched))) == ("True", "doubler", 2)
        assert fetched.infer(ROW)["out.y"].tolist() == [[6.0]]
        assert len(uuids(fetched.deploy())) == 3
        assert fetched.infer(ROW)["out.y"].tolist() == [[12.0]]
        restarted = wl.get_pipeline(pipeline.name()).deploy()
        assert restarted.steps() == fetched.steps(), "deployed from what is stored"
        old = wl.get_pipeline(pipeline.name(), uuids(pipeline)[2])
        assert old.steps()[0]["ModelInference"]["models"] == [summer.reference()]
        with pytest.raises(EntityNotFoundError, match="Version of pipeline"):
            wl.get_pipeline(pipeline.name(), "0000")
    finally:
        pipeline.undeploy()


def test_s5_15_a_pipeline_is_found_by_name_or_not_at_all(wl: Client, server: PrivateServer) -> None:
    """The one of the current workspace first."""
    name = unique("shared")
    wl.build_pipeline(name)
    with Client(endpoint(server), token=server.token) as other:
        other.build_pipeline(name)
        here, there = other.pipelines_by_name(name), wl.pipelines_by_name(name)
        assert [item.workspace_id() for item in here] == [item.workspace_id() for item in there][::-1]
    assert there[0] == wl.get_pipeline(name)
    with pytest.raises(EntityNotFoundError, match=f"Pipeline '{name}x' does not exist. Did you mean '{name}'"):
        wl.pipelines_by_name(f"{name}x")
    with pytest.raises(EntityNotFoundError):
        wl.get_pipeline(f"{name}x")


def test_x_01_rest_and_client_see_the_same(wl: Client, server: PrivateServer) -> None:
    name = unique("by-rest")
    workspace_id = wl.get_current_workspace().id()
    with server.client as client:
        made = post(client, "pipelines/create", pipeline_id=name, workspace_id=workspace_id, definition={})
        assert wl.pipelines_by_name(name)[0].id() == made["pipeline_pk_id"]
        built = wl.build_pipeline(unique("by-client"))
        found = post(
            client, "pipelines/get_pipeline_by_name", pipeline_name=built.name(), workspace_id=built.workspace_id()
        )
    assert found["pipeline"]["id"] == built.id()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("house", "house"),
        ("House prices", "house-prices"),
        ("a.b_c-d", "a.b_c-d"),
        ("end-", "end"),
        ("x" * 100, "x" * 63),
        ("___", "pipeline"),
    ],
)
def test_names_become_deploy_ids(name: str, expected: str) -> None:
    assert deploy_id_of(name) == expected


def test_a_name_with_spaces_is_deployed(wl: Client, summer: ModelVersion) -> None:
    pipeline = wl.build_pipeline(unique("House prices of")).add_model_step(summer).deploy()
    try:
        assert pipeline.infer(ROW)["out.y"].tolist() == [[6.0]]
        assert pipeline.url().endswith(pipeline.name().replace(" ", "%20"))
    finally:
        pipeline.undeploy()


def test_a_deployment_may_be_called_otherwise_and_keeps_its_name(wl: Client, summer: ModelVersion) -> None:
    pipeline = wl.build_pipeline(unique("named")).add_model_step(summer)
    name = unique("Own name")
    try:
        pipeline.deploy(name)
        first = pipeline.deployment()
        pipeline.deploy()
        second = pipeline.deployment()
        assert first is not None and second is not None
        assert first.name() == second.name() == f"{name.lower().replace(' ', '-')}-{first.id()}"
    finally:
        pipeline.undeploy()


def test_without_waiting_the_call_returns_at_once(
    wl: Client, summer: ModelVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = wl.build_pipeline(unique("hasty")).add_model_step(summer)
    pipeline.deploy(wait_for_status=False)
    try:
        assert capsys.readouterr().out == ""
        assert pipeline.infer(ROW)["out.y"].tolist() == [[6.0]], "503 while it starts is waited out"
    finally:
        pipeline.undeploy()


def test_a_pipeline_that_cannot_run_says_the_servers_reason(
    wl: Client, summer: ModelVersion, tmp_path: Path, server: PrivateServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here the stored file is damaged; what ran before goes on."""
    path = tmp_path / "other.onnx"
    path.write_bytes(models.row_sum(3, 7.0))
    damaged = wl.upload_model("damaged", path).configure(tensor_fields=["tensor"])
    (blob,) = [found for found in (server.directory / "data").rglob("*") if damaged.sha() in found.name]
    blob.chmod(0o600)
    blob.write_bytes(b"damaged")
    pipeline = wl.build_pipeline(unique("damaged")).add_model_step(damaged)
    try:
        with pytest.raises(DeploymentError, match=r"cannot run: .*is damaged.*pipeline\.undeploy\(\) gives it up"):
            pipeline.deploy()
        assert capsys.readouterr().out.endswith(" failed\n")
        assert pipeline.clear().add_model_step(summer).deploy().infer(ROW)["out.y"].tolist() == [[6.0]]
        with pytest.raises(DeploymentError, match=r"was not taken: .*damaged"):
            pipeline.clear().add_model_step(damaged).deploy()
        assert pipeline.infer(ROW)["out.y"].tolist() == [[6.0]]
    finally:
        pipeline.undeploy()


def test_what_is_no_configuration_is_refused(wl: Client, summer: ModelVersion) -> None:
    """The builder itself, most likely."""
    pipeline = wl.build_pipeline(unique("config")).add_model_step(summer)
    with pytest.raises(InvalidRequest, match=r"is the \.build\(\) missing"):
        pipeline.deploy(deployment_config=DeploymentConfigBuilder().cpus(1))  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="from 128Mi"):
        pipeline.deploy(deployment_config=DeploymentConfigBuilder().memory("1 byte").build())


def test_a_list_is_shown_as_a_table(wl: Client) -> None:
    name = unique("listed")
    wl.build_pipeline(name)
    html = wl.list_pipelines()._repr_html_()
    assert html.startswith("<table><tr>" + "".join(f"<th>{heading}</th>" for heading in ROWS) + "</tr>")
    assert f"<td>{name}</td>" in html
    versions = wl.get_pipeline(name).versions()
    assert versions[0].version() in versions._repr_html_()
    assert repr(versions[0]) == f"PipelineVersion(pipeline={name!r}, version={versions[0].version()!r})"
    assert versions[0].definition() == {}
