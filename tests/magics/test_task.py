"""Tasks and panels by magic: a cell that the server runs, what it printed, when it fires, and its end."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.magics import task_cell
from jupyter_wallaroo.magics.task_words import TAIL_LINES, TRACEBACK_LINES, tail
from jupyter_wallaroo.magics.verbs.panel import OTHER_VIEWS, PIPELINE_VIEWS
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.task import Task
from jupyter_wallaroo.sdk.task_run import LogLines
from jupyter_wallaroo.widgets import ClientView, View
from tests.faults.drill import EXTENSION_ONLY
from tests.magics.shell import Shell
from tests.magics.test_completion import offered
from tests.package_index import PackageIndex
from tests.sdk.conftest import endpoint, unique
from tests.tasking import until

GREETING = """
import wallaroo

wl = wallaroo.Client()
for number in range(wl.task_args()["count"]):
    print("line", number, wl.task_args()["who"])
"""
FAILING = """
def fail():
    raise LookupError("no houses today")

print("before")
fail()
"""
YEARLY = "--schedule '0 6 1 1 *' --time-zone Europe/Berlin"
FIRING = r"Mon|Tue|Wed|Thu|Fri|Sat|Sun \d{4}-01-01 06:00 CET"


def orchestrations(shell: Shell, name: str) -> int:
    return [item.name() for item in shell.run("%wl ls orchestrations")].count(name)


def test_a_cell_runs_once(shell: Shell) -> None:
    """It is packaged, run with its arguments, waited for; its log and its end are shown, and found again."""
    name = unique("greeting")
    made = shell.run(f"%%wl task {name} --arg count=30 --arg who=ada --timeout 60{GREETING}")
    assert isinstance(made, Task) and (made.name(), made.known_status()) == (name, "success")
    assert made.input_data() == {"count": 30, "who": "ada"}
    assert re.search(rf"{name}: ● success after \d+\.\d s\n", shell.printed)
    assert f"line {30 - TAIL_LINES} ada\n" in shell.printed and f"line {30 - TAIL_LINES - 1} ada" not in shell.printed
    assert f"… %wl task logs {name} shows more" in shell.printed and "stdout F" not in shell.printed

    log = shell.run(f"%wl task logs {name}")
    assert isinstance(log, LogLines) and len(log) == 30 and log[-1].endswith("stdout F line 29 ada")
    assert f"{name}: ● success, run of " in shell.printed
    assert len(shell.run(f"%wl task logs {made.id()[:8]} --lines 2")) == 2

    shell.run(f"%%wl task {name} --arg count=1 --arg who=bob --quiet --out again{GREETING}")
    assert shell.printed == "" and shell.value("again").orchestration_id() == made.orchestration_id()
    assert orchestrations(shell, name) == 1
    assert len(shell.run(f"%wl task logs {name}")) == 1
    assert f"2 tasks are called {name!r}; this is the newest, {shell.value('again').id()[:8]}." in shell.printed
    text = shell.text_of(shell.run("%wl task ls"))
    assert re.search(rf"{name}\s+● success\s+once\s+● success 20", text)
    assert offered(shell, f"%wl task logs {name[:6]}", name) == [name]


def test_a_cell_that_fails_says_why_and_stops_the_notebook(shell: Shell) -> None:
    """Its traceback is shown, and the error is one line."""
    name = unique("failing")
    with pytest.raises(UsageError) as refused:
        shell.run(f"%%wl task {name}{FAILING}")
    assert str(refused.value) == f"Task {name!r}: its run did not end well (failure): LookupError: no houses today."
    assert "\n" not in str(refused.value)
    assert "before\nTraceback (most recent call last):\n" in shell.printed
    assert 'main.py", line 2, in fail\n' in shell.printed
    assert f"{name}: ✖ failure after " in shell.printed


def test_what_a_cell_requires_is_installed_or_the_installer_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a server whose pip asks an index of this test's own."""
    with PackageIndex() as index:
        for name, value in index.settings.items():
            monkeypatch.setenv(name, value)
        index.add("needed", "1.0")
        with (
            PrivateServer(tmp_path, options=EXTENSION_ONLY) as private,
            Client(endpoint(private), token=private.token) as wl,
        ):
            fresh = Shell()
            try:
                fresh.give(wl=wl)
                fresh.run(
                    "%%wl task good --requirements needed\nfrom importlib.metadata import version as v\nprint(v('needed'))"
                )
                assert "\n1.0\ngood: ● success after " in fresh.printed
                with pytest.raises(UsageError, match="could not be packaged"):
                    fresh.run("%%wl task lost --requirements 'needed no-such-package==1'\nprint(1)")
                assert "\nERROR: No matching distribution found for no-such-package==1\n" in fresh.printed
                assert "✖ error" in fresh.text_of(fresh.run("%wl ls orchestrations"))
            finally:
                fresh.close()


