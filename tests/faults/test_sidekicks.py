"""Models in sidekicks that die, hang, eat memory or leave processes behind: their deployment serves on."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.deploying import (
    Deployed,
    begin_conversion,
    convert,
    definition,
    deploy,
    infer,
    post,
    reference,
    upload,
    wait_running,
)
from tests.faults import drill
from tests.faults.drill import Ledger, Load
from tests.launching import Launcher, pids

KILLS = 8
BACK_LIMIT_S = 5.0
SHORT_LIMIT = "--WallarooApp.request_time_limit_s=2"

SUM = b"""
def process_data(d):
    return {"y": d["tensor"].sum(axis=1).astype("float32")}
"""
NAUGHTY = b"""
import os, subprocess, sys, time

kept = []

def process_data(d):
    what = d["do"][0]
    if what == "hang":
        while True:
            pass
    if what == "sleep":
        time.sleep(3600)
    if what == "eat":
        while True:
            kept.append(bytearray(os.urandom(2**20) * 16))
    if what == "_exit":
        os._exit(0)
    if what == "exit":
        sys.exit(3)
    if what == "raise":
        raise KeyError("/home/somebody/secret/place.txt is not there")
    if what == "interrupt":
        raise KeyboardInterrupt
    if what == "abort":
        os.abort()
    if what == "spawn":
        return {"pid": [subprocess.Popen(["sleep", "300"]).pid]}
    if what == "close":
        os.closerange(3, 4096)
    return {"done": [what] * len(d["do"])}
"""


def _pids(client: httpx.Client, deployed: Deployed) -> list[int]:
    """Return the processes of a deployment's sidekicks."""
    status = post(client, "status/get_deployment", name=deployed.name)
    return [int(pod["info"]["labels"].get("pid", 0)) for pod in status["sidekicks"]]


def _all_pids(client: httpx.Client, deployed: Deployed) -> set[int]:
    return pids(post(client, "status/get_deployment", name=deployed.name))


def _back_after(client: httpx.Client, deployed: Deployed, gone: int) -> float:
    """Return how long it takes until all runs again without the process that is gone."""
    started = time.monotonic()
    while True:
        status = post(client, "status/get_deployment", name=deployed.name)
        if status["status"] == "Running" and gone not in pids(status):
            return time.monotonic() - started
        assert time.monotonic() - started < 60, status
        time.sleep(0.02)


def _do(client: httpx.Client, deployed: Deployed, what: str) -> httpx.Response:
    headers = {"Content-Type": "application/json; format=pandas-records"}
    return client.post(deployed.url, json=[{"do": what}], headers=headers, params={"dataset[]": "out"})


def _deploy_limited(client: httpx.Client, name: str, version: dict[str, Any], memory: str) -> Deployed:
    """Deploy one model in sidekicks of so much memory."""
    made = post(
        client,
        "pipelines/create",
        pipeline_id=name,
        workspace_id=version["workspace_id"],
        definition=definition(version),
    )
    uid = f"{version['name']}-{version['id']}"
    number = post(
        client,
        "pipelines/deploy",
        deploy_id=name,
        pipeline_id=made["pipeline_pk_id"],
        pipeline_version_pk_id=made["pipeline_variant_pk_id"],
        models=[reference(version)],
        engine_config={"engineAux": {"images": {uid: {"resources": {"limits": {"memory": memory}}}}}},
    )["id"]
    wait_running(client, f"{name}-{number}")
    url = f"{client.base_url}pipelines/infer/{name}-{number}"
    return Deployed(version["workspace_id"], made["pipeline_pk_id"], name, number, f"{name}-{number}", url)


