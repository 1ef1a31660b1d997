"""The statements S1-01 … S1-56 of the seed on pipeline management, each a test named by its number."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pyarrow as pa
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import deploying, models
from tests.deploying import definition, deploy, post, reference, upload, wait_running

ARROW = "application/vnd.apache.arrow.file"
RECORDS = "application/json; format=pandas-records"


@dataclass(frozen=True)
class Room:
    """A workspace of its own with two uploaded models."""

    client: httpx.Client
    workspace: int
    summer: dict[str, Any]
    doubler: dict[str, Any]

    def create(self, name: str, **body: Any) -> Any:
        return post(self.client, "pipelines/create", pipeline_id=name, workspace_id=self.workspace, **body)

    def deploy(self, made: Any, name: str, **body: Any) -> Any:
        ids = {"pipeline_id": made["pipeline_pk_id"], "pipeline_version_pk_id": made["pipeline_variant_pk_id"]}
        return post(self.client, "pipelines/deploy", deploy_id=name, **ids, **body)

    def refused(self, path: str, status: int, **body: Any) -> dict[str, Any]:
        response = self.client.post(path, json=body)
        assert response.status_code == status, response.text
        answer: dict[str, Any] = response.json()
        return answer


@pytest.fixture(scope="module")
def room(client: httpx.Client) -> Room:
    workspace = post(client, "workspaces/create", workspace_name=f"s1-{uuid.uuid4()}")["workspace_id"]
    summer = upload(client, models.row_sum(3), "summer", workspace_id=workspace)
    doubler = upload(client, models.row_sum(1, 2.0), "doubler", workspace_id=workspace)
    return Room(client, workspace, summer, doubler)


@pytest.fixture(scope="module")
def running(room: Room) -> Iterator[deploying.Deployed]:
    """A deployed pipeline with one model."""
    deployed = deploy(room.client, "s1-running", [room.summer])
    yield deployed
    post(room.client, "pipelines/undeploy", deployment_id=deployed.deployment_id)


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4()}"


# ---------------------------------------------------------------- transport


def test_s1_01_every_call_is_a_post_with_a_json_body(room: Room) -> None:
    """The seed's helper posts JSON to {api}/v1/api{path}."""
    assert room.client.post("pipelines/list_pipelines", json={}).status_code == 200
    assert room.client.get("pipelines/list_pipelines").status_code == 405


