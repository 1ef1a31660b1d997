"""Replicas on a Ray cluster serve, log, and are replaced and ended as those of this machine are."""

from __future__ import annotations

import time

import httpx
import numpy as np
import psutil
import pytest

from tests import models
from tests.applying import apply, url_of
from tests.cluster.ray_cluster import RayCluster
from tests.cluster.serving import engines, undeploy
from tests.deploying import convert, deploy, infer, post, upload, wait_running

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


CODE = b"""
import os

def process_data(d):
    return {"gpus": [os.environ.get("CUDA_VISIBLE_DEVICES", "all")] * len(d["x"])}
"""


def test_replicas_get_the_graphics_processors_and_the_nodes_that_they_ask_for(
    cluster: RayCluster, ray_client: httpx.Client
) -> None:
    """As the deployment configuration says; the model sees its own processors only; another one waits for its turn."""
    version = convert(ray_client, CODE, "seeing", "python", "seeing.py")
    engine = {"gpu": 1, "node_selector": "place=1"}
    deployed = deploy(ray_client, "seeing", [version], engine=engine)
    assert infer(ray_client, deployed.url, [{"x": 1.0}]) == [{"gpus": "0"}]
    (info,) = engines(ray_client, deployed.name)
    other = apply(ray_client, {"name": "other", "steps": [{"model": "seeing"}], "engine_config": {"engine": engine}})
    name = other["results"][0]["deployment"]["name"]
    assert _details(ray_client, name) == [
        "Waiting for a node of the Ray cluster with 2 cpus, 1024 MiB of memory, 1 gpus, label place=1 free."
    ]
    undeploy(ray_client, deployed)
    (there,) = wait_running(ray_client, name)["engines"]
    assert there["info"]["labels"]["node"] == info["labels"]["node"]
    assert info["labels"]["node"] == cluster.places["1"]
    post(ray_client, "pipelines/undeploy", deployment_id=other["results"][0]["deployment"]["id"])


@pytest.mark.parametrize(
    ("engine", "asked", "there"),
    [
        ({"cpu": 64}, "64 cpus, 512 MiB of memory", "2 with 3 cpus, 4096 MiB of memory; 1 with 0 cpus"),
        ({"gpu": 2}, "1 cpus, 512 MiB of memory, 2 gpus", "2 with 3 cpus, 4096 MiB of memory, 1 gpus; 1 with 0 cpus"),
        ({"node_selector": "place=sea"}, "1 cpus, 512 MiB of memory, label place=sea", "1 with 3 cpus"),
    ],
)
def test_what_no_node_could_run_is_an_error_that_says_so(
    ray_client: httpx.Client, engine: dict[str, object], asked: str, there: str
) -> None:
    """Told within seconds: what was asked, what there is; answered 503 at once; undeploying it is no different."""
    upload(ray_client, models.row_sum(3), "huge")
    item = {"name": "huge", "steps": [{"model": "huge"}], "engine_config": {"engine": engine}}
    made = apply(ray_client, item)["results"][0]
    name = made["deployment"]["name"]
    (said,) = _details(ray_client, name)
    assert said.startswith(f"No node of the Ray cluster has {asked}; there are: ")
    assert there in said
    assert post(ray_client, "status/get_deployment", name=name)["status"] == "Error"
    answer = ray_client.post(url_of(ray_client, "huge", made["workspace_id"]), json={"tensor": [[1, 2, 3]]})
    assert answer.status_code == 503
    assert asked in answer.json()["message"]
    post(ray_client, "pipelines/undeploy", deployment_id=made["deployment"]["id"])


def _details(client: httpx.Client, name: str) -> list[str]:
    """Return what the status says, once it says something."""
    until = time.monotonic() + 60
    while not (details := post(client, "status/get_deployment", name=name)["details"]):
        assert time.monotonic() < until
        time.sleep(0.05)
    found: list[str] = details
    return found