@pytest.mark.timeout(300)
def test_sidekicks_are_killed_under_load(launcher: Launcher) -> None:
    """One of two at a time: 0 failed requests, 0 wrong answers, back within 5 s, every answer in the log."""
    ledger = Ledger()
    slowest = 0.0
    with launcher.serving() as (server, client):
        deployed = deploy(client, "p", [convert(client, SUM, "sum", "python", "sum.py")], replicas=2)
        with Load(deployed.url, server.token, ledger, first=1, threads=8) as load:
            for turn in range(kills := launcher.times(KILLS)):
                victim = _pids(client, deployed)[turn % 2]
                psutil.Process(victim).kill()
                slowest = max(slowest, _back_after(client, deployed, victim))
                time.sleep(0.3)
        assert load.failed[:3] == []
        assert ledger.wrong == []
        assert slowest < launcher.back_limit_s(BACK_LIMIT_S)
        logged = drill.logged_numbers(client, deployed.workspace_id, "p")
        assert set(ledger.inferred) <= set(logged)
    print(f"{kills} kills, 0 of {load.answered} requests failed, back after {slowest:.2f} s at the latest")


def test_a_step_that_never_returns(launcher: Launcher) -> None:
    """504 at the time limit; its processes are replaced; the next request is answered."""
    with launcher.serving(SHORT_LIMIT) as (_, client):
        deployed = deploy(client, "p", [convert(client, NAUGHTY, "naughty", "python", "n.py")])
        for how in ("hang", "sleep"):
            before, (stuck,) = _all_pids(client, deployed), _pids(client, deployed)
            started = time.monotonic()
            response = _do(client, deployed, how)
            assert response.status_code == 504, response.text
            assert time.monotonic() - started < 3.0
            _back_after(client, deployed, stuck)
            assert not before & _all_pids(client, deployed)
            after = _do(client, deployed, "well")
            assert after.status_code == 200, after.text
            assert after.json()[0]["out"] == {"done": "well"}
            assert time.monotonic() - started < 2 + 2 + launcher.back_limit_s(BACK_LIMIT_S)


def test_a_step_that_eats_memory(launcher: Launcher) -> None:
    """413 with the reason for the one that ate it; others that waited behind it are answered."""
    with launcher.serving() as (_, client):
        version = convert(client, NAUGHTY, "naughty", "python", "n.py")
        deployed = _deploy_limited(client, "p", version, "512Mi")
        before = _all_pids(client, deployed)
        response = _do(client, deployed, "eat")
        assert response.status_code == 413, response.text
        assert "sidekick of model 'naughty'" in response.json()["message"]
        assert "memory limit of 512 MiB" in response.json()["message"]
        assert _do(client, deployed, "well").json()[0]["out"] == {"done": "well"}
        assert not before & _all_pids(client, deployed)


def test_requests_behind_one_that_eats_memory(local_launcher: Launcher) -> None:
    """Only the request that was worked on is to blame; those that waited behind it are answered."""
    with local_launcher.serving() as (server, client):
        version = convert(client, NAUGHTY, "naughty", "python", "n.py")
        deployed = _deploy_limited(client, "p", version, "512Mi")
        answers: dict[str, httpx.Response] = {}

        def ask(key: str, what: str) -> None:
            with server.client as own:
                answers[key] = _do(own, deployed, what)

        threads = [threading.Thread(target=ask, args=("greedy", "eat"))]
        threads[0].start()
        time.sleep(0.05)
        threads += [threading.Thread(target=ask, args=(str(number), "well")) for number in range(4)]
        for thread in threads[1:]:
            thread.start()
        for thread in threads:
            thread.join()
        codes = {key: answer.status_code for key, answer in answers.items()}
        assert codes == {"greedy": 413, "0": 200, "1": 200, "2": 200, "3": 200}


def test_a_step_that_ends_its_process(local_launcher: Launcher) -> None:
    """Tried once more, then refused as an error that says which model; others are answered at once."""
    with local_launcher.serving(SHORT_LIMIT) as (_, client):
        deployed = deploy(client, "p", [convert(client, NAUGHTY, "naughty", "python", "n.py")], replicas=2)
        for how in ("_exit", "abort", "close"):
            response = _do(client, deployed, how)
            assert response.status_code in (500, 504), response.text
            if how != "close":
                assert "sidekick of model 'naughty'" in response.json()["message"]
            wait_running(client, deployed.name)
            assert _do(client, deployed, "well").json()[0]["out"] == {"done": "well"}