def test_a_schedule(shell: Shell) -> None:
    """Its next firings are shown; it rests, goes on, is replaced by the same cell, and ends."""
    name = unique("yearly")
    made = shell.run(f"%%wl task {name} {YEARLY}\nprint(1)")
    assert len(re.findall(FIRING, shell.printed)) == 3 and made.schedule() == "0 6 1 1 *"
    with pytest.raises(UsageError, match=r"has not run yet\. It fires next .* 06:00 CET"):
        shell.run(f"%wl task logs {name}")
    glance = shell.run("%wl")
    assert glance["tasks"] == [made] and "1 active task" in shell.text_of(glance)
    assert re.search(rf"{name}\s+◐ started\s+0 6 1 1 \* Europe/Berlin\s+({FIRING})", shell.text_of(glance))

    assert shell.run(f"%wl task pause {name}").known_status() == "paused"
    assert f"{name}: ○ paused. %wl task resume {name}" in shell.printed
    assert shell.run("%wl")["tasks"] == []
    shell.run(f"%wl task resume {name}")
    assert re.search(rf"{name}: ◐ started. It fires next ({FIRING})", shell.printed)

    second = shell.run(f"%%wl task {name} {YEARLY}\nprint(2)")
    assert f"Made before with the same name, and goes on: {made.id()[:8]}." in shell.printed
    third = shell.run(f"%%wl task {name} {YEARLY} --replace\nprint(3)")
    assert [item.status() for item in (made, second, third)] == ["killed", "killed", "started"]
    assert shell.run(f"%wl task kill {name}") == third
    assert f"{name}: ○ killed" in shell.printed and third.status() == "killed"
    assert "○ killed" in shell.text_of(shell.run("%wl ls tasks"))


def test_a_continuous_task_ends_with_kill(shell: Shell) -> None:
    """Whoever kills it hears of its end; of several with the name, the one that can be killed is meant."""
    name = unique("always")
    made = shell.run(f"%%wl task {name} --continuous\nprint('up', flush=True)\nimport time\ntime.sleep(600)")
    assert f"{name}: runs all the time." in shell.printed
    until(lambda: made.last_runs(status="running"))
    shell.run(f"%%wl task {name}\nprint('once')")
    assert shell.run(f"%wl task kill {name}") == made
    assert f"2 tasks are called {name!r}; this is the newest that can be meant" in shell.printed
    assert made.status() == "killed" and f"{name}: ○ killed" in shell.printed


def test_who_does_not_wait_goes_on(shell: Shell) -> None:
    name = unique("slow")
    made = shell.run(f"%%wl task {name} --no-wait\nimport time\ntime.sleep(600)")
    assert made.known_status() in ("pending", "started")
    with pytest.raises(UsageError, match="runs only once"):
        shell.run(f"%wl task pause {name}")
    shell.run(f"%wl task kill {name} --quiet --out killed")
    assert shell.value("killed") == made and made.status() == "killed" and shell.printed == ""


