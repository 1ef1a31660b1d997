"""Pipelines replaced under load: nobody fails, nobody sees a mix, nobody sees the old version once it has gone.

``JUPYTER_WALLAROO_TEST_DRILL_S=60`` runs the drills in full: 16 clients, 50 replacements.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.applying import answer_of, apply, url_of, wait_switched
from tests.deploying import post, upload, wait_running
from tests.faults import drill
from tests.faults.steady import Answer, SteadyLoad
from tests.launching import Launcher

DRILL_S = float(os.environ.get("JUPYTER_WALLAROO_TEST_DRILL_S", "15"))
FULL_S = 60.0
REPLACEMENTS = max(5, round(50 * DRILL_S / FULL_S))
CLIENTS = 16 if DRILL_S >= FULL_S else 8
LEAST_REQUESTS = 20_000 if DRILL_S >= FULL_S else 1000

FIRST = (2.0, 3.0, 5.0, 7.0, 11.0)
SECOND = (13.0, 17.0, 19.0, 23.0, 29.0)
"""What the two models of each version multiply by: the product tells which two answered."""


def _server_facts(server: PrivateServer, client: httpx.Client) -> tuple[float, Any]:
    """Return when the server's process began, as the system and as Jupyter itself say."""
    started = client.get(f"http://127.0.0.1:{server.port}/api/status").json()["started"]
    return psutil.Process(server.pid).create_time(), started