def test_a_step_that_raises(launcher: Launcher) -> None:
    """400 with what it said, without paths; nothing has to be replaced."""
    with launcher.serving() as (_, client):
        deployed = deploy(client, "p", [convert(client, NAUGHTY, "naughty", "python", "n.py")])
        before = _all_pids(client, deployed)
        for how, said in (("exit", "SystemExit: 3"), ("raise", "KeyError"), ("interrupt", "Keyboard")):
            response = _do(client, deployed, how)
            assert response.status_code == 400, response.text
            assert said in response.json()["message"]
            assert "/home" not in response.text
            assert _do(client, deployed, "well").status_code == 200
        assert _all_pids(client, deployed) == before


def test_a_model_that_never_finishes_loading(launcher: Launcher) -> None:
    """An error that says so after the limit for loading; other deployments start all the while."""
    source = b"import time\ntime.sleep(3600)\ndef process_data(d):\n    return d\n"
    with launcher.serving("--WallarooApp.load_time_limit_s=4") as (_, client):
        stuck = convert(client, source, "stuck", "python", "stuck.py")
        body = {"pipeline_id": "stuck", "workspace_id": stuck["workspace_id"], "definition": definition(stuck)}
        made = post(client, "pipelines/create", **body)
        uid = f"{stuck['name']}-{stuck['id']}"
        number = post(
            client,
            "pipelines/deploy",
            deploy_id="stuck",
            pipeline_id=made["pipeline_pk_id"],
            pipeline_version_pk_id=made["pipeline_variant_pk_id"],
            models=[reference(stuck)],
            engine_config={
                "engine": {"replicas": 4, "cpu": 0.25},
                "engineAux": {"images": {uid: {"resources": {"limits": {"cpu": 0.25}}}}},
            },
        )["id"]
        started = time.monotonic()
        while True:
            status = post(client, "status/get_deployment", name=f"stuck-{number}")
            if status["status"] == "Error":
                break
            assert time.monotonic() - started < launcher.back_limit_s(20), status
            time.sleep(0.1)
        assert status["details"][0] == "Loading 'stuck' took longer than 4 s."
        deploy(client, "well", [upload(client, models.row_sum(3), "m")])


def test_a_replacement_that_eats_memory_while_it_loads(local_launcher: Launcher) -> None:
    """It is ended at its limit, and what ran before serves on."""
    source = b"kept = []\nwhile True:\n    kept.append(bytearray(b'x' * 2**24))\ndef process_data(d):\n    return d\n"
    with local_launcher.serving("--WallarooApp.default_memory=512Mi") as (_, client):
        deployed = deploy(client, "p", [convert(client, SUM, "sum", "python", "sum.py")])
        greedy = convert(client, source, "greedy", "python", "greedy.py")
        made = post(
            client,
            "pipelines/create",
            pipeline_id="p",
            workspace_id=deployed.workspace_id,
            definition=definition(greedy),
        )
        post(
            client,
            "pipelines/deploy",
            deploy_id="p",
            pipeline_id=deployed.pipeline_id,
            pipeline_version_pk_id=made["pipeline_variant_pk_id"],
            models=[reference(greedy)],
        )
        until = time.monotonic() + 30
        while "was not taken" not in (said := " ".join(_details(client, deployed))):
            assert time.monotonic() < until, said
            time.sleep(0.05)
        assert "memory limit of 512 MiB" in said
        assert client.post(deployed.url, json={"tensor": [[1, 2, 3]]}).status_code == 200


def _details(client: httpx.Client, deployed: Deployed) -> list[str]:
    details: list[str] = post(client, "status/get_deployment", name=deployed.name)["details"]
    return details


def test_undeploying_ends_sidekicks_and_what_they_started(tmp_path: Path) -> None:
    """No process and no directory is left after 5 s."""
    with PrivateServer(tmp_path, options=drill.EXTENSION_ONLY) as server, server.client as client:
        deployed = deploy(client, "p", [convert(client, NAUGHTY, "naughty", "python", "n.py")], replicas=2)
        started = psutil.Process(_do(client, deployed, "spawn").json()[0]["out"]["pid"])
        processes = [psutil.Process(pid) for pid in _all_pids(client, deployed)]
        assert len(processes) == 4
        post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)
        drill.assert_gone([*processes, started])
        until = time.monotonic() + 5
        while any((tmp_path / "data" / "sidekicks").iterdir()):
            assert time.monotonic() < until
            time.sleep(0.02)


