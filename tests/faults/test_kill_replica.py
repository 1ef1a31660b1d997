"""``kill -9`` and SIGSTOP of replicas under load: nobody notices."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import httpx
import psutil
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.deploying import Deployed, deploy, post, upload
from tests.faults import drill
from tests.faults.drill import Ledger, Load

KILLS = 12
BACK_LIMIT_S = 3.0


def _replicas(client: httpx.Client, deployed: Deployed) -> list[int]:
    status = post(client, "status/get_deployment", name=deployed.name)
    return [int(engine["info"]["labels"].get("pid", 0)) for engine in status["engines"]]


def _back_after(client: httpx.Client, deployed: Deployed, gone: int) -> float:
    """Return how long it takes until as many replicas run as before, none of them the one that is gone."""
    started = time.monotonic()
    while True:
        status = post(client, "status/get_deployment", name=deployed.name)
        pids = [engine["info"]["labels"].get("pid") for engine in status["engines"]]
        if status["status"] == "Running" and str(gone) not in pids:
            return time.monotonic() - started
        assert time.monotonic() - started < 4 * BACK_LIMIT_S, status
        time.sleep(0.02)


@pytest.mark.timeout(300)
def test_one_of_two_replicas_is_killed_under_load(tmp_path: Path) -> None:
    """12 kills in turn: 0 failed requests, 0 wrong answers, back within 3 s, every answer in the log."""
    ledger = Ledger()
    slowest = 0.0
    with PrivateServer(tmp_path, options=drill.EXTENSION_ONLY) as server, server.client as client:
        deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")], replicas=2)
        with Load(deployed.url, server.token, ledger, first=1, threads=8) as load:
            for turn in range(KILLS):
                victim = _replicas(client, deployed)[turn % 2]
                psutil.Process(victim).kill()
                slowest = max(slowest, _back_after(client, deployed, victim))
                time.sleep(0.3)
        assert load.failed[:3] == []
        assert ledger.wrong == []
        assert slowest < BACK_LIMIT_S
        logged = drill.logged_numbers(client, deployed.workspace_id, "p")
        assert set(ledger.inferred) <= set(logged)
    print(f"{KILLS} kills, 0 of {load.answered} requests failed, back after {slowest:.2f} s at the latest")


def test_the_only_replica_is_killed_and_requests_wait(tmp_path: Path) -> None:
    """Requests that come while it restarts are answered late, not refused."""
    ledger = Ledger()
    with PrivateServer(tmp_path, options=drill.EXTENSION_ONLY) as server, server.client as client:
        deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")])
        with Load(deployed.url, server.token, ledger, first=1) as load:
            for _ in range(3):
                (victim,) = _replicas(client, deployed)
                psutil.Process(victim).kill()
                _back_after(client, deployed, victim)
        assert load.failed[:3] == []
        assert load.slowest_s < BACK_LIMIT_S


def test_a_stopped_replica_is_replaced(tmp_path: Path) -> None:
    """SIGSTOP: its request is 504 after the time limit, then the process is killed and another one started."""
    options = (*drill.EXTENSION_ONLY, "--WallarooApp.request_time_limit_s=1")
    with PrivateServer(tmp_path, options=options) as server, server.client as client:
        deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")])
        (victim,) = _replicas(client, deployed)
        psutil.Process(victim).send_signal(signal.SIGSTOP)
        started = time.monotonic()
        response = client.post(deployed.url, json={"tensor": [[1, 2, 3]]})
        assert response.status_code == 504
        assert time.monotonic() - started < 2.0
        _back_after(client, deployed, victim)
        assert time.monotonic() - started < 1 + 2 + BACK_LIMIT_S
        assert client.post(deployed.url, json={"tensor": [[1, 2, 3]]}).status_code == 200


def test_a_crash_loop_becomes_error_with_its_reason(tmp_path: Path) -> None:
    """Five deaths in a minute: status Error with the signal, and answers 503 at once (F5)."""
    with PrivateServer(tmp_path, options=drill.EXTENSION_ONLY) as server, server.client as client:
        deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")])
        until = time.monotonic() + 30
        while True:
            status = post(client, "status/get_deployment", name=deployed.name)
            if status["status"] == "Error":
                break
            for engine in status["engines"]:
                if "pid" in engine["info"]["labels"]:
                    psutil.Process(int(engine["info"]["labels"]["pid"])).kill()
            assert time.monotonic() < until, status
            time.sleep(0.05)
        assert "SIGKILL" in status["details"][0]
        started = time.monotonic()
        response = client.post(deployed.url, json={"tensor": [[1, 2, 3]]})
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 1
        assert time.monotonic() - started < 0.5


def test_a_memory_limit_is_kept(tmp_path: Path) -> None:
    """A model that does not fit says so in the status; the server goes on."""
    with PrivateServer(tmp_path, options=drill.EXTENSION_ONLY) as server, server.client as client:
        version = upload(client, models.large(100 * 2**20), "large")
        made = post(
            client,
            "pipelines/create",
            pipeline_id="p",
            workspace_id=version["workspace_id"],
            definition={"steps": [{"ModelInference": {"models": [_triple(version)]}}]},
        )
        number = post(
            client,
            "pipelines/deploy",
            deploy_id="p",
            pipeline_version_pk_id=made["pipeline_variant_pk_id"],
            engine_config={"engine": {"resources": {"limits": {"memory": "128Mi"}}}},
        )["id"]
        until = time.monotonic() + 30
        details: list[str] = []
        while not any("memory" in detail for detail in details):
            details = post(client, "status/get_deployment", name=f"p-{number}")["details"]
            assert time.monotonic() < until, details
            time.sleep(0.05)
        assert client.get("health").json()["status"] == "degraded"


def _triple(version: dict[str, object]) -> dict[str, object]:
    info = version["file_info"]
    assert isinstance(info, dict)
    return {"name": version["name"], "version": info["version"], "sha": info["sha"]}


def test_two_servers_on_one_data_directory(tmp_path: Path) -> None:
    """The second one starts, and says why it does not serve; it takes over when the first is gone and it restarts."""
    options = (*drill.EXTENSION_ONLY, f"--WallarooApp.data_directory={tmp_path / 'shared'}")
    with PrivateServer(tmp_path / "a", options=options) as first:
        second = PrivateServer(tmp_path / "b", options=options)
        second.launch()
        try:
            with second.client as client:
                until = time.monotonic() + 20
                answer = None
                while answer is None or "has the data directory open" not in answer.text:
                    assert time.monotonic() < until, answer and answer.text
                    try:
                        answer = client.get("health")
                    except httpx.TransportError:
                        time.sleep(0.05)
                assert answer.status_code == 503
                assert str(first.pid) in answer.json()["message"]
                base = f"http://127.0.0.1:{second.port}"
                assert client.get(f"{base}/api/status").status_code == 200
        finally:
            second.stop()
