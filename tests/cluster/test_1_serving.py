"""Replicas on a Ray cluster serve, log, and are replaced and ended as those of this machine are."""

from __future__ import annotations

import time

import httpx
import numpy as np
import psutil
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.applying import apply, url_of, wait_switched
from tests.cluster.ray_cluster import RayCluster
from tests.cluster.serving import engines, undeploy
from tests.deploying import convert, deploy, infer, post, upload
from tests.faults import drill
from tests.faults.steady import SteadyLoad

pytestmark = pytest.mark.timeout(300)


def test_replicas_answer_from_two_nodes_as_one_here_does(
    cluster: RayCluster, ray_client: httpx.Client, client: httpx.Client
) -> None:
    """Same answers over REST, spread over nodes, each with the ids that the status says; large bodies too."""
    rows = np.random.default_rng(7).random((20_000, 3), np.float32)
    answers = []
    for at in (client, ray_client):
        deployed = deploy(at, "same", [upload(at, models.row_sum(3, 1.5), "same")], replicas=2)
        small = infer(at, deployed.url, [{"x": row.tolist()} for row in rows[:3]])
        large = at.post(deployed.url, json={"tensor": rows.tolist()}).json()[0]["outputs"]
        refused = at.post(deployed.url, json={"tensor": [[1, 2]]}).json()
        answers.append((small, large, refused["code"], refused["message"]))
    assert answers[0] == answers[1]
    infos = engines(ray_client, deployed.name)
    assert {info["labels"]["node"] for info in infos} == set(cluster.raylets)
    commands = [psutil.Process(int(info["labels"]["pid"])).cmdline() for info in infos]
    assert all("jupyter_wallaroo.engine" in command for command in commands)
    undeploy(ray_client, deployed)
    assert ray_client.get("health").json()["launcher"].startswith(f"Ray at {cluster.address}, 3 nodes")


def test_a_sidekick_runs_beside_its_replica(ray_client: httpx.Client) -> None:
    """A model that is not ONNX gets its process on the node, its code's failure is its request's alone."""
    code = b"def process_data(d):\n    return {'y': d['x'].sum(axis=1).astype('float32')}\n"
    version = convert(ray_client, code, "sums", "python", "sums.py")
    deployed = deploy(ray_client, "beside", [version])
    assert infer(ray_client, deployed.url, [{"x": [1.0, 2.0]}, {"x": [3.0, 4.0]}]) == [{"y": 3.0}, {"y": 7.0}]
    assert ray_client.post(deployed.url, json=[{"z": 1}]).status_code == 400
    undeploy(ray_client, deployed)


def test_what_no_node_has_room_for_waits_and_says_so(ray_client: httpx.Client) -> None:
    """Told within seconds, answered 503 at once; undeploying it is no different."""
    version = upload(ray_client, models.row_sum(3), "huge")
    made = apply(ray_client, {"name": "huge", "steps": [{"model": "huge"}], "resources": {"cpus": 64}})["results"][0]
    name = made["deployment"]["name"]
    assert version["name"] == "huge"
    until = time.monotonic() + 20
    while not (details := post(ray_client, "status/get_deployment", name=name)["details"]):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert details == ["No node of the Ray cluster has 64 cpus, 512 MiB of memory."]
    answer = ray_client.post(url_of(ray_client, "huge", made["workspace_id"]), json={"tensor": [[1, 2, 3]]})
    assert answer.status_code == 503
    assert "64 cpus" in answer.json()["message"]
    post(ray_client, "pipelines/undeploy", deployment_id=made["deployment"]["id"])


def test_a_pipeline_is_replaced_under_load(ray_server: PrivateServer, ray_client: httpx.Client) -> None:
    """Prepared beside it on the nodes, then switched: 0 failed, 0 lost from the log."""
    for factor in (2.0, 3.0, 5.0):
        upload(ray_client, models.row_sum(3, factor), f"times-{factor:g}")
    made = apply(ray_client, {"name": "swap", "steps": [{"model": "times-2"}]})["results"][0]
    wait_switched(ray_client, made["deployment"])
    url = url_of(ray_client, "swap", made["workspace_id"])
    with SteadyLoad([url], ray_server.token, 4) as load:
        for turn in (3, 5, 2):
            changed = apply(ray_client, {"name": "swap", "steps": [{"model": f"times-{turn}"}]})["results"][0]
            wait_switched(ray_client, changed["deployment"])
            time.sleep(0.5)
    assert load.failed[:3] == []
    assert {answer.factor for answer in load.answers} == {2.0, 3.0, 5.0}
    assert len(drill.logged_numbers(ray_client, made["workspace_id"], "swap")) == len(load.answers)
    print(f"{len(load.answers)} requests over 3 replacements: 0 failed, slowest {load.slowest_s:.2f} s")
    post(ray_client, "pipelines/undeploy", deployment_id=made["deployment"]["id"])
