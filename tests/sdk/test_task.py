"""Tasks in a notebook, and what the script of one sees."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.instants import zone
from jupyter_wallaroo.sdk.object import Conflict, EntityNotFoundError, InvalidRequest
from jupyter_wallaroo.sdk.orchestration import Orchestration
from jupyter_wallaroo.sdk.task import Task, Tasks
from jupyter_wallaroo.sdk.task_run import LogLines, TaskRun, TaskRuns
from jupyter_wallaroo.types import task as wire
from jupyter_wallaroo.types.task import RunState, RunStatus, RunType, TaskStatus
from tests.sdk.conftest import unique
from tests.tasking import archive, until

MAIN = """
import time, wallaroo
wl = wallaroo.Client()
arguments = wl.task_args()
print("in task:", wl.in_task(), arguments, wl.get_current_workspace().name())
if arguments.get("fail"): raise LookupError(arguments["fail"])
time.sleep(arguments.get("sleep", 0))
"""
AT = "2023-05-22T19:54:06.000001+00:00"


@pytest.fixture(scope="module")
def orchestration(wl: Client) -> Iterator[Orchestration]:
    made = wl.upload_orchestration(unique("tasks"), bytes_buffer=archive(MAIN)).wait()
    yield made
    for task in made.list_tasks():
        task.kill()
        until(lambda: all(run.status() != "running" for run in task.last_runs()))  # noqa: B023


def facts(**more: Any) -> wire.Task:
    given: dict[str, Any] = {
        "id": "c1", "number": 1, "name": "nightly", "workspace_id": 3, "workspace_name": "team", "orch_id": "o1", "orch_sha": "5ha",
        "input_data": {}, "status": TaskStatus.STARTED, "killed": False, "run_type": RunType.SCHEDULED,
        "schedule": "42 * * * *", "time_zone": "UTC", "next_firings": [AT], "timeout": None, "debug": False,
        "last_runs": [], "created_at": AT, "updated_at": AT,
    }  # fmt: skip
    return wire.Task(**given | more)


def run_facts(**more: Any) -> wire.TaskRun:
    given: dict[str, Any] = {
        "task": "c1", "run_id": "r1", "status": RunStatus.SUCCESS, "state": RunState.SUCCESS, "reason": None,
        "exit_code": 0, "fire_time": AT, "late": False, "missed": 0, "orch_sha": "5ha", "started_at": AT,
        "created_at": AT, "updated_at": AT,
    }  # fmt: skip
    return wire.TaskRun(**given | more)


def test_s5_35_a_life(wl: Client, orchestration: Orchestration) -> None:
    """Pending, started, success; what it printed; found again."""
    task = orchestration.run_once("once", {"a": [1, "b"]}, timeout=60)
    assert task.status() in ("pending", "started")
    until(lambda: task.status() == "success")
    assert not task.is_active()
    (run,) = task.last_runs(limit=5, status="success")
    assert (run.status(), run.exit_code(), run.reason(), run.is_late()) == ("success", 0, None, False)
    (line,) = run.logs(limit=10)
    here = wl.get_current_workspace().name()
    assert line.endswith(f" stdout F in task: True {{'a': [1, 'b']}} {here}")
    assert str(run.logs()) == line
    assert wl.get_task_by_id(task.id()) == task
    assert task in wl.list_tasks() and task in orchestration.list_tasks()
    assert task in wl.list_tasks(orch_id=orchestration.id())
    assert task not in wl.list_tasks(killed=True)
    assert (task.name(), task.run_type(), task.input_data()) == ("once", "Temporary Run", {"a": [1, "b"]})
    assert task.workspace_id() == orchestration.workspace_id()


def test_a_failing_run_says_why(orchestration: Orchestration) -> None:
    task = orchestration.run_once(json_args={"fail": "no such table"})
    until(lambda: task.status() == "failed")
    (run,) = task.last_runs(status="failure")
    assert (run.status(), run.reason()) == ("failure", "LookupError: no such table")
    assert "Traceback (most recent call last):" in str(run.logs())


def test_a_schedule(wl: Client, orchestration: Orchestration) -> None:
    """A29: the next three firings in its own time zone."""
    task = orchestration.run_scheduled("nightly", "30 2 * * *", time_zone="Asia/Kolkata")
    first, second, third = task.next_firings()
    assert first.utcoffset() == timedelta(hours=5.5) and (first.hour, first.minute) == (2, 30)
    assert third - second == second - first == timedelta(days=1)
    assert "Next Firings" in task._repr_html_() and first.isoformat() in task._repr_html_()
    assert (task.pause(), task.next_firings(), task.is_active()) == ("paused", [], False)
    assert (task.resume(), task.next_firings()) == ("started", [first, second, third])
    assert task.kill() == "killed"
    assert task in wl.list_tasks(killed=True)
    with pytest.raises(Conflict, match="is killed"):
        task.resume()


def test_a_service_is_ended(orchestration: Orchestration) -> None:
    task = orchestration.run_continuously("service", {"sleep": 1000})
    until(lambda: task.status() == "started")
    assert task.run_type() == "Continuous Run" and task.is_active()
    assert task.kill() == "pending_kill"
    until(lambda: task.status() == "killed")
    assert [run.status() for run in task.last_runs(status="killed")] == ["killed"]


def test_a_wrong_schedule_shows_the_right_form(orchestration: Orchestration) -> None:
    with pytest.raises(InvalidRequest, match=r"'42 1 \* \* \*'"):
        orchestration.run_scheduled("x", "0 42 1 * * *")


def test_outside_of_a_task(wl: Client) -> None:
    assert not wl.in_task()
    with pytest.raises(InvalidRequest, match="does not run in a task"):
        wl.task_args()
    with pytest.raises(EntityNotFoundError):
        wl.get_task_by_id("nowhere")


def test_s5_38_how_tasks_are_shown(wl: Client) -> None:
    task = Task(wl, facts(last_runs=[run_facts()]))
    rows = {
        "ID": "c1", "Name": "nightly", "Last Run Status": "success", "Type": "Scheduled Run", "Active": "True",
        "Schedule": "42 * * * * (UTC)", "Created At": "2023-22-May 19:54:06", "Updated At": "2023-22-May 19:54:06",
        "Workspace ID": "3", "Workspace Name": "team",
    }  # fmt: skip
    for name, value in rows.items():
        assert f"<td>{name}</td><td>{value}</td>" in task._repr_html_()
    table = Tasks([task])._repr_html_()
    assert all(f"<th>{name.lower()}</th>" in table for name in rows) and "<td>Scheduled Run</td>" in table
    for kind, shown in ((RunType.ONCE, "Temporary Run"), (RunType.CONTINUOUS, "Continuous Run")):
        assert shown in Task(wl, facts(run_type=kind, schedule=None))._repr_html_()
    runs = TaskRuns([TaskRun(wl, run_facts(late=True, missed=3))])
    assert "<td>r1</td><td>success</td>" in runs._repr_html_()
    assert "stands for 3 missed" in runs[0]._repr_html_()


def test_nothing_is_shown_as_nothing() -> None:
    assert Tasks()._repr_html_() == "(no tasks)"
    assert TaskRuns()._repr_html_() == "(no task runs)"
    assert LogLines()._repr_html_() == str(LogLines()) == repr(LogLines()) == "(no logs yet)"


def test_every_value_is_escaped(wl: Client) -> None:
    """SECURITY E1: names come from anywhere, and what a script prints even more so."""
    evil = "<script>alert(1)</script>"
    task = Task(wl, facts(name=evil, workspace_name=evil, schedule=evil))
    run = TaskRun(wl, run_facts(reason=evil))
    shown = [
        task._repr_html_(), Tasks([task])._repr_html_(), run._repr_html_(), TaskRuns([run])._repr_html_(),
        LogLines([evil])._repr_html_(),
    ]  # fmt: skip
    assert all("<script>" not in text for text in shown)
    assert evil in str(LogLines([evil]))


def test_times_are_datetimes(wl: Client) -> None:
    task, run = Task(wl, facts()), TaskRun(wl, run_facts())
    for moment in (task.created_at(), task.updated_at(), run.created_at(), run.updated_at(), run.fire_time()):
        assert moment == datetime.fromisoformat(AT)


@pytest.mark.parametrize("name", [None, "", "Mars/Olympus", "/etc/passwd", "../x", "a\0b"])
def test_a_time_zone_that_this_machine_does_not_know_is_utc(name: str | None) -> None:
    """As every one is on Windows without tzdata: times are then right, and say that they are of UTC."""
    assert zone(name).tzname(None) == "UTC"
    assert str(zone("Asia/Kolkata")) == "Asia/Kolkata"