@pytest.mark.timeout(300)
def test_the_server_is_killed_with_sidekicks_running(tmp_path: Path) -> None:
    """No orphans, no directories left, and the deployment serves again within 10 s."""
    server = PrivateServer(tmp_path, options=drill.EXTENSION_ONLY)
    server.start()
    try:
        with server.client as client:
            deployed = deploy(client, "p", [convert(client, NAUGHTY, "naughty", "python", "n.py")], replicas=2)
            old = {path.name for path in (tmp_path / "data" / "sidekicks").iterdir()}
            assert len(old) == 2
            processes = drill.children(server)
        server.kill()
        drill.assert_gone(processes)
        started = time.monotonic()
        server.start()
        with server.client as client:
            wait_running(client, deployed.name)
            url = f"{server.api_url}/pipelines/infer/{deployed.name}"
            assert infer(client, url, [{"do": "well"}]) == [{"done": "well"}]
            assert time.monotonic() - started < 10
            new = {path.name for path in (tmp_path / "data" / "sidekicks").iterdir()}
            assert len(new) == 2
            assert not new & old
    finally:
        server.stop()
    drill.assert_sound(tmp_path)


def test_the_server_is_killed_while_it_installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installer goes with the server, and what it had made is swept."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        server = PrivateServer(tmp_path, options=drill.EXTENSION_ONLY)
        server.start()
        try:
            with server.client as client:
                begin_conversion(client, SUM, "sum", "python", "sum.py", requirements=["no-such-package-anywhere==1"])
            silent.settimeout(30)
            silent.accept()[0].close()  # pip has begun
            processes = drill.children(server)
            assert any("pip" in process.cmdline() for process in processes)
            server.kill()
            drill.assert_gone(processes)
            server.start()
            assert len(list((tmp_path / "data" / "environments").glob("*.making"))) <= 1
        finally:
            server.stop()


@pytest.mark.timeout(300)
def test_the_server_is_killed_while_it_converts(tmp_path: Path) -> None:
    """Conversions begin again at the next start and end ready, wherever the kill came."""
    import pickle

    import numpy as np
    from sklearn.ensemble import RandomForestRegressor

    features = np.random.default_rng(0).normal(size=(200, 4))
    body = pickle.dumps(RandomForestRegressor(50).fit(features, features[:, 0]))
    server = PrivateServer(tmp_path, options=drill.EXTENSION_ONLY)
    server.start()
    numbers = []
    try:
        for turn, wait_s in enumerate((0.0, 0.3, 1.0, 2.0, 3.0)):
            with server.client as client:
                response = begin_conversion(client, body, f"forest-{turn}", "sklearn", "forest.pkl")
                assert response.status_code == 202, response.text
                numbers.append(response.json()["insert_models"]["returning"][0]["models"][0]["id"])
            time.sleep(wait_s)
            processes = drill.children(server)
            server.kill()
            drill.assert_gone(processes)
            server.start()
        with server.client as client:
            until = time.monotonic() + 120
            for number in numbers:
                while True:
                    found = post(client, "models/get_version_by_id", model_version_id=number)
                    version = found["model_version"]["model_version"]
                    if version["status"] == "ready":
                        break
                    assert version["status"] != "error", version
                    assert time.monotonic() < until, version
                    time.sleep(0.1)
                assert "Converted to ONNX" in version["note"]
            deployed = deploy(client, "p", [version])
            assert len(infer(client, deployed.url, [{"inputs": [0.0, 0.0, 0.0, 0.0]}])) == 1
    finally:
        server.stop()
    drill.assert_sound(tmp_path)
    left = [path for path in (tmp_path / "data").rglob("incoming/*") if path.is_file()]
    assert left == []