def _chain(first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    """Return two steps: each model by its name."""
    return [{"model": first["name"]}, {"model": second["name"]}]


def _damaged(server: PrivateServer, client: httpx.Client) -> dict[str, Any]:
    """Upload a model whose stored file is damaged afterwards: it cannot be loaded."""
    version = upload(client, models.row_sum(3, 0.5), "damaged")
    (blob,) = [path for path in (server.directory / "data").rglob("*") if version["file_info"]["sha"] in path.name]
    blob.chmod(0o600)
    blob.write_bytes(b"damaged")
    return version


def _wait_refused(client: httpx.Client, result: dict[str, Any]) -> None:
    """Wait until the server says that a version was not taken."""
    until = time.monotonic() + 60
    while True:
        details = post(client, "status/get_deployment", name=result["deployment"]["name"])["details"]
        if any(result["version"] in detail for detail in details):
            return
        assert time.monotonic() < until, details
        time.sleep(0.02)


@pytest.mark.timeout(900)
def test_a_pipeline_is_replaced_many_times_under_load(launcher: Launcher) -> None:
    """Every fifth version cannot be loaded: 0 failed, no mix of versions, no old answer after a switch is reported."""
    windows: list[tuple[float, float, float]] = []  # from when, until when, the only factor there may be
    replacements = max(5, launcher.times(REPLACEMENTS))
    with launcher.serving() as (server, client):
        before = _server_facts(server, client)
        firsts = [upload(client, models.row_sum(3, factor), f"first-{factor:g}") for factor in FIRST]
        seconds = [upload(client, models.row_sum(1, factor), f"second-{factor:g}") for factor in SECOND]
        damaged = _damaged(server, client)
        made = apply(client, {"name": "p", "steps": _chain(firsts[0], seconds[0])})["results"][0]
        wait_switched(client, made["deployment"])
        url = url_of(client, "p", made["workspace_id"])
        factor, switches, refusals = FIRST[0] * SECOND[0], 0, 0
        with SteadyLoad([url], server.token, CLIENTS) as load:
            began = reported = time.monotonic()
            for number in range(1, replacements + 1):
                is_broken = number % 5 == 0
                turn = number % len(FIRST)
                second = damaged if is_broken else seconds[turn]
                if not is_broken:
                    windows.append((reported, time.monotonic(), factor))
                (result,) = apply(client, {"name": "p", "steps": _chain(firsts[turn], second)})["results"]
                if is_broken:
                    _wait_refused(client, result)
                    refusals += 1
                else:
                    wait_switched(client, result["deployment"])
                    reported, factor = time.monotonic(), FIRST[turn] * SECOND[turn]
                    switches += 1
            time.sleep(max(0.0, began + DRILL_S - time.monotonic()))
            windows.append((reported, time.monotonic(), factor))
            took_s = time.monotonic() - began
        assert load.failed[:3] == []
        assert _server_facts(server, client) == before
        assert len(drill.logged_numbers(client, made["workspace_id"], "p")) == len(load.answers)
    whole = {first * second for first, second in zip(FIRST, SECOND, strict=True)}
    assert [answer for answer in load.answers if answer.factor not in whole][:3] == [], "a mix of versions"
    assert _outside(load.answers, windows)[:3] == [], "another version than the one that was reported"
    assert (switches, refusals) == (replacements - replacements // 5, replacements // 5)
    assert len({answer.factor for answer in load.answers}) >= min(4, switches)
    assert len(load.answers) >= LEAST_REQUESTS
    print(
        f"{len(load.answers)} requests by {CLIENTS} clients in {took_s:.1f} s over {switches} replacements and "
        f"{refusals} refused versions: 0 failed, 0 mixed, 0 old; slowest {load.slowest_s:.2f} s"
    )


def _outside(answers: list[Answer], windows: list[tuple[float, float, float]]) -> list[Answer]:
    """Return answers that were asked for and came while only one version could answer, and were another's."""
    return [
        answer
        for start, end, factor in windows
        for answer in answers
        if start <= answer.asked and answer.came <= end and answer.factor != factor
    ]


def test_a_refused_version_does_not_come_back_with_a_restart(tmp_path: Path) -> None:
    """What ran goes on being what is wanted, whatever becomes of the server; the newest version can be tried again."""
    server = PrivateServer(tmp_path, options=drill.EXTENSION_ONLY)
    with server, server.client as client:
        upload(client, models.row_sum(3, 2.0), "good")
        damaged = _damaged(server, client)
        made = apply(client, {"name": "p", "steps": [{"model": "good"}], "resources": {"memory": "1Gi"}})["results"][0]
        wait_switched(client, made["deployment"])
        bad = apply(client, {"name": "p", "steps": [{"model": damaged["name"]}], "resources": {"memory": "2Gi"}})
        _wait_refused(client, bad["results"][0])
        until = time.monotonic() + 10
        while (record := post(client, "audit/list", limit=1)["records"][0])["action"] != "refuse":
            assert time.monotonic() < until, record
            time.sleep(0.02)
        assert (record["via"], record["after"]["version"]) == ("engines", made["version"])
    with server, server.client as client:
        wait_running(client, made["deployment"]["name"])
        assert answer_of(client, url_of(client, "p", made["workspace_id"])) == 12.0
        where = {"pipeline_name": "p", "workspace_id": made["workspace_id"]}
        found = post(client, "pipelines/get_pipeline_by_name", **where)
        assert found["deployment"]["engine_config"]["engine"]["resources"]["limits"] == {"memory": "1Gi"}
        assert found["pipeline_versions"][0] == bad["results"][0]["version"]
        (plan,) = apply(client, {"name": "p"}, dry_run=True)["results"]
        assert plan["diff"][0]["path"] == "deployed_version"


@pytest.mark.timeout(900)
def test_ten_pipelines_are_applied_at_once_while_ten_others_serve(tmp_path: Path) -> None:
    """Added, changed and removed together, again and again: the others answer, all of them, from the same processes."""
    with PrivateServer(tmp_path, options=drill.EXTENSION_ONLY) as server, server.client as client:
        before = _server_facts(server, client)
        for factor in FIRST:
            upload(client, models.row_sum(3, factor), f"model-{factor:g}")
        serving = [
            {"name": f"serving-{number}", "steps": [{"model": f"model-{FIRST[number % 5]:g}"}]} for number in range(10)
        ]
        made = apply(client, *serving)["results"]
        engines = [wait_switched(client, item["deployment"])["engines"][0]["info"]["labels"]["pid"] for item in made]
        urls = [url_of(client, item["name"], made[0]["workspace_id"]) for item in made]
        rounds = 0
        with SteadyLoad(urls, server.token, max(10, CLIENTS)) as load:
            began = time.monotonic()
            while not rounds or (DRILL_S >= FULL_S and time.monotonic() < began + DRILL_S):
                for model in ("model-7", "model-11"):
                    items = [{"name": f"moving-{number}", "steps": [{"model": model}]} for number in range(10)]
                    answer = apply(client, *items)
                    assert answer["plan"]["add"] + answer["plan"]["change"] == 10
                    for item in answer["results"]:
                        wait_switched(client, item["deployment"])
                gone = [{"name": f"moving-{number}", "state": "absent"} for number in range(10)]
                assert apply(client, *gone)["plan"]["remove"] == 10
                rounds += 1
        assert load.failed[:3] == []
        assert {answer.factor for answer in load.answers} == set(FIRST)
        assert _server_facts(server, client) == before
        after = [wait_switched(client, item["deployment"])["engines"][0]["info"]["labels"]["pid"] for item in made]
        assert after == engines, "pipelines that were not named were touched"
    print(
        f"{rounds} times 10 pipelines added, changed and removed beside 10 others: 0 of {len(load.answers)} requests "
        f"failed; slowest {load.slowest_s:.2f} s"
    )