def test_s1_02_without_a_valid_token_the_answer_is_401(server: PrivateServer, running: deploying.Deployed) -> None:
    """Inference included."""
    for url in (f"{server.api_url}/pipelines/create", running.url):
        assert httpx.post(url, json={}).status_code == 401
        assert httpx.post(url, json={}, headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_s1_03_errors_have_msg_and_code_and_the_engines_keys(room: Room, running: deploying.Deployed) -> None:
    """Both shapes decode in clients of every generation."""
    for response in (
        room.client.post("pipelines/create", json={}),
        room.client.post(running.url, json={"tensor": [[1, 2]]}),
    ):
        error = response.json()
        assert isinstance(error["msg"], str)
        assert error["code"] == response.status_code == 400
        assert error["status"] == "error"
        assert error["error"] == error["msg"]
    assert error["source"] == "engine"


# ---------------------------------------------------------------- create


def test_s1_04_pipeline_id_is_the_name(room: Room) -> None:
    name = unique("s1-04")
    room.create(name)
    found = post(room.client, "pipelines/get_pipeline_by_name", pipeline_name=name, workspace_id=room.workspace)
    assert found["pipeline"]["name"] == name


@pytest.mark.parametrize("value", [None, "1", 1.5, True, [1]])
def test_s1_05_workspace_id_is_a_required_int(room: Room, value: Any) -> None:
    body = {"pipeline_id": unique("s1-05")} | ({} if value is None else {"workspace_id": value})
    assert "workspace_id" in room.refused("pipelines/create", 400, **body)["message"]


@pytest.mark.parametrize("given", [{}, "{}", None, "", {"steps": []}])
def test_s1_06_definition_may_be_empty(room: Room, given: Any) -> None:
    """A1: object, JSON text, null or absent."""
    room.create(unique("s1-06"), definition=given)
    room.create(unique("s1-06"))


def test_s1_07_create_answers_exactly_three_keys(room: Room) -> None:
    made = room.create(unique("s1-07"), definition={})
    assert set(made) == {"pipeline_pk_id", "pipeline_variant_pk_id", "pipeline_variant_version"}
    assert isinstance(made["pipeline_pk_id"], int)
    assert isinstance(made["pipeline_variant_pk_id"], int)
    assert str(uuid.UUID(made["pipeline_variant_version"])) == made["pipeline_variant_version"]


def test_s1_08_a_definition_is_read_back_unchanged(room: Room) -> None:
    said = {"id": "free text ü", "steps": [{"ModelInference": {"models": [reference(room.summer)]}}]}
    made = room.create(unique("s1-08"), definition=said)
    version = post(room.client, "pipelines/get_version", version=made["pipeline_variant_version"])
    assert version["definition"] == said


def test_s1_09_one_call_makes_the_pipeline_and_its_first_version(room: Room) -> None:
    name = unique("s1-09")
    made = room.create(name)
    found = post(room.client, "pipelines/get_pipeline_by_name", pipeline_name=name, workspace_id=room.workspace)
    assert found["pipeline"]["id"] == made["pipeline_pk_id"]
    assert found["pipeline_versions"] == [made["pipeline_variant_version"]]


@pytest.mark.parametrize("field", ["name", "version", "sha"])
def test_s1_10_name_version_and_sha_must_agree(room: Room, field: str) -> None:
    """The refusal names the mismatching field, and nothing is written."""
    name = unique("s1-10")
    wrong = {"name": "doubler", "version": str(uuid.uuid4()), "sha": "0" * 64}[field]
    model = reference(room.summer) | {field: wrong}
    body = {"pipeline_id": name, "workspace_id": room.workspace}
    body["definition"] = {"steps": [{"ModelInference": {"models": [model]}}]}
    response = room.client.post("pipelines/create", json=body)
    assert response.status_code in (400, 404)
    assert response.json()["details"]["field"] == field
    room.refused("pipelines/get_pipeline_by_name", 404, pipeline_name=name, workspace_id=room.workspace)


def test_s1_11_the_same_name_gives_a_new_version_of_the_same_pipeline(room: Room) -> None:
    name = unique("s1-11")
    first, second = room.create(name), room.create(name)
    assert second["pipeline_pk_id"] == first["pipeline_pk_id"]
    assert second["pipeline_variant_pk_id"] > first["pipeline_variant_pk_id"]
    assert second["pipeline_variant_version"] != first["pipeline_variant_version"]


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"pipeline_id": None}, 400, "pipeline_id"),
        ({"pipeline_id": 7}, 400, "pipeline_id"),
        ({"workspace_id": 999_999}, 404, "999999"),
        ({"definition": []}, 400, "definition"),
        ({"definition": {"steps": {}}}, 400, "definition.steps"),
        ({"definition": {"steps": [{"Unheard": {}}]}}, 400, "Unheard"),
        ({"definition": {"steps": [{"ModelInference": {"models": []}}]}}, 400, "models"),
        ({"pipeline_id": "../../etc"}, 400, "etc"),
        ({"pipeline_id": "x" * 101}, 400, "101 characters"),
    ],
)
def test_s1_12_a_wrong_request_names_what_is_wrong_and_writes_nothing(
    room: Room, change: dict[str, Any], status: int, named: str
) -> None:
    before = post(room.client, "pipelines/list_pipelines", workspace_id=room.workspace)["pipelines"]
    body = {"pipeline_id": unique("s1-12"), "workspace_id": room.workspace, "definition": {}} | change
    assert named in room.refused("pipelines/create", status, **body)["message"]
    after = post(room.client, "pipelines/list_pipelines", workspace_id=room.workspace)["pipelines"]
    assert [item["pipeline"]["id"] for item in after] == [item["pipeline"]["id"] for item in before]


# ---------------------------------------------------------------- deploy


@pytest.mark.parametrize("value", [None, 5, "", "a b", "a/b", "ü", "x" * 64])
def test_s1_13_deploy_id_is_a_required_name(room: Room, value: Any) -> None:
    made = room.create(unique("s1-13"))
    body = {"pipeline_version_pk_id": made["pipeline_variant_pk_id"], "pipeline_id": made["pipeline_pk_id"]}
    if value is not None:
        body["deploy_id"] = value
    assert "deploy_id" in room.refused("pipelines/deploy", 400, **body)["message"]


