"""The engines' own port under load while engines are killed and replaced."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.applying import apply, wait_switched
from tests.deploying import Deployed, deploy, post, upload
from tests.faults import drill
from tests.faults.steady import SteadyLoad

KILLS = drill.kills(6)
REPLACEMENTS = 5
CLIENTS = 8


class Retrying:
    """Clients that send a request whose connection was lost once more, as the SDK does."""

    def __init__(self, url: str, token: str) -> None:
        self.answered: list[int] = []
        self.failed: list[str] = []
        self.retried = 0
        self._url, self._headers = url, {"Authorization": f"Bearer {token}"}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> Retrying:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        with httpx.Client(headers=self._headers, trust_env=False, timeout=60) as client:
            while not self._stop.is_set():
                number += CLIENTS
                for attempt in (1, 2):
                    try:
                        response = client.post(self._url, json={"tensor": [[number, 0, 0]]})
                    except httpx.TransportError as error:
                        self.retried += 1
                        if attempt == 2:
                            self.failed.append(f"{number}: {error!r}")
                        continue
                    if response.status_code != 200 or response.json()[0]["outputs"][0]["Float"]["data"] != [number]:
                        self.failed.append(f"{number}: {response.text[:200]}")
                    self.answered.append(number)
                    break


def direct(client: httpx.Client, workspace_id: int, pipeline: str) -> dict[str, Any]:
    found: dict[str, Any] = post(
        client, "admin/get_pipeline_direct_access", workspace_id=workspace_id, pipeline_name=pipeline
    )
    return found


def running(client: httpx.Client, deployed: Deployed) -> list[int]:
    engines = post(client, "status/get_deployment", name=deployed.name)["engines"]
    return [int(engine["info"]["labels"]["pid"]) for engine in engines if engine["status"] == "Running"]


@pytest.mark.timeout(600)
def test_one_of_two_engines_is_killed_under_load(tmp_path: Path) -> None:
    """Nobody fails who tries a lost connection once more; every answer is in the log, and the port stays the same."""
    with PrivateServer(tmp_path, options=drill.EXTENSION_ONLY) as server, server.client as client:
        deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")], replicas=2)
        own = direct(client, deployed.workspace_id, "p")
        with Retrying(own["url"], own["token"]) as load:
            for turn in range(KILLS):
                until = time.monotonic() + 60
                while len(pids := running(client, deployed)) < 2:
                    assert time.monotonic() < until
                    time.sleep(0.02)
                count = len(load.answered)
                psutil.Process(pids[turn % 2]).kill()
                while len(load.answered) < count + 50:
                    assert time.monotonic() < until, load.failed
                    time.sleep(0.02)
        assert load.failed[:3] == []
        assert direct(client, deployed.workspace_id, "p") == own
        logged = drill.logged_numbers(client, deployed.workspace_id, "p")
        assert set(load.answered) <= set(logged)
        print(f"{len(load.answered)} answered over {KILLS} kills, {load.retried} sent once more, 0 failed")


@pytest.mark.timeout(600)
def test_a_pipeline_is_replaced_and_resized_under_load(tmp_path: Path) -> None:
    """Clients that keep their connections, and try nothing again: 0 failed, and the new version answers after a switch."""
    with PrivateServer(tmp_path, options=drill.EXTENSION_ONLY) as server, server.client as client:
        for factor in (1.0, 2.0):
            upload(client, models.row_sum(3, factor), f"m-{factor:g}")
        made = apply(client, {"name": "p", "steps": [{"model": "m-1"}]})["results"][0]
        wait_switched(client, made["deployment"])
        own = direct(client, made["workspace_id"], "p")
        with SteadyLoad([own["url"]], own["token"], CLIENTS) as load:
            for turn in range(1, REPLACEMENTS + 1):
                change = {
                    "name": "p",
                    "steps": [{"model": f"m-{1 + turn % 2}"}],
                    "resources": {"replicas": 1 + turn % 2},
                }
                (result,) = apply(client, change)["results"]
                wait_switched(client, result["deployment"])
                switched, count = time.monotonic(), len(load.answers)
                while len(load.answers) < count + 10 * CLIENTS:
                    assert time.monotonic() < switched + 60, load.failed
                    time.sleep(0.02)
        assert load.failed[:3] == []
        assert {answer.factor for answer in load.answers} == {1.0, 2.0}
        late = [answer for answer in load.answers if answer.asked > switched and answer.factor == 1.0]
        assert len(late) <= CLIENTS, "a kept connection is answered once more by the engine that ends it"
        assert load.answers[-1].factor == 2.0
        assert direct(client, made["workspace_id"], "p") == own
        print(
            f"{len(load.answers)} answered over {REPLACEMENTS} replacements, 0 failed; slowest {load.slowest_s:.2f} s"
        )
