"""Runs of tasks over REST, wherever they run: the same status, log, timeout and end."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.deploying import post
from tests.launching import Launcher
from tests.tasking import OBEDIENT, ended, last_run, log, orchestrate, posted, run_once, until

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")


@pytest.fixture(scope="module")
def client(launcher: Launcher) -> Iterator[httpx.Client]:
    """A client of a server whose runs go here or there."""
    with launcher.serving() as (_, opened):
        yield opened


@pytest.fixture(scope="module")
def room(client: httpx.Client) -> int:
    """A workspace of the module's own."""
    made: int = post(client, "workspaces/create", workspace_name="task-runs")["workspace_id"]
    return made


@pytest.fixture(scope="module")
def quick(client: httpx.Client, room: int) -> str:
    """An orchestration that does what it is told by its arguments."""
    return orchestrate(client, room, OBEDIENT)


def test_a_run_from_start_to_end(client: httpx.Client, room: int, quick: str) -> None:
    """S5-34 to S5-37: arguments in, log out, every key of contract/rest.md."""
    arguments = {"table": "in", "deep": [1, {"x": None}]}
    task_id = run_once(client, room, quick, name="once", json=arguments)
    run = ended(client, task_id)
    assert (run["status"], run["exit_code"], run["reason"]) == ("success", 0, None)
    task = post(client, "task/get_by_id", id=task_id)
    assert task["status"] == "success" and task["run_type"] == "Oneshot" and task["schedule"] is None
    assert task["input_data"] == arguments and task["workspace_id"] == room and not task["killed"]
    assert INSTANT.fullmatch(task["created_at"]) and INSTANT.fullmatch(task["updated_at"])
    assert [item["run_id"] for item in task["last_runs"]] == [run["run_id"]]
    assert run["orch_sha"] == post(client, "orchestration/get_by_id", id=quick)["sha"]
    (line,) = post(client, "task/get_logs_for_run", id=run["run_id"], lines=5)["logs"]
    assert re.fullmatch(rf"\S+Z stdout F True {room} {re.escape(str(arguments))}", line)
    assert post(client, "task/get_run_details", pod_id=run["run_id"], task=task_id) == run


def test_a_failing_run_shows_its_traceback(client: httpx.Client, room: int, quick: str) -> None:
    run = ended(client, run_once(client, room, quick, json={"fail": "no such table"}))
    assert (run["status"], run["exit_code"], run["reason"]) == ("failure", 1, "ValueError: no such table")
    said = log(client, run["run_id"])
    assert "Traceback (most recent call last):" in said and said.endswith("ValueError: no such table")


def test_a_timeout_ends_the_run(client: httpx.Client, room: int, quick: str) -> None:
    """S5-37."""
    task_id = run_once(client, room, quick, json={"sleep": 1000}, timeout=1)
    run = ended(client, task_id)
    assert (run["status"], run["reason"]) == ("timed_out", "it ran for longer than its timeout of 1 s")
    assert post(client, "task/get_by_id", id=task_id)["status"] == "timed_out"


def test_a_killed_task_is_pending_until_it_is_gone(client: httpx.Client, room: int, quick: str) -> None:
    """202 with the task; again, nothing changes."""
    task_id = run_once(client, room, quick, json={"sleep": 1000})
    run_id = until(lambda: last_run(client, task_id))["run_id"]
    until(lambda: log(client, run_id))
    killed = posted(client, "task/kill", 202, id=task_id)
    assert killed["killed"] and killed["status"] == "pending_kill"
    run = ended(client, task_id)
    assert (run["status"], run["reason"]) == ("killed", "the task was killed")
    assert posted(client, "task/kill", 202, id=task_id)["status"] == "killed"
    shown = post(client, "task/list", workspace_id=room, killed=True)
    assert task_id in [item["id"] for item in shown] and all(item["killed"] for item in shown)