def test_s1_14_a_version_is_required_by_number_or_uuid(room: Room) -> None:
    """A4: either form; both must agree."""
    made, other = room.create(unique("s1-14")), room.create(unique("s1-14"))
    ids = {"deploy_id": "s1-14", "pipeline_id": made["pipeline_pk_id"]}
    number, name = made["pipeline_variant_pk_id"], other["pipeline_variant_version"]
    assert "pipeline_version" in room.refused("pipelines/deploy", 400, **ids)["message"]
    room.refused("pipelines/deploy", 404, **ids, pipeline_version_pk_id=999_999)
    room.refused("pipelines/deploy", 400, **ids, pipeline_version_pk_id=number, pipeline_version=name)
    by_uuid = post(room.client, "pipelines/deploy", **ids, pipeline_version=made["pipeline_variant_version"])
    post(room.client, "pipelines/undeploy", deployment_id=by_uuid["id"])


def test_s1_15_pipeline_id_is_the_number_here(room: Room) -> None:
    """The same key is a name in create; the refusal says that a number was expected."""
    made = room.create(unique("s1-15"))
    body = {"deploy_id": "x", "pipeline_version_pk_id": made["pipeline_variant_pk_id"]}
    assert "int" in room.refused("pipelines/deploy", 400, **body, pipeline_id="name")["message"]
    assert "belongs to" in room.refused("pipelines/deploy", 400, **body, pipeline_id=999_999)["message"]


@pytest.mark.parametrize("config", [{}, "{}", None, {"engine": {"cpu": 0.5}, "unheard": 1}])
def test_s1_16_engine_config_is_optional(room: Room, config: Any) -> None:
    """A6: object or JSON text; unknown keys are kept."""
    name = unique("s1-16")
    deployed = room.deploy(room.create(name), "s1-16", engine_config=config)
    found = post(room.client, "pipelines/get_pipeline_by_name", pipeline_name=name, workspace_id=room.workspace)
    assert found["deployment"]["engine_config"] == (config if isinstance(config, dict) else {})
    post(room.client, "pipelines/undeploy", deployment_id=deployed["id"])


def test_s1_17_model_configs_choose_a_configuration(room: Room) -> None:
    """A configuration made with tensor_fields renames the input column."""
    configured = post(
        room.client, "models/insert_model_config", model_version_id=room.summer["id"], tensor_fields=["numbers"]
    )["model_config"]
    post(room.client, "models/insert_model_config", model_version_id=room.summer["id"])
    made = room.create(unique("s1-17"), definition=definition(room.summer))
    deployed = room.deploy(made, "s1-17", model_configs=[configured["id"]])
    wait_running(room.client, f"s1-17-{deployed['id']}")
    answer = room.client.post(
        f"pipelines/infer/s1-17-{deployed['id']}",
        content=json.dumps([{"numbers": [1, 2, 3]}]),
        headers={"Content-Type": RECORDS},
    ).json()
    assert answer[0]["out"]["y"] == [6.0]
    post(room.client, "pipelines/undeploy", deployment_id=deployed["id"])


def test_s1_18_model_ids_suffice_and_the_configuration_is_visible(room: Room) -> None:
    made = room.create(unique("s1-18"), definition=definition(room.summer))
    deployed = room.deploy(made, "s1-18", model_ids=[room.summer["id"]])
    config = post(room.client, "models/get_config_by_id", model_id=room.summer["id"])["model_config"]
    assert config["model_version_id"] == room.summer["id"]
    assert config["runtime"] == "onnx"
    post(room.client, "pipelines/undeploy", deployment_id=deployed["id"])


@pytest.mark.parametrize("field", ["name", "version", "sha"])
def test_s1_19_each_field_of_models_is_required(room: Room, field: str) -> None:
    made = room.create(unique("s1-19"), definition=definition(room.summer))
    model = {key: value for key, value in reference(room.summer).items() if key != field}
    ids = {"pipeline_id": made["pipeline_pk_id"], "pipeline_version_pk_id": made["pipeline_variant_pk_id"]}
    assert field in room.refused("pipelines/deploy", 400, deploy_id="s1-19", **ids, models=[model])["message"]


