"""``kill -9`` and SIGSTOP of replicas under load: nobody notices."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from jupyter_wallaroo.demo.server import START_LIMIT_S, PrivateServer
from tests import models
from tests.deploying import Deployed, deploy, post, upload
from tests.faults import drill
from tests.faults.drill import Ledger, Load
from tests.launching import Launcher
from tests.run_queue import Stopwatch, waited_s

KILLS = 12
BACK_LIMIT_S = 3.0
"""Without the time that the machine kept the new process waiting: the suite may not have it to itself."""
THREADS = 4
HANGS_S = 60.0


def _replicas(client: httpx.Client, deployed: Deployed) -> list[int]:
    status = post(client, "status/get_deployment", name=deployed.name)
    return [int(engine["info"]["labels"].get("pid", 0)) for engine in status["engines"]]


@dataclass(frozen=True, slots=True)
class Back:
    """How long it took until as many replicas ran as before, and for how much of that the new one had to wait."""

    after_s: float
    waited_s: float

    @property
    def own_s(self) -> float:
        """What it would have taken on a machine that nothing else keeps busy."""
        return self.after_s - self.waited_s


def _back(client: httpx.Client, deployed: Deployed, gone: int, *others: int) -> Back:
    """Wait until as many replicas run as before, none of them the one that is gone."""
    started = time.monotonic()
    while True:
        status = post(client, "status/get_deployment", name=deployed.name)
        pids = [int(engine["info"]["labels"].get("pid", 0)) for engine in status["engines"]]
        if status["status"] == "Running" and not {gone, 0} & set(pids):
            (new,) = set(pids) - set(others)
            return Back(time.monotonic() - started, waited_s(new))
        assert time.monotonic() - started < HANGS_S, status
        time.sleep(0.02)


def _until_answered(load: Load, count: int) -> None:
    """Wait until so many requests were answered, those that waited for the replica among them."""
    started = time.monotonic()
    while load.answered < count:
        assert time.monotonic() - started < HANGS_S, load.failed[:3]
        time.sleep(0.005)


@pytest.mark.timeout(300)
def test_one_of_two_replicas_is_killed_under_load(launcher: Launcher) -> None:
    """12 kills in turn: 0 failed requests, 0 wrong answers, back within 3 s, every answer in the log."""
    ledger = Ledger()
    backs = []
    with launcher.serving() as (server, client):
        deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")], replicas=2)
        with Load(deployed.url, server.token, ledger, first=1, threads=8) as load:
            for turn in range(kills := launcher.times(KILLS)):
                replicas = _replicas(client, deployed)
                victim, other = replicas[turn % 2], replicas[1 - turn % 2]
                psutil.Process(victim).kill()
                backs.append(_back(client, deployed, victim, other))
                time.sleep(0.3)
        assert load.failed[:3] == []
        assert ledger.wrong == []
        slowest = max(backs, key=lambda back: back.own_s)
        assert slowest.own_s < launcher.back_limit_s(BACK_LIMIT_S), backs
        logged = drill.logged_numbers(client, deployed.workspace_id, "p")
        assert set(ledger.inferred) <= set(logged)
    print(f"{kills} kills, 0 of {load.answered} requests failed, back after {slowest.own_s:.2f} s at the latest")


def test_the_only_replica_is_killed_and_requests_wait(launcher: Launcher) -> None:
    """Requests that come while it restarts are answered late, not refused."""
    ledger = Ledger()
    with launcher.serving() as (server, client):
        deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")])
        backs = []
        with Load(deployed.url, server.token, ledger, first=1, threads=THREADS) as load:
            for _ in range(launcher.times(3)):
                (victim,) = _replicas(client, deployed)
                psutil.Process(victim).kill()
                backs.append(_back(client, deployed, victim))
                _until_answered(load, load.answered + THREADS)  # a request that two engines are lost over is refused
        assert load.failed[:3] == []
        assert load.slowest_s < launcher.back_limit_s(BACK_LIMIT_S) + max(back.waited_s for back in backs)


def test_a_stopped_replica_is_replaced(launcher: Launcher) -> None:
    """SIGSTOP: its request is 504 after the time limit, then the process is killed and another one started."""
    with launcher.serving("--WallarooApp.request_time_limit_s=1") as (server, client):
        deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")])
        (victim,) = _replicas(client, deployed)
        psutil.Process(victim).send_signal(signal.SIGSTOP)
        watch = Stopwatch(server.pid)
        response = client.post(deployed.url, json={"tensor": [[1, 2, 3]]})
        assert response.status_code == 504
        assert watch.own_s() < 2.0
        back = _back(client, deployed, victim)
        assert watch.own_s() - back.waited_s < 1 + 2 + launcher.back_limit_s(BACK_LIMIT_S)
        assert client.post(deployed.url, json={"tensor": [[1, 2, 3]]}).status_code == 200


def test_a_crash_loop_becomes_error_with_its_reason(launcher: Launcher) -> None:
    """Five deaths in a minute: status Error with the signal, and answers 503 at once (F5)."""
    with launcher.serving() as (server, client):
        deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")])
        until = time.monotonic() + HANGS_S
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
        watch = Stopwatch(server.pid)
        response = client.post(deployed.url, json={"tensor": [[1, 2, 3]]})
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 1
        assert watch.own_s() < 0.5


def test_a_memory_limit_is_kept(launcher: Launcher) -> None:
    """A model that does not fit says so in the status; the server goes on."""
    with launcher.serving() as (_, client):
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
        until = time.monotonic() + HANGS_S
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
                until = time.monotonic() + START_LIMIT_S
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
