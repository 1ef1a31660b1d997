"""The tasks panel against a real server: messages in, replies out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.orchestration import Orchestration
from jupyter_wallaroo.sdk.task import Task
from jupyter_wallaroo.types.task import RunState, RunType, TaskStatus
from jupyter_wallaroo.widgets import assets, task_lines
from tests.sdk.conftest import unique
from tests.sdk.test_task import facts, run_facts
from tests.widgets.conversation import Conversation, Refused
from tests.widgets.hostile import NAMES
from tests.widgets.test_pieces import is_plain

NOWHERE = "8c8e3ffc-6b3e-4b0e-9a0c-7f8e1a1b2c3d"


@pytest.fixture
def talk(wl: Client) -> Iterator[Conversation]:
    with Conversation(wl.panel(view="tasks")) as talking:
        yield talking


def _of(found: dict[str, Any], task: Task) -> dict[str, Any] | None:
    return next((item for item in found["tasks"] if item["id"] == task.id()), None)


def test_tasks_are_listed_with_what_they_do_next(wl: Client, talk: Conversation, scheduled: Task, failed: Task) -> None:
    found = talk.ask("look")
    assert found["workspace"] == wl.get_current_workspace().name()
    assert found["total"] == len(found["tasks"]) and found["chosen"] is None
    nightly, once = _of(found, scheduled), _of(found, failed)
    assert nightly and once
    assert (nightly["name"], nightly["kind"], nightly["status"]) == ("nightly", "scheduled", "started")
    assert (nightly["schedule"], nightly["time_zone"]) == ("30 2 * * *", "Asia/Kolkata")
    assert nightly["firings"] == [moment.isoformat(" ", "minutes") for moment in scheduled.next_firings()]
    assert [text[-11:] for text in nightly["firings"]] == ["02:30+05:30"] * 3
    assert (nightly["last_run"], nightly["can_pause"], nightly["can_kill"]) == (None, True, True)
    assert (once["kind"], once["status"], once["schedule"], once["firings"]) == ("once", "failed", "", [])
    assert once["last_run"]["state"] == "failure"
    assert not (once["can_pause"] or once["can_resume"] or once["can_kill"])
    open_ones, wrong = talk.ask("look", which="open"), talk.ask("look", which="wrong")
    assert _of(open_ones, scheduled) and not _of(open_ones, failed)
    assert _of(wrong, failed) and not _of(wrong, scheduled)


def test_a_failed_run_and_its_log(talk: Conversation, failed: Task) -> None:
    chosen = talk.ask("look", chosen=failed.id(), which="open")["chosen"]
    assert chosen["task"]["name"] == "import", "what is chosen stays, whichever are listed"
    (run,) = chosen["runs"]
    assert (run["state"], run["reason"], run["is_over"]) == ("failure", "LookupError: no such table", True)
    assert run["started"] >= run["due"] > "2023" and run["took"].endswith(" s") and run["mark"] == ""
    printed = talk.ask("log", task=failed.id(), run=run["id"])
    assert printed["run"]["exit_code"] == 1 and not printed["is_cut"]
    texts = [line["text"] for line in printed["lines"]]
    assert texts[0] == "begun" and texts[-1] == "LookupError: no such table"
    assert datetime.strptime(printed["lines"][0]["time"], "%H:%M:%S.%f")


def test_a_log_is_seen_while_it_is_printed(talk: Conversation, orchestration: Orchestration) -> None:
    """Control characters are written as their escapes, long logs show their end, long lines their beginning."""
    hostile = [name.replace("\n", " ") for name in NAMES if "\x00" not in name]
    task = orchestration.run_continuously("service", {"print": [*map(str, range(600)), *hostile], "sleep": 1000})
    chosen = talk.until("look", lambda found: found["chosen"]["runs"], chosen=task.id())["chosen"]
    asked = {"task": task.id(), "run": chosen["runs"][0]["id"]}
    printed = talk.until("log", lambda found: found["lines"] and found["lines"][-1]["text"].startswith("long"), **asked)
    assert printed["run"]["state"] == "running" and not printed["run"]["is_over"] and printed["is_cut"]
    assert talk.ask("look")["is_busy"]
    texts = [line["text"] for line in printed["lines"]]
    assert len(texts) == 500 and len(texts[-1]) == task_lines.LONGEST_LINE
    assert all(map(is_plain, texts)) and "a\\x1b[31mred\\x1b[0m" in texts and "\\u202egnp.exe" in texts
    assert chosen["task"]["can_pause"] and chosen["task"]["can_kill"]
    assert talk.ask("pause", id=task.id())["status"] in ("pending pause", "paused")
    paused = talk.until("look", lambda found: found["chosen"]["task"]["status"] == "paused", chosen=task.id())
    assert paused["chosen"]["task"]["can_resume"] and paused["chosen"]["runs"][0]["state"] == "killed"
    assert "resumed" not in talk.ask("resume", id=task.id())["status"]
    talk.until("look", lambda found: found["chosen"]["task"]["status"] == "started", chosen=task.id())
    assert talk.ask("kill", id=task.id())["status"] in ("pending kill", "killed")
    killed = talk.until("look", lambda found: found["chosen"]["task"]["status"] == "killed", chosen=task.id())
    assert not any(killed["chosen"]["task"][may] for may in ("can_pause", "can_resume", "can_kill"))
    assert [run["state"] for run in killed["chosen"]["runs"]] == ["killed", "killed"]


def test_pause_and_resume_a_schedule(talk: Conversation, scheduled: Task) -> None:
    paused = talk.ask("pause", id=scheduled.id())
    assert (paused["status"], paused["firings"], paused["can_pause"], paused["can_resume"]) == (
        "paused", [], False, True,
    )  # fmt: skip
    resumed = talk.ask("resume", id=scheduled.id())
    assert (resumed["status"], len(resumed["firings"]), resumed["can_resume"]) == ("started", 3, False)


def test_what_cannot_be_done_is_said(talk: Conversation, failed: Task) -> None:
    with pytest.raises(Refused, match="runs only once"):
        talk.ask("pause", id=failed.id())
    with pytest.raises(Refused, match=NOWHERE):
        talk.ask("kill", id=NOWHERE)
    with pytest.raises(Refused, match=NOWHERE):
        talk.ask("log", task=failed.id(), run=NOWHERE)
    assert talk.ask("look", chosen=NOWHERE)["chosen"] is None, "a task that was removed is no longer chosen"
    with pytest.raises(Refused, match="unexpected"):
        talk.ask("run")


def test_a_reader_without_widgets_gets_the_facts_as_text(talk: Conversation, scheduled: Task, failed: Task) -> None:
    data, _ = talk.panel._repr_mimebundle_()
    text = data["text/plain"]
    for fact in ("nightly", "30 2 * * * (Asia/Kolkata)", "02:30+05:30, ", "none yet", "once", "LookupError: no such"):
        assert fact in text
    (line,) = [line.split() for line in text.split("Last runs")[0].splitlines() if line.startswith("import ")]
    assert line == ["import", "once", "failed", "-", "-", "failure"]


def test_no_tasks(wl: Client) -> None:
    """A panel stays with the workspace that it was opened in."""
    before = wl.get_current_workspace()
    empty = wl.set_current_workspace(wl.create_workspace(unique("empty")))
    try:
        panel = wl.panel(view="tasks")
    finally:
        wl.set_current_workspace(before)
    with Conversation(panel) as talk:
        assert talk.ask("look")["tasks"] == []
        assert panel.text() == f"Tasks: workspace {empty.name()}: 0"


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"late": True, "missed": 1}, {"mark": "late, for 1 missed firing"}),
        ({"late": True, "missed": 1200}, {"mark": "late, for 1,200 missed firings"}),
        ({"state": RunState.TIMED_OUT, "reason": "over"}, {"state": "timed out", "reason": "over", "took": "0.0 s"}),
        ({"state": RunState.SKIPPED, "started_at": None}, {"state": "skipped", "started": "", "took": ""}),
        ({"state": RunState.INTERRUPTED}, {"is_over": True, "took": ""}),
        ({"updated_at": "2023-05-22T19:54:07.500001+00:00"}, {"took": "1.5 s"}),
        ({"updated_at": "2023-05-22T19:56:07+00:00"}, {"took": "2 min 1 s"}),
        ({"updated_at": "2023-05-22T22:56:06+00:00"}, {"took": "3 h 2 min"}),
    ],
)
def test_runs_in_words(run: dict[str, Any], said: dict[str, Any]) -> None:
    line = task_lines.run_line(run_facts(**run))
    assert {name: getattr(line, name) for name in said} == said


@pytest.mark.parametrize(
    ("status", "can"),
    [
        (TaskStatus.STARTED, (True, False, True)),
        (TaskStatus.CRASH_LOOP, (True, False, True)),
        (TaskStatus.PENDING_PAUSE, (False, True, True)),
        (TaskStatus.PENDING_KILL, (False, False, False)),
        (TaskStatus.KILLED, (False, False, False)),
    ],
)
def test_what_can_be_done_with_a_task(status: TaskStatus, can: tuple[bool, bool, bool]) -> None:
    line = task_lines.task_line(facts(status=status, run_type=RunType.CONTINUOUS))
    assert (line.can_pause, line.can_resume, line.can_kill) == can


def test_a_zone_that_this_kernel_does_not_know(wl: Client) -> None:
    for zone in ("Europe/Nowhere", "../etc/passwd", *NAMES):
        line = task_lines.task_line(facts(time_zone=zone))
        assert line.firings == ["2023-05-22 19:54+00:00"]


def test_a_line_of_a_log() -> None:
    assert task_lines.log_line("2023-05-22T19:54:06.123456Z stdout F a stdout F b").text == "a stdout F b"
    assert task_lines.log_line("no time") == task_lines.LogLine(time="", text="no time")


def test_every_word_of_a_status_has_a_sign() -> None:
    """A colour alone says nothing to those who do not see it; what rests has the hollow circle."""
    table = assets.module("tasks").partition("const BADGES = {")[2].partition("};")[0]
    signed = set(re.findall(r'^  "?([a-z ]+)"?: ', table, re.MULTILINE))
    words = {item.value.replace("_", " ") for kind in (TaskStatus, RunState) for item in kind}
    assert signed == words - {"paused", "killed", "skipped"}