def test_s1_19_a_model_must_be_in_the_pipelines_workspace(room: Room, client: httpx.Client) -> None:
    elsewhere = upload(client, models.row_sum(2), "elsewhere")
    made = room.create(unique("s1-19"), definition=definition(room.summer))
    ids = {"pipeline_id": made["pipeline_pk_id"], "pipeline_version_pk_id": made["pipeline_variant_pk_id"]}
    room.refused("pipelines/deploy", 404, deploy_id="s1-19", **ids, models=[reference(elsewhere)])


def test_s1_20_model_steps_need_one_of_the_three_options(room: Room) -> None:
    """The refusal names them; all models must be covered; strict_models=false turns it off (A7)."""
    made = room.create(unique("s1-20"), definition=definition(room.doubler, room.doubler))
    ids = {"pipeline_id": made["pipeline_pk_id"], "pipeline_version_pk_id": made["pipeline_variant_pk_id"]}
    message = room.refused("pipelines/deploy", 400, deploy_id="s1-20", **ids)["message"]
    assert all(option in message for option in ("model_configs", "model_ids", "models"))
    room.refused("pipelines/deploy", 400, deploy_id="s1-20", **ids, model_ids=[room.summer["id"]])
    loose = post(room.client, "pipelines/deploy", deploy_id="s1-20", **ids, strict_models=False)
    post(room.client, "pipelines/undeploy", deployment_id=loose["id"])


def test_s1_21_s1_22_s1_47_an_empty_pipeline_deploys_and_undeploys(room: Room) -> None:
    """A28: it runs without models, and an inference is told that there is nothing to run."""
    deployed = room.deploy(room.create(unique("s1-21")), "s1-21")
    assert list(deployed) == ["id"]
    assert isinstance(deployed["id"], int)
    status = wait_running(room.client, f"s1-21-{deployed['id']}")
    assert status["engines"][0]["model_statuses"] == {"models": []}
    response = room.client.post(f"pipelines/infer/s1-21-{deployed['id']}", json={"tensor": [[1]]})
    assert response.status_code == 400
    assert "no steps" in response.json()["message"]
    assert post(room.client, "pipelines/undeploy", deployment_id=deployed["id"]) == {}


def test_s1_23_deploy_does_not_wait(room: Room) -> None:
    """The status goes from Starting to Running afterwards."""
    made = room.create(unique("s1-23"), definition=definition(room.summer))
    deployed = room.deploy(made, "s1-23", models=[reference(room.summer)])
    first = post(room.client, "status/get_deployment", name=f"s1-23-{deployed['id']}")
    assert first["status"] == "Starting"
    assert wait_running(room.client, f"s1-23-{deployed['id']}")["status"] == "Running"
    post(room.client, "pipelines/undeploy", deployment_id=deployed["id"])


def test_s1_24_deploying_again_keeps_the_id_and_swaps_the_version(room: Room) -> None:
    name = unique("s1-24")
    first = room.create(name, definition=definition(room.summer))
    number = room.deploy(first, "s1-24", model_ids=[room.summer["id"]])["id"]
    url = f"pipelines/infer/s1-24-{number}"
    wait_running(room.client, f"s1-24-{number}")
    second = room.create(name, definition=definition(room.summer, room.doubler))
    again = room.deploy(second, "s1-24", model_ids=[room.summer["id"], room.doubler["id"]])["id"]
    assert again == number
    seen = set()
    until = time.monotonic() + 20
    while 12.0 not in seen:
        seen.add(room.client.post(url, json={"tensor": [[1, 2, 3]]}).json()[0]["outputs"][0]["Float"]["data"][0])
        assert time.monotonic() < until
    assert seen <= {6.0, 12.0}
    post(room.client, "pipelines/undeploy", deployment_id=number)


# ---------------------------------------------------------------- status


def test_s1_25_s1_26_the_status_has_the_seeds_keys(room: Room, running: deploying.Deployed) -> None:
    status = post(room.client, "status/get_deployment", name=running.name)
    assert {"status", "details", "engines", "engine_lbs", "sidekicks"} <= set(status)
    assert status["details"] == []


