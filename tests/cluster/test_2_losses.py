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
from tests.cluster.ray_cluster import RayCluster
from tests.cluster.serving import engines, undeploy
from tests.deploying import Deployed, deploy, post, upload
from tests.faults import drill
from tests.faults.drill import Ledger, Load

pytestmark = pytest.mark.timeout(400)

BACK_LIMIT_S = 30.0
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


def _pids(status: dict[str, Any]) -> set[str]:
    return {engine["info"]["labels"].get("pid", "") for engine in status["engines"]}


def _nodes(status: dict[str, Any]) -> set[str]:
    return {engine["info"]["labels"].get("node", "") for engine in status["engines"]}


def test_an_engine_is_killed_on_its_node(ray_server: PrivateServer, ray_client: httpx.Client) -> None:
    """The same as here: its requests go to the other one, the reason names the signal, another one comes."""
    ledger = Ledger()
    deployed = deploy(ray_client, "killed", [upload(ray_client, models.row_sum(3), "killed")], replicas=2)
    with Load(deployed.url, ray_server.token, ledger, first=1, threads=3) as load:
        victim = engines(ray_client, deployed.name)[0]["labels"]["pid"]
        psutil.Process(int(victim)).kill()
        lost_s = _wait(ray_client, deployed, 10, lambda status: victim not in _pids(status))
        _wait(ray_client, deployed, 10, lambda status: any("SIGKILL" in said for said in status["details"]))
        back_s = _wait(ray_client, deployed, BACK_LIMIT_S, lambda status: status["status"] == "Running")
    assert (load.failed[:3], ledger.wrong) == ([], [])
    assert set(ledger.inferred) <= set(drill.logged_numbers(ray_client, deployed.workspace_id, "killed"))
    print(f"engine killed: 0 of {load.answered} failed, seen after {lost_s:.2f} s, back after {back_s:.1f} s")
    undeploy(ray_client, deployed)


def test_a_node_is_killed_under_load(cluster: RayCluster, ray_server: PrivateServer, ray_client: httpx.Client) -> None:
    """``kill -9`` of a raylet: 0 failed, 0 wrong, 0 lost from the log, as many replicas as before within 30 s."""
    ledger = Ledger()
    deployed = deploy(ray_client, "node", [upload(ray_client, models.row_sum(3), "node")], replicas=2)
    before = engines(ray_client, deployed.name)
    assert {info["labels"]["node"] for info in before} == set(cluster.raylets)
    victim = before[0]["labels"]["node"]
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
    undeploy(ray_client, deployed)
    cluster.add_node()


def test_the_server_is_killed_and_its_engines_go_with_it(
    cluster: RayCluster, tmp_path: Path, server_on_cluster: Any
) -> None:
    """No process of it is left on any node; started again it serves again, and every answer is in the log."""
    ledger = Ledger()
    server = server_on_cluster(cluster, tmp_path)
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