MISTAKES = {
    "%%wl task a\nif": "The cell is no Python: invalid syntax in line 1 below %%wl task (if). It runs as a script",
    "%%wl task a\n%matplotlib inline": "The cell is no Python: invalid syntax",
    "%%wl task a --arg x\nprint()": "'x': expected KEY=VALUE",
    "%%wl task a --time-zone UTC\nprint()": "--time-zone is of a --schedule",
    "%%wl task a --continuous --timeout 3\nprint()": "--continuous goes with neither",
    "%%wl task a/b\nprint()": "cannot be the name of an orchestration",
    "%%wl task a --schedule '0 25 * * *'\nprint()": "25",
    "%%wl task a\n \n": "The cell of %%wl task is empty",
    "%wl task logs": "the following arguments are required: NAME|ID",
    "%wl panel nope": "Pipeline 'nope' does not exist",
    "%wl panel --view logs": "Those of a pipeline want its name",
    "%wl panel x --view log": "There is no view 'log'. Did you mean 'logs'",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_one_line_says_it(shell: Shell, line: str) -> None:
    with pytest.raises(UsageError) as refused:
        shell.run(line)
    assert MISTAKES[line] in str(refused.value) and "\n" not in str(refused.value)


def test_an_unknown_name(environment: None, shell: Shell) -> None:
    """The nearest is named; where there are no tasks, how to make one."""
    name = unique("known")
    shell.run(f"%%wl task {name} {YEARLY} --quiet\nprint(1)")
    for verb in ("logs", "kill", "pause", "resume"):
        with pytest.raises(UsageError, match=f"There is no task '{name}x'. Did you mean {name!r}"):
            shell.run(f"%wl task {verb} {name}x")
    shell.run(f"%wl task kill {name} --quiet")
    fresh = Shell()
    try:
        fresh.run(f"%wl workspace {unique('empty')} --create")
        with pytest.raises(UsageError, match="This workspace has no tasks: %%wl task makes one"):
            fresh.run("%wl task logs nightly")
        assert "No tasks yet" in fresh.text_of(fresh.run("%wl task ls"))
        assert "No runs of graphs yet" in fresh.text_of(fresh.run("%wl ls runs"))
        assert "No task runs or will" in fresh.text_of(fresh.run("%wl"))
    finally:
        fresh.close()


def test_help_and_completion_know_both_forms(shell: Shell) -> None:
    """One % leads to the members of the family, two to the cell."""
    shell.run("%wl task -h")
    assert "usage: %%wl task [" in shell.printed and "--schedule CRON" in shell.printed
    assert "%wl task kill    have a task never run again" in shell.printed
    text = shell.printed
    shell.run("%%wl task -h\n#")
    assert text.startswith(shell.printed) and "task kill" not in shell.printed
    assert shell.tab("%wl task ") == ["ls", "logs", "pause", "resume", "kill"]
    assert shell.tab("%%wl task n --sch") == ["--schedule"]
    assert shell.tab("%wl panel p --view in") == ["inference"]


def test_the_same_cell_is_the_same_archive() -> None:
    """Byte by byte, so that the server need not package it again; requirements stand a line each."""
    first = task_cell.archive("print(1)", ["polars==1.9", "httpx"])
    assert first == task_cell.archive("print(1)", ["polars==1.9", "httpx"]) != task_cell.archive("print(1)", [])
    with zipfile.ZipFile(io.BytesIO(first)) as found:
        assert found.namelist() == ["main.py", "requirements.txt"]
        assert found.read("requirements.txt") == b"polars==1.9\nhttpx\n"


@pytest.mark.parametrize("deep", [3, 50, 500])
def test_a_tail_has_all_of_a_traceback(deep: int) -> None:
    """As far as that can be read."""
    lines = ["T stdout F x"] * 40 + ["T stdout F Traceback (most recent call last):"] + ["T stdout F   at"] * deep
    found = tail(lines)
    assert len(found) == min(max(TAIL_LINES, deep + 1), TRACEBACK_LINES)
    assert ("Traceback (most recent call last):" in found) == (deep < TRACEBACK_LINES)


def kept(shell: Shell, panel: Any) -> Any:
    """Return what a notebook keeps of a panel's output."""
    bundle = panel._repr_mimebundle_()
    return bundle[0] if isinstance(bundle, tuple) else bundle


def test_panels_open(shell: Shell, deployed: str) -> None:
    """Each view of a pipeline and those of none, as a widget with a text; the words are the widgets' own."""
    assert list(PIPELINE_VIEWS) == [str(item) for item in View]
    assert list(OTHER_VIEWS) == [str(item) for item in ClientView]
    for line, said in {
        "": "Connections",
        "--view tasks": "asks",
        deployed: deployed,
        **{f"{deployed} --view {v}": deployed for v in PIPELINE_VIEWS},
    }.items():
        panel = shell.run(f"%wl panel {line}")
        try:
            data = kept(shell, panel)
            assert "application/vnd.jupyter.widget-view+json" in data
            assert said in data["text/plain"]
        finally:
            panel.close()