def test_s1_27_s1_28_s1_29_an_engine_shows_its_pipeline_and_models(room: Room, running: deploying.Deployed) -> None:
    (engine,) = post(room.client, "status/get_deployment", name=running.name)["engines"]
    keys = {"ip", "name", "status", "reason", "details", "pipeline_statuses", "model_statuses"}
    assert keys <= set(engine)
    assert engine["reason"] is None
    assert engine["pipeline_statuses"] == {"pipelines": [{"id": running.pipeline_name, "status": "Running"}]}
    assert engine["model_statuses"] == {"models": [reference(room.summer) | {"status": "Running"}]}


def test_s1_30_s1_31_there_is_one_load_balancer_and_no_sidekick(room: Room, running: deploying.Deployed) -> None:
    status = post(room.client, "status/get_deployment", name=running.name)
    (balancer,) = status["engine_lbs"]
    assert {"ip", "name", "status", "reason", "details"} <= set(balancer)
    assert status["sidekicks"] == []


def test_s1_32_running_only_when_every_replica_is(room: Room) -> None:
    """The second replica of two comes up later; until then the whole is Starting."""
    made = room.create(unique("s1-32"), definition=definition(room.summer))
    config = {"engine": {"replicas": 3}}
    deployed = room.deploy(made, "s1-32", model_ids=[room.summer["id"]], engine_config=config)
    name = f"s1-32-{deployed['id']}"
    until = time.monotonic() + 20
    while True:
        status = post(room.client, "status/get_deployment", name=name)
        healths = [engine["info"]["health"] for engine in status["engines"]]
        assert status["status"] == ("Running" if set(healths) == {"Running"} else "Starting")
        if status["status"] == "Running":
            break
        assert time.monotonic() < until
    post(room.client, "pipelines/undeploy", deployment_id=deployed["id"])


def test_s1_33_replicas_have_names_of_their_own(room: Room) -> None:
    made = room.create(unique("s1-33"), definition=definition(room.summer))
    config = {"engine": {"replicas": 2}}
    deployed = room.deploy(made, "s1-33", model_ids=[room.summer["id"]], engine_config=config)
    status = wait_running(room.client, f"s1-33-{deployed['id']}")
    names = [engine["name"] for engine in status["engines"]]
    assert len(set(names)) == 2
    assert all(re.fullmatch(r"engine-[0-9a-f]{10}-[a-z0-9]{5}", name) for name in names)
    assert re.fullmatch(r"engine-lb-[0-9a-f]{10}-[a-z0-9]{5}", status["engine_lbs"][0]["name"])
    post(room.client, "pipelines/undeploy", deployment_id=deployed["id"])


@pytest.mark.parametrize("name", ["unheard-1", "s1-running-999999", "no number", "", "-", "s1-running--1"])
def test_s1_34_an_unknown_deployment_is_404(room: Room, name: str) -> None:
    assert room.refused("status/get_deployment", 404, name=name)["code"] == 404


# ---------------------------------------------------------------- external URL


def test_s1_35_s1_36_s1_37_the_external_url_is_absolute_and_works(room: Room, running: deploying.Deployed) -> None:
    where = {"workspace_id": room.workspace, "pipeline_name": running.pipeline_name}
    answer = post(room.client, "admin/get_pipeline_external_url", **where)
    assert list(answer) == ["url"]
    assert httpx.URL(answer["url"]).is_absolute_url
    assert room.client.post(answer["url"], json={"tensor": [[1, 2, 3]]}).status_code == 200


def test_s1_37_the_url_is_the_one_the_caller_reached_us_by(room: Room, running: deploying.Deployed) -> None:
    """Behind a proxy the Host header carries the public name."""
    where = {"workspace_id": room.workspace, "pipeline_name": running.pipeline_name}
    headers = {"Host": "localhost:12345"}
    answer = room.client.post("admin/get_pipeline_external_url", json=where, headers=headers).json()
    assert answer["url"].startswith("http://localhost:12345/")


def test_s1_38_a_pipeline_that_is_not_deployed_has_no_url(room: Room) -> None:
    name = unique("s1-38")
    room.create(name)
    for path in ("admin/get_pipeline_external_url", "admin/get_pipeline_internal_url"):
        error = room.refused(path, 404, workspace_id=room.workspace, pipeline_name=name)
        assert "not deployed" in error["message"]
        assert "url" not in error


# ---------------------------------------------------------------- inference


