"""Nodes and the head are killed: nobody who asks notices a node, everybody is told of the head; no log is lost.

The last test kills the cluster that the others share.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.applying import apply
from tests.cluster.ray_cluster import RayCluster
from tests.cluster.serving import engines, undeploy
from tests.deploying import Deployed, default_workspace, deploy, post, upload
from tests.faults import drill
from tests.faults.drill import Ledger, Load
from tests.launching import Launcher
from tests.tasking import ended, last_run, log, orchestrate, run_once, until

pytestmark = pytest.mark.timeout(400)

BACK_LIMIT_S = 30.0
WAITS = """
import time
print("it waits")
time.sleep(1000)
"""
TOLD_LIMIT_S = 15.0


def _wait(client: httpx.Client, deployed: Deployed, limit_s: float, wanted: Any) -> float:
    """Wait until the status is as ``wanted`` says; return how long it took."""
    started = time.monotonic()
    while True:
        status = post(client, "status/get_deployment", name=deployed.name)
        if wanted(status):
            return time.monotonic() - started
        assert time.monotonic() - started < limit_s, status
        time.sleep(0.05)


def _nodes(status: dict[str, Any]) -> set[str]:
    return {engine["info"]["labels"].get("node", "") for engine in status["engines"]}


def test_a_node_is_killed_under_load(cluster: RayCluster, ray_server: PrivateServer, ray_client: httpx.Client) -> None:
    """``kill -9`` of a raylet: 0 failed, 0 wrong, 0 lost from the log, as many replicas as before within 30 s."""
    ledger = Ledger()
    deployed = deploy(ray_client, "node", [upload(ray_client, models.row_sum(3), "node")], replicas=2)
    before = engines(ray_client, deployed.name)
    assert {info["labels"]["node"] for info in before} == set(cluster.raylets)
    workspace_id = default_workspace(ray_client)
    task_id = run_once(ray_client, workspace_id, orchestrate(ray_client, workspace_id, WAITS))
    victim = until(lambda: _node_of_a_run(cluster))
    run_id = until(lambda: last_run(ray_client, task_id))["run_id"]
    until(lambda: "it waits" in log(ray_client, run_id))
    with Load(deployed.url, ray_server.token, ledger, first=1, threads=3) as load:
        time.sleep(1)
        cluster.kill_node(victim)
        lost_s = _wait(ray_client, deployed, BACK_LIMIT_S, lambda status: victim not in _nodes(status))
        back_s = lost_s + _wait(ray_client, deployed, BACK_LIMIT_S, lambda status: status["status"] == "Running")
        time.sleep(1)
    after = engines(ray_client, deployed.name)
    assert victim not in {info["labels"]["node"] for info in after}
    assert (load.failed[:3], ledger.wrong) == ([], [])
    assert back_s < BACK_LIMIT_S
    assert set(ledger.inferred) <= set(drill.logged_numbers(ray_client, deployed.workspace_id, "node"))
    print(
        f"node killed: 0 of {load.answered} failed, slowest {load.slowest_s:.2f} s, seen after {lost_s:.2f} s, "
        f"back after {back_s:.1f} s, 0 of {len(ledger.inferred)} answers missing in the log"
    )
    run = ended(ray_client, task_id)
    assert run["status"] == "failure"
    assert "node" in run["reason"] and "lost" in run["reason"], run
    undeploy(ray_client, deployed)
    (place,) = (place for place, node in cluster.places.items() if node == victim)
    _a_node_that_comes_is_used(cluster, ray_client, place)


def _node_of_a_run(cluster: RayCluster) -> str | None:
    """Return the node on which some run of a task prints already, None while there is none."""
    for process in psutil.process_iter(["cmdline"]):
        if "jupyter_wallaroo.runner.task" in (process.info["cmdline"] or ()):
            above = {parent.pid for parent in process.parents()}
            return next((node for node, raylet in cluster.raylets.items() if raylet in above), None)
    return None


def _a_node_that_comes_is_used(cluster: RayCluster, client: httpx.Client, place: str) -> None:
    """What only the lost node could run is an error until there is such a node again, and then runs by itself."""
    (made,) = apply(
        client,
        {
            "name": "later",
            "steps": [{"model": "node"}],
            "engine_config": {"engine": {"node_selector": f"place={place}"}},
        },
    )["results"]
    name = made["deployment"]["name"]
    later = Deployed(made["workspace_id"], 0, "later", made["deployment"]["id"], name, url="")
    _wait(client, later, BACK_LIMIT_S, lambda status: status["status"] == "Error")
    (said,) = post(client, "status/get_deployment", name=later.name)["details"]
    assert f"label place={place}" in said
    cluster.add_node(place)
    _wait(client, later, 3 * BACK_LIMIT_S, lambda status: status["status"] == "Running")
    undeploy(client, later)


def test_the_server_is_killed_and_its_engines_go_with_it(ray_launcher: Launcher, tmp_path: Path) -> None:
    """No process of it is left on any node; started again it serves again, and every answer is in the log."""
    ledger = Ledger()
    server = ray_launcher.server(tmp_path)
    server.start()
    with server.client as client:
        deployed = deploy(client, "left", [upload(client, models.row_sum(3), "left")])
        with Load(deployed.url, server.token, ledger, first=1, threads=2) as load:
            while load.answered < 50:
                time.sleep(0.05)
            pids = [int(info["labels"]["pid"]) for info in engines(client, deployed.name)]
            left = [psutil.Process(pid) for pid in pids] + drill.children(server)
            server.kill()
        gone_s = drill.assert_gone(left)
    with server, server.client as client:
        _wait(client, deployed, BACK_LIMIT_S, lambda status: status["status"] == "Running")
        assert set(ledger.inferred) <= set(drill.logged_numbers(client, deployed.workspace_id, "left"))
    print(f"server killed: its engines were gone after {gone_s:.2f} s, 0 of {len(ledger.inferred)} answers missing")


def test_the_head_is_killed_and_comes_back(
    cluster: RayCluster, ray_server: PrivateServer, ray_client: httpx.Client
) -> None:
    """Told within 15 s: in the status, the health, and to whoever asks; served again once there is a head again."""
    deployed = deploy(ray_client, "head", [upload(ray_client, models.row_sum(3), "head")])
    port = int(cluster.address.rpartition(":")[2])
    cluster.kill_head()

    def is_told(status: dict[str, Any]) -> bool:
        return status["status"] == "Starting" and any(cluster.address in said for said in status["details"])

    told_s = _wait(ray_client, deployed, 2 * TOLD_LIMIT_S, is_told)
    assert told_s < TOLD_LIMIT_S
    answer = ray_client.post(deployed.url, json={"tensor": [[1, 2, 3]]})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert cluster.address in answer.json()["message"]
    health = ray_client.get("health").json()
    assert health["status"] == "degraded"
    assert cluster.address in health["launcher"]
    with RayCluster(nodes=1, port=port) as again:
        assert again.address == cluster.address
        started = time.monotonic()
        _wait(ray_client, deployed, 90, lambda status: status["status"] == "Running")
        assert ray_client.post(deployed.url, json={"tensor": [[1, 2, 3]]}).json()[0]["outputs"][0]["Float"]["data"] == [
            6
        ]
        print(
            f"head killed: told after {told_s:.1f} s; served again {time.monotonic() - started:.1f} s after it was back"
        )
