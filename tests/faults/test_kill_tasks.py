"""kill -9 to the server while tasks run: each firing at most once, none lost without a mark, states true afterwards."""

from __future__ import annotations

import itertools
import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.types.task_process import FOLDER
from tests.deploying import post
from tests.faults.drill import assert_gone, assert_sound, children, kills, pause
from tests.faults.fast_clock import BEGUN_MS
from tests.tasking import OVER, orchestrate, posted, run_once, until

ROOT = Path(__file__).parents[2]
KILLS = kills(3)
SCHEDULES = 5
RUNS = 10
MINUTE_S = 60
OPTIONS = (
    "--ServerApp.jpserver_extensions=jupyter_wallaroo=True",
    "--ServerApp.jpserver_extensions=tests.faults.fast_clock=True",
)
MAIN = """
import os, time, wallaroo
args = wallaroo.Client().task_args()
with open(args["marks"], "a") as file:
    file.write(os.environ["TASK_RUN_ID"] + "\\n")
if os.fork() == 0:
    os.setsid()
    time.sleep(1000)
time.sleep(args["sleep"])
"""


def runs_of(client: httpx.Client, task_id: str) -> list[dict[str, Any]]:
    """Return all runs of a task, oldest first."""
    found: list[dict[str, Any]] = post(client, "task/list_task_runs", task_id=task_id, limit=1000)
    return found[::-1]


def open_runs(client: httpx.Client, task_ids: list[str]) -> list[dict[str, Any]]:
    return [run for task_id in task_ids for run in runs_of(client, task_id) if run["state"] not in OVER]


def left_over(data: Path) -> list[psutil.Process]:
    """Return the processes of any run of a data directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(FOLDER, "").startswith(str(data)) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.mark.timeout(3600)
def test_tasks_survive_kills_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Must show 3 (all 50 with JUPYTER_WALLAROO_TEST_KILLS=50), on a clock on which each second is a minute."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(os.pathsep))
    monkeypatch.setenv(BEGUN_MS, str(time.time_ns() // 1_000_000))
    rng = random.Random(3)
    marks, data = tmp_path / "marks", tmp_path / "data"
    marks.touch()
    once: list[str] = []
    slowest_s = 0.0
    server = PrivateServer(tmp_path, options=OPTIONS)
    server.start()
    try:
        with server.client as client:
            room = post(client, "workspaces/get")["id"]
            orch_id = orchestrate(client, room, MAIN)
            facts = {"orch_id": orch_id, "workspace_id": room, "schedule": "* * * * *", "time_zone": "UTC"}
            scheduled = [
                posted(client, "task/run_scheduled", 201, json={"marks": str(marks), "sleep": 0.1 * number}, **facts)[
                    "id"
                ]
                for number in range(SCHEDULES)
            ]
        for _ in range(KILLS):
            with server.client as client:
                while len(open_runs(client, once[-RUNS:])) < RUNS:
                    arguments = {"marks": str(marks), "sleep": rng.uniform(0.1, 2.0)}
                    once.append(run_once(client, room, orch_id, json=arguments))
                pause(rng, 0.0, 2.0)
            processes = children(server)
            server.kill()
            if rng.random() < 0.5:  # the other times the next server meets what still dies
                slowest_s = max(slowest_s, assert_gone(processes))
            server.start()
            slowest_s = max(slowest_s, assert_gone(processes))
        with server.client as client:
            for task_id in scheduled:
                posted(client, "task/pause", 202, id=task_id, pause=True)
            until(lambda: not open_runs(client, [*once, *scheduled]), 300)
            until(lambda: not left_over(data), 5)
            found = {task_id: runs_of(client, task_id) for task_id in [*once, *scheduled]}
            assert os.listdir(data / "tasks" / "work") == []
    finally:
        server.stop()
    assert left_over(data) == []
    assert_sound(tmp_path)
    assert_true(found, scheduled, Counter(marks.read_text().split()))
    states = Counter(run["state"] for runs in found.values() for run in runs)
    missed = sum(run["missed"] for task_id in scheduled for run in found[task_id])
    firings = sum(len(found[task_id]) for task_id in scheduled)
    print(f"{KILLS} kills, {firings} firings, {len(once)} single runs, {dict(states)}, {missed} made up for late;")
    print(f"all processes were gone {slowest_s:.2f} s after the kill at the latest")


def assert_true(found: dict[str, list[dict[str, Any]]], scheduled: list[str], begun: Counter[str]) -> None:
    """Assert that rows and what really began agree: each firing once at most, none lost without a mark."""
    for task_id, runs in found.items():
        states = {run["state"] for run in runs}
        if task_id not in scheduled:  # what was acknowledged ran, once
            assert len(runs) == 1 and states <= {"success", "interrupted"}, runs
            continue
        assert states <= {"success", "interrupted", "skipped"}
        fired = [time_of(run["fire_time"]) for run in runs]
        assert fired == sorted(set(fired))
        for (before, after), run in zip(itertools.pairwise(fired), runs[1:], strict=True):
            assert (after - before) // MINUTE_S == max(1, run["missed"]), run  # it, or what it says it stands for
    for run in [run for runs in found.values() for run in runs]:
        count = begun.pop(run["run_id"], 0)
        assert count <= 1, run
        assert count == 1 or run["state"] != "success", run
        assert count == 0 or run["state"] != "skipped", run
    assert not begun, "something ran that has no row"


def time_of(text: str) -> float:
    """Return an instant of the wire in seconds since the epoch."""
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()