def test_s1_39_the_same_data_file_works(shared_data: Path, ccfraud: deploying.Deployed, client: httpx.Client) -> None:
    """Records posted as plain JSON, which is how a data file of the SDK is sent by hand."""
    rows = json.loads((shared_data / "data" / "cc_data_1k.df.json").read_bytes())
    answer = client.post(ccfraud.url, json=rows).json()
    assert len(answer) == 1001
    np.testing.assert_allclose(answer[0]["out"]["dense_1"], [0.99300325], rtol=1e-4)


def test_s1_40_both_url_forms_are_served(room: Room, running: deploying.Deployed, server: PrivateServer) -> None:
    base = f"{server.api_url}/pipelines/infer/{running.name}"
    assert running.url == f"{base}/{running.pipeline_name}"
    for url in (base, running.url):
        assert room.client.post(url, json={"tensor": [[1, 2, 3]]}).status_code == 200
    assert room.client.post(f"{base}/another", json={"tensor": [[1, 2, 3]]}).status_code == 404


@pytest.fixture(scope="module")
def ccfraud(shared_data: Path, client: httpx.Client) -> Iterator[deploying.Deployed]:
    """The vendor's credit-card fraud model, deployed."""
    version = upload(client, (shared_data / "models" / "ccfraud.onnx").read_bytes(), "ccfraud")
    deployed = deploy(client, "ccfraud", [version])
    yield deployed
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)


@pytest.fixture(scope="module")
def houses(shared_data: Path, client: httpx.Client) -> Iterator[deploying.Deployed]:
    """The vendor's house price model, deployed."""
    version = upload(client, (shared_data / "models" / "rf_model.onnx").read_bytes(), "rf-model")
    deployed = deploy(client, "houses", [version])
    yield deployed
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)


def _tensor(shared_data: Path, name: str) -> dict[str, Any]:
    rows = json.loads((shared_data / "data" / name).read_bytes())
    return {"tensor": [row["tensor"] for row in rows]}


def test_s1_41_the_legacy_answer(shared_data: Path, ccfraud: deploying.Deployed, client: httpx.Client) -> None:
    """One 1001-row request gives dim [1001, 1]; len(data) == prod(dim)."""
    (item,) = client.post(ccfraud.url, json=_tensor(shared_data, "cc_data_1k.df.json")).json()
    assert {"model_name", "model_version", "pipeline_name", "outputs"} <= set(item)
    (output,) = item["outputs"]
    assert set(output) == {"Float"}
    assert output["Float"]["v"] == 1
    assert output["Float"]["dim"] == [1001, 1]
    assert len(output["Float"]["data"]) == 1001
    expected = [0.99300325, 0.99300325, 0.99300325, 0.99300325, 0.0010916889]
    np.testing.assert_allclose(output["Float"]["data"][:5], expected, rtol=1e-4)
    np.testing.assert_allclose(output["Float"]["data"][-2:], [0.0008533001, 0.0012498498], rtol=1e-4)
    assert output["Float"]["data"][0] == 0.993003249168396


def test_s1_42_further_keys_of_a_legacy_item(running: deploying.Deployed, client: httpx.Client) -> None:
    before = time.time_ns() // 1_000_000
    (item,) = client.post(running.url, json={"tensor": [[1, 2, 3]]}).json()
    assert {"original_data", "time", "elapsed", "check_failures", "shadow_data"} <= set(item)
    assert before <= item["time"] <= time.time_ns() // 1_000_000
    assert all(isinstance(value, int) for value in item["elapsed"])


def test_s1_43_records_in_records_out(running: deploying.Deployed, client: httpx.Client) -> None:
    body = json.dumps([{"tensor": [1, 2, 3], "note": "a"}, {"tensor": [4, 5, 6], "note": "b"}])
    response = client.post(running.url, content=body, headers={"Content-Type": RECORDS})
    first, second = response.json()
    assert list(first) == ["time", "in", "out", "check_failures", "anomaly", "metadata"]
    assert first["in"] == {"note": "a", "tensor": [1, 2, 3]}
    assert [first["out"], second["out"]] == [{"y": [6.0]}, {"y": [15.0]}]
    assert first["time"] == second["time"]
    assert first["anomaly"] == {"count": 0}


