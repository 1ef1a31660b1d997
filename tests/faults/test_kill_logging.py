"""``kill -9`` of engines and of the server at random moments, by both doors: what was answered is in the log.

In full with ``JUPYTER_WALLAROO_TEST_KILLS=200``: one kill in four is the server's.
"""

from __future__ import annotations

import contextlib
import random
import time
from pathlib import Path

import httpx
import psutil
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.deploying import Deployed, deploy, post, upload, wait_running
from tests.faults import drill
from tests.faults.drill import Ledger, Load

KILLS = drill.kills(8)
SERVER_EVERY = 4
BACK_LIMIT_S = 60.0
ANSWERS = 10


def _address(server: PrivateServer, client: httpx.Client, deployed: Deployed, door: str) -> tuple[str, str]:
    """Return where a door is, and what opens it."""
    if door == "jupyter":
        return f"{server.api_url}/pipelines/infer/{deployed.name}", server.token
    found = post(
        client,
        "admin/get_pipeline_direct_access",
        workspace_id=deployed.workspace_id,
        pipeline_name=deployed.pipeline_name,
    )
    return found["url"], found["token"] or server.token


def _engines(client: httpx.Client, deployed: Deployed) -> list[int]:
    status = post(client, "status/get_deployment", name=deployed.name)
    return [int(pid) for engine in status["engines"] if (pid := engine["info"]["labels"].get("pid"))]


def _until_answering(load: Load) -> None:
    """Wait until the load is under way: clients take their time to begin."""
    until = time.monotonic() + BACK_LIMIT_S
    while load.answered < ANSWERS:
        assert time.monotonic() < until, load.failed[:3]
        time.sleep(0.005)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("door", ["jupyter", "direct"])
def test_nothing_that_was_answered_is_lost(tmp_path: Path, door: str) -> None:
    """Two replicas under load; engines and server are killed, and everything comes back each time."""
    rng = random.Random(20261122)
    ledger = Ledger()
    first = 1
    killed = {"engine": 0, "server": 0}
    server = PrivateServer(tmp_path, options=drill.EXTENSION_ONLY)
    server.start()
    try:
        with server.client as client:
            deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")], replicas=2)
        for turn in range(KILLS):
            kills_server = turn % SERVER_EVERY == SERVER_EVERY - 1
            with server.client as client:
                url, token = _address(server, client, deployed, door)
                with Load(url, token, ledger, first=first, threads=4) as load:
                    _until_answering(load)
                    drill.pause(rng, 0.0, 0.4)
                    if kills_server:
                        processes = drill.children(server)
                        server.kill()
                    else:
                        victim = psutil.Process(rng.choice(_engines(client, deployed)))
                        with contextlib.suppress(psutil.NoSuchProcess):
                            victim.kill()
                        drill.pause(rng, 0.0, 0.2)
            killed["server" if kills_server else "engine"] += 1
            first = load.next_number
            if kills_server:
                drill.assert_gone(processes)
                server.start()
            with server.client as client:
                wait_running(client, deployed.name, limit_s=BACK_LIMIT_S)
        with server.client as client:
            logged = drill.logged_numbers(client, deployed.workspace_id, "p")
    finally:
        server.stop()
    drill.assert_sound(tmp_path)
    assert not ledger.wrong
    assert len(ledger.inferred) > KILLS
    lost = set(ledger.inferred) - set(logged)
    print(
        f"{door}: {killed}, {len(lost)} of {len(ledger.inferred)} answered records lost, "
        f"{len(logged) - len(set(logged))} logged twice"
    )
    assert not lost, sorted(lost)[:10]
