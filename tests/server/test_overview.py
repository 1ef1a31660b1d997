"""What lists on a screen show: pipelines at a glance, versions, live figures."""

from __future__ import annotations

import time
import uuid
from typing import Any

import httpx

from tests import models
from tests.deploying import deploy, infer, post, upload


def _glance(client: httpx.Client, workspace_id: int, pipeline_id: int) -> dict[str, Any]:
    found = post(client, "pipelines/overview", workspace_id=workspace_id)["pipelines"]
    (one,) = [item for item in found if item["pipeline_id"] == pipeline_id]
    return one  # type: ignore[no-any-return]


def test_a_pipeline_at_a_glance_from_birth_to_end(client: httpx.Client) -> None:
    """It says what the events say, and what is true when nothing is deployed."""
    name = f"glance-{uuid.uuid4().hex[:8]}"
    version = upload(client, models.row_sum(3), name)
    deployed = deploy(client, name, [version], replicas=2)
    glance = _glance(client, deployed.workspace_id, deployed.pipeline_id)
    assert glance["pipeline"] == name
    assert (glance["status"], glance["replicas_running"], glance["replicas_wanted"]) == ("Running", 2, 2)
    assert (glance["deployment"], glance["deployment_id"]) == (deployed.name, deployed.deployment_id)
    assert glance["pipeline_version"] == glance["version"]
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)
    glance = _glance(client, deployed.workspace_id, deployed.pipeline_id)
    assert (glance["status"], glance["deployment"], glance["replicas_wanted"]) == ("Undeployed", None, 0)


def test_the_overview_of_an_unknown_workspace_names_those_there_are(client: httpx.Client) -> None:
    response = client.post("pipelines/overview", json={"workspace_id": 999_999})
    assert response.status_code == 404
    assert "999999" in response.json()["message"]


def test_versions_say_which_ran_and_which_runs(client: httpx.Client) -> None:
    name = f"versions-{uuid.uuid4().hex[:8]}"
    version = upload(client, models.row_sum(3), name)
    first = deploy(client, name, [version])
    never = post(client, "pipelines/create", pipeline_id=name, workspace_id=first.workspace_id, definition={})[
        "pipeline_variant_version"
    ]
    second = deploy(client, name, [version, upload(client, models.row_sum(1), f"{name}-2")])
    found = post(client, "pipelines/list_versions", pipeline_id=second.pipeline_id)["versions"]
    assert [(item["was_deployed"], item["is_deployed"]) for item in found] == [
        (True, True), (False, False), (True, False)
    ]  # fmt: skip
    assert [item["models"] for item in found] == [[name, f"{name}-2"], [], [name]]
    assert found[1]["version"] == never
    assert found[0]["author"]
    post(client, "pipelines/undeploy", deployment_id=second.deployment_id)
    found = post(client, "pipelines/list_versions", pipeline_id=second.pipeline_id)["versions"]
    assert not any(item["is_deployed"] for item in found)


def test_traffic_counts_what_was_asked(client: httpx.Client) -> None:
    """Requests, rows, and those that were the caller's mistake; figures of a pipeline that nobody called are zero."""
    name = f"traffic-{uuid.uuid4().hex[:8]}"
    deployed = deploy(client, name, [upload(client, models.row_sum(3), name)])
    idle = post(client, "pipelines/get_traffic", pipeline_id=deployed.pipeline_id)
    assert idle["total_requests"] == 0
    assert {slot["requests"] for slot in idle["slots"]} == {0}
    infer(client, deployed.url, [{"x": [1, 2, 3]}, {"x": [4, 5, 6]}])
    assert client.post(deployed.url, json={"tensor": [["a"]]}).status_code == 400
    until = time.monotonic() + 30
    while True:  # a request is counted once its answer is on its way
        traffic = post(client, "pipelines/get_traffic", pipeline_id=deployed.pipeline_id)
        if traffic["total_requests"] == 2:
            break
        assert time.monotonic() < until, traffic
    busy = [slot for slot in traffic["slots"] if slot["requests"]]
    assert sum(slot["requests"] for slot in busy) == 2
    assert sum(slot["rows"] for slot in busy) == 2
    assert sum(slot["failed"] for slot in busy) == 1
    assert all(0 < slot["p50_ms"] <= slot["p99_ms"] for slot in busy)
    assert client.post("pipelines/get_traffic", json={"pipeline_id": 10**9}).status_code == 404
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)