def test_s1_43_arrow_in_arrow_out(running: deploying.Deployed, client: httpx.Client) -> None:
    table = pa.table({"tensor": pa.array([[1, 2, 3]], pa.list_(pa.float32()))})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    body = sink.getvalue().to_pybytes()
    response = client.post(running.url, content=body, headers={"Content-Type": ARROW, "Accept": ARROW})
    assert response.headers["Content-Type"] == ARROW
    answer = pa.ipc.open_file(response.content).read_all()
    assert answer.column_names == ["time", "in", "out", "anomaly", "metadata"]
    assert answer.column("out").to_pylist() == [{"y": [6.0]}]
    assert answer.schema.field("out").type.field("y").type == pa.list_(pa.float32())
    legacy = client.post(running.url, content=body, headers={"Content-Type": ARROW}).json()
    assert legacy[0]["outputs"][0]["Float"]["data"] == [6.0]


@pytest.mark.parametrize(
    ("pipeline", "stem", "first"), [("ccfraud", "cc_data_1k", 0.99300325), ("houses", "xtest-1k", 718013.7)]
)
def test_s1_39_records_tensors_and_arrow_give_the_same_numbers(
    shared_data: Path,
    client: httpx.Client,
    request: pytest.FixtureRequest,
    pipeline: str,
    stem: str,
    first: float,
) -> None:
    """S5-28 too: the vendor's expected values, in all three formats."""
    url = request.getfixturevalue(pipeline).url
    data = shared_data / "data"
    records = client.post(
        url, content=(data / f"{stem}.df.json").read_bytes(), headers={"Content-Type": RECORDS}
    ).json()
    by_record = [next(iter(row["out"].values()))[0] for row in records]
    (legacy,) = client.post(url, json=_tensor(shared_data, f"{stem}.df.json")).json()
    headers = {"Content-Type": ARROW, "Accept": ARROW}
    arrow = client.post(url, content=(data / f"{stem}.arrow").read_bytes(), headers=headers).content
    column = pa.ipc.open_file(arrow).read_all().column("out").combine_chunks().flatten()[0]
    np.testing.assert_allclose(by_record[0], first, rtol=1e-4)
    np.testing.assert_allclose(by_record, legacy["outputs"][0]["Float"]["data"], rtol=0, atol=0)
    np.testing.assert_allclose(by_record, column.flatten().to_numpy(), rtol=0, atol=0)


def test_s1_44_an_inference_that_cannot_be_served_names_the_state(room: Room) -> None:
    """Starting: 503 to be tried again. Undeployed: 404. Never a hang."""
    made = room.create(unique("s1-44"), definition=definition(room.summer))
    deployed = room.deploy(made, "s1-44", model_ids=[room.summer["id"]])
    url = f"pipelines/infer/s1-44-{deployed['id']}"
    response = room.client.post(url, json={"tensor": [[1, 2, 3]]})
    assert response.status_code == 503
    assert "Starting" in response.json()["message"]
    assert int(response.headers["Retry-After"]) >= 1
    wait_running(room.client, f"s1-44-{deployed['id']}")
    post(room.client, "pipelines/undeploy", deployment_id=deployed["id"])
    assert room.client.post(url, json={"tensor": [[1, 2, 3]]}).status_code == 404


# ---------------------------------------------------------------- undeploy


def test_s1_45_either_id_undeploys_and_both_must_belong_together(room: Room) -> None:
    """A10."""
    first = room.create(unique("s1-45"))
    number = room.deploy(first, "s1-45")["id"]
    room.refused("pipelines/undeploy", 400)
    room.refused("pipelines/undeploy", 400, pipeline_id=999_999, deployment_id=number)
    room.refused("pipelines/undeploy", 404, deployment_id=999_999)
    assert post(room.client, "pipelines/undeploy", pipeline_id=first["pipeline_pk_id"]) == {}
    room.refused("status/get_deployment", 404, name=f"s1-45-{number}")


def test_s1_46_undeploy_returns_nothing(room: Room) -> None:
    """An empty object: the vendor's client cannot read null (contract/rest.md; CONTRIBUTING says why not S1-46's)."""
    made = room.create(unique("s1-46"))
    number = room.deploy(made, "s1-46")["id"]
    ids = {"pipeline_id": made["pipeline_pk_id"], "deployment_id": number}
    assert post(room.client, "pipelines/undeploy", **ids) == {}
    assert post(room.client, "pipelines/undeploy", **ids) == {}


