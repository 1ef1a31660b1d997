"""``kill -9`` of the server at random moments: nothing acknowledged is lost, everything serves again, no orphans."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from pathlib import Path

import httpx
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.deploying import Deployed, definition, deploy, post, reference, upload, wait_running
from tests.faults import drill
from tests.faults.drill import Ledger, Load

KILLS = drill.kills(8)
SERVING_LIMIT_S = 10.0


def _first_answer(server: PrivateServer, client: httpx.Client, url: str) -> None:
    until = time.monotonic() + 2 * SERVING_LIMIT_S
    while client.post(url, json={"tensor": [[0, 0, 0]]}).status_code != 200:
        assert time.monotonic() < until, "it does not serve again"
        time.sleep(0.02)


def _restart(server: PrivateServer) -> float:
    """Start the server again; return the seconds from the start of its process to its first answers."""
    started = time.monotonic()
    server.start()
    return started


def _address(server: PrivateServer, deployed: Deployed) -> str:
    return f"{server.api_url}/pipelines/infer/{deployed.name}"


@pytest.mark.timeout(600)
def test_killed_while_inferring(tmp_path: Path) -> None:
    """Two pipelines under load; every answered inference is in the log once, whatever the moment of the kill."""
    rng = random.Random(20261121)
    ledgers = {"one": Ledger(), "two": Ledger()}
    numbers = {"one": 1, "two": 1}
    slowest = 0.0
    server = PrivateServer(tmp_path, options=drill.EXTENSION_ONLY)
    server.start()
    try:
        with server.client as client:
            version = upload(client, models.row_sum(3), "m")
            deployed = {name: deploy(client, name, [version], replicas=2) for name in ledgers}
        for _ in range(KILLS):
            loads = {
                name: Load(_address(server, deployed[name]), server.token, ledger, first=numbers[name], threads=2)
                for name, ledger in ledgers.items()
            }
            with contextlib.ExitStack() as stack:
                for load in loads.values():
                    stack.enter_context(load)
                drill.pause(rng, 0.05, 0.6)
                processes = drill.children(server)
                server.kill()
            drill.assert_gone(processes)
            numbers = {name: load.next_number for name, load in loads.items()}
            started = _restart(server)
            with server.client as client:
                for item in deployed.values():
                    _first_answer(server, client, _address(server, item))
            slowest = max(slowest, time.monotonic() - started)
            assert slowest < SERVING_LIMIT_S
        with server.client as client:
            for name, ledger in ledgers.items():
                assert not ledger.wrong
                logged = [
                    number for number in drill.logged_numbers(client, deployed[name].workspace_id, name) if number
                ]
                assert set(ledger.inferred) <= set(logged), "acknowledged records are lost"
                assert len(logged) == len(set(logged)), "records are doubled"
                assert len(ledger.inferred) > KILLS
    finally:
        server.stop()
    drill.assert_sound(tmp_path)
    counted = sum(len(ledger.inferred) for ledger in ledgers.values())
    print(f"{KILLS} kills, 0 of {counted} acknowledged records lost, serving again after {slowest:.1f} s at the latest")


@pytest.mark.timeout(600)
def test_killed_while_deploying(tmp_path: Path) -> None:
    """Workspaces, models, pipelines and deployments that were acknowledged are there and run."""
    rng = random.Random(42)
    ledger = Ledger()
    slowest = 0.0
    server = PrivateServer(tmp_path, options=drill.EXTENSION_ONLY)
    server.start()
    try:
        with server.client as client:
            version = upload(client, models.row_sum(3), "m")
            running = deploy(client, "running", [version])
        ledger.deployments[running.deployment_id] = running.name
        for turn in range(KILLS):
            worker = threading.Thread(target=_work, args=(server, version, ledger, turn))
            worker.start()
            drill.pause(rng, 0.0, 0.25)
            processes = drill.children(server)
            server.kill()
            worker.join()
            drill.assert_gone(processes)
            started = _restart(server)
            with server.client as client:
                drill.assert_kept(client, ledger)
                _first_answer(server, client, _address(server, running))
                for name in ledger.deployments.values():
                    wait_running(client, name, limit_s=30)
                slowest = max(slowest, time.monotonic() - started)
                for number in [number for number in ledger.deployments if number != running.deployment_id]:
                    post(client, "pipelines/undeploy", deployment_id=number)
                    del ledger.deployments[number]
            assert slowest < SERVING_LIMIT_S
        assert len(ledger.workspaces) > 2
    finally:
        server.stop()
    drill.assert_sound(tmp_path)
    made = len(ledger.workspaces) + len(ledger.pipelines)
    print(f"{KILLS} kills, 0 of {made} acknowledged objects lost, all running after {slowest:.1f} s at the latest")


def _work(server: PrivateServer, version: dict[str, object], ledger: Ledger, turn: int) -> None:
    """Make a workspace, a pipeline and a deployment, over and over, until the server is gone."""
    with server.client as client, contextlib.suppress(httpx.TransportError):
        for number in range(100):
            name = f"turn-{turn}-{number}"
            made = client.post("workspaces/create", json={"workspace_name": name}).json()
            ledger.workspaces[made["workspace_id"]] = name
            body = {"pipeline_id": name, "workspace_id": version["workspace_id"], "definition": definition(version)}
            made = client.post("pipelines/create", json=body).json()
            ledger.pipelines[made["pipeline_pk_id"]] = name
            if number < 2:
                deployed = client.post(
                    "pipelines/deploy",
                    json={
                        "deploy_id": name,
                        "pipeline_id": made["pipeline_pk_id"],
                        "pipeline_version_pk_id": made["pipeline_variant_pk_id"],
                        "models": [reference(version)],
                    },
                ).json()
                ledger.deployments[deployed["id"]] = f"{name}-{deployed['id']}"