def test_s1_48_afterwards_the_processes_are_gone_and_all_else_is_there(room: Room) -> None:
    name = unique("s1-48")
    made = room.create(name, definition=definition(room.summer))
    number = room.deploy(made, "s1-48", model_ids=[room.summer["id"]])["id"]
    status = wait_running(room.client, f"s1-48-{number}")
    process = psutil.Process(int(status["engines"][0]["info"]["labels"]["pid"]))
    room.client.post(f"pipelines/infer/s1-48-{number}", json={"tensor": [[1, 2, 3]]})
    post(room.client, "pipelines/undeploy", deployment_id=number)
    process.wait(5)
    where = {"pipeline_name": name, "workspace_id": room.workspace}
    found = post(room.client, "pipelines/get_pipeline_by_name", **where)
    assert found["deployment"] is None
    assert found["pipeline_versions"] == [made["pipeline_variant_version"]]
    assert len(post(room.client, "pipelines/get_logs", **where)) == 1
    assert post(room.client, "models/get_version_by_id", model_version_id=room.summer["id"])


# ---------------------------------------------------------------- copy


def test_s1_49_the_fields_of_copy_are_required(room: Room) -> None:
    whole = {"name": unique("s1-49"), "workspace_id": room.workspace, "source_pipeline": 1}
    for field in whole:
        body = {key: value for key, value in whole.items() if key != field}
        assert field in room.refused("pipelines/copy", 400, **body)["message"]
    room.refused("pipelines/copy", 404, **(whole | {"source_pipeline": 999_999}))


def test_s1_50_s1_54_a_copy_may_be_deployed_at_once(room: Room) -> None:
    source = room.create(unique("s1-50"), definition=definition(room.summer))
    room.create(unique("s1-50"), definition={})
    copied = post(
        room.client,
        "pipelines/copy",
        name=unique("s1-50-copy"),
        workspace_id=room.workspace,
        source_pipeline=source["pipeline_pk_id"],
        deploy="s1-50-copy",
        engine_config={"engine": {"replicas": 2}},
        pipeline_version=source["pipeline_variant_version"],
    )
    assert isinstance(copied["deployment"]["id"], int)
    assert uuid.UUID(copied["pipeline_version"])
    status = wait_running(room.client, f"s1-50-copy-{copied['deployment']['id']}")
    assert len(status["engines"]) == 2
    post(room.client, "pipelines/undeploy", deployment_id=copied["deployment"]["id"])


def test_s1_51_s1_52_a_plain_copy_has_null_for_the_last_two(room: Room) -> None:
    source = room.create(unique("s1-51"), definition=definition(room.summer))
    name = unique("s1-51-copy")
    body = {"name": name, "workspace_id": room.workspace, "source_pipeline": source["pipeline_pk_id"]}
    copied = post(room.client, "pipelines/copy", **body)
    keys = {"pipeline_pk_id", "pipeline_variant_pk_id", "pipeline_version", "deployment"}
    assert set(copied) == keys
    assert (copied["pipeline_version"], copied["deployment"]) == (None, None)
    found = post(room.client, "pipelines/get_pipeline_by_name", pipeline_name=name, workspace_id=room.workspace)
    assert found["pipeline"]["id"] == copied["pipeline_pk_id"]


def test_s1_53_steps_are_copied_not_shared(room: Room) -> None:
    source = room.create(unique("s1-53"), definition=definition(room.summer))
    name = unique("s1-53-copy")
    body = {"name": name, "workspace_id": room.workspace, "source_pipeline": source["pipeline_pk_id"]}
    post(room.client, "pipelines/copy", **body)
    room.create(name, definition={"steps": []})
    original = post(room.client, "pipelines/get_version", version=source["pipeline_variant_version"])
    assert original["definition"] == definition(room.summer)


def test_s1_55_a_taken_name_is_refused_for_a_copy(room: Room) -> None:
    name = unique("s1-55")
    source = room.create(name)
    body = {"name": name, "workspace_id": room.workspace, "source_pipeline": source["pipeline_pk_id"]}
    assert name in room.refused("pipelines/copy", 409, **body)["message"]


def test_s1_56_copy_is_kept_as_our_endpoint(room: Room) -> None:
    """It is gone from the vendor's newest client, and in our OpenAPI document."""
    assert "/v1/api/pipelines/copy" in room.client.get("openapi.json").json()["paths"]
