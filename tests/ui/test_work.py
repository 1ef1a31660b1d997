"""Tasks, runs and connections in the sidebar and on their pages: what happens is seen, nothing is loaded again."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import graphs, models
from tests.applying import apply
from tests.deploying import default_workspace, post, upload
from tests.tasking import orchestrate
from tests.ui import steps
from tests.ui.conftest import LIMIT_MS

if TYPE_CHECKING:
    from playwright.sync_api import Page

MAIN = """
import os, time, wallaroo
arguments = wallaroo.Client().task_args()
print("\\x1b[31mbegun\\x1b[0m <b>here</b>", flush=True)
while "gate" in arguments and not os.path.exists(arguments["gate"]):
    time.sleep(0.05)
print("passed", flush=True)
assert "fail" not in arguments, "it was to fail"
"""

GATED = """
import os, time, wallaroo
print("waits for", wallaroo.step.parameters()["gate"], flush=True)
while not os.path.exists(wallaroo.step.parameters()["gate"]):
    time.sleep(0.05)
"""


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:6]}"


@pytest.fixture(scope="module")
def orchestration(lab_client: httpx.Client) -> Iterator[str]:
    """An orchestration that waits for a file, if it is told to, and fails, if it is told to."""
    key = orchestrate(lab_client, default_workspace(lab_client), MAIN, name=unique("work"))
    yield key
    for task in post(lab_client, "task/list", orch_id=key):
        lab_client.post("task/kill", json={"id": task["id"]})


def _run_once(client: httpx.Client, orchestration: str, name: str, **arguments: str) -> None:
    workspace_id = default_workspace(client)
    body = {"orch_id": orchestration, "workspace_id": workspace_id, "name": name, "json": arguments}
    assert client.post("task/run_once", json=body).status_code == 201


def test_a_task_is_seen_from_its_beginning_to_its_end(
    page: Page, lab: PrivateServer, lab_client: httpx.Client, orchestration: str, tmp_path: Path
) -> None:
    """In the tree and on its page: it runs, prints, ends; it is run once more; it is killed and gone."""
    name, gate = unique("import"), tmp_path / "gate"
    steps.open_lab(page, lab)
    steps.show_sidebar(page)
    _run_once(lab_client, orchestration, name, gate=str(gate))
    line = steps.row(page, name)
    steps.wait_text(line, "Running")
    opened = steps.open_page(page, name)
    log = steps.section(opened, "Log")
    steps.wait_text(log.locator("pre"), re.escape("begun <b>here</b>"))
    gate.touch()
    steps.wait_text(steps.section(opened, "Runs").locator("tbody"), "Succeeded")
    steps.wait_text(log.locator("pre"), "passed")
    steps.wait_text(line, "Succeeded")
    assert log.locator("pre b").count() == 0

    opened.get_by_role("button", name="Run Now").click()
    steps.wait_text(steps.row(page, name).nth(1), "Succeeded")
    assert steps.row(page, name).count() == 2

    opened.get_by_role("button", name="Kill…").click()
    steps.confirm(page, "Kill")
    steps.wait_text(opened.locator(".jp-wallaroo-head"), "Killed")
    steps.row(page, name).nth(1).wait_for(state="detached")


def test_a_schedule_rests_and_goes_on(
    page: Page, lab: PrivateServer, lab_client: httpx.Client, orchestration: str
) -> None:
    """Made from the context menu of its orchestration; paused, resumed and killed from its own."""
    workspace_id = default_workspace(lab_client)
    (made,) = [
        item
        for item in post(lab_client, "orchestration/list", workspace_id=workspace_id)
        if item["id"] == orchestration
    ]
    steps.open_lab(page, lab)
    steps.show_sidebar(page)
    steps.choose(page, steps.row(page, made["name"]).and_(page.locator('[data-kind="orchestration"]')), "Schedule…")
    page.locator(".jp-Dialog input").fill("30 2 1 1 *")
    steps.confirm(page, "Schedule")
    line = page.locator('.jp-wallaroo-row[data-kind="task"]', has_text="Scheduled")
    assert "30 2 1 1 *" in str(line.get_attribute("title"))
    steps.choose(page, line, "Open")
    opened = page.locator(".jp-wallaroo-page:visible")
    steps.wait_text(steps.section(opened, "When it runs"), r"30 2 1 1 \*.*Next.*2:30")
    steps.choose(page, line, "Pause")
    steps.wait_text(opened.locator(".jp-wallaroo-head"), "Paused")
    paused = page.locator('.jp-wallaroo-row[data-kind="task"]', has_text="Paused")
    steps.choose(page, paused, "Resume")
    steps.wait_text(opened.locator(".jp-wallaroo-head"), "Scheduled")
    steps.choose(page, line, "Kill")
    steps.confirm(page, "Kill")
    line.wait_for(state="detached")


def _diamond(gate: Path) -> dict[str, object]:
    gated = {"parameters": {"gate": str(gate), "evidence": str(gate) + ".evidence"}}
    note = {"parameters": {"evidence": str(gate) + ".evidence"}}
    return {
        "load": graphs.script("wallaroo.step.output('rows', [1, 2, 3])\nprint('three rows')", **note),
        "wait": graphs.cells(GATED, "load", **gated),
        "beside": graphs.script("print('beside')", "load", **note),
        "join": graphs.script("print('<i>joined</i>')", "wait", "beside", **note),
    }


def test_a_graph_comes_alive(page: Page, lab: PrivateServer, lab_client: httpx.Client, tmp_path: Path) -> None:
    """Each step's colour, sign and word follow it; its notebook, its outputs; all by events: nothing is polled."""
    name, gate = unique("nightly"), tmp_path / "gate"
    steps.open_lab(page, lab)
    steps.show_sidebar(page)
    graphs.submit(lab_client, _diamond(gate), name=name)
    line = steps.row(page, name)
    steps.wait_text(line, "Running")
    opened = steps.open_page(page, name)
    steps.wait_text(steps.box(opened, "wait"), "Running")
    steps.wait_text(steps.box(opened, "beside"), "Succeeded")
    assert [steps.box(opened, key).get_attribute("data-state") for key in ("load", "wait", "beside", "join")] == [
        "done", "starting", "done", "waiting",
    ]  # fmt: skip
    steps.wait_text(opened.locator(".jp-wallaroo-head"), "2 of 4 steps ended")

    page.wait_for_load_state("networkidle")
    seen = steps.requests_of_ours(page)
    took = steps.box(opened, "wait").locator(".jp-wallaroo-took")
    before = took.text_content()
    page.wait_for_function("([node, text]) => node.textContent !== text", arg=[took.element_handle(), before])
    assert seen == [], "the clock runs by itself"
    gate.touch()
    steps.wait_text(steps.box(opened, "join"), "Succeeded")
    steps.wait_text(line, "Succeeded")
    assert seen and all("/runs/" in url for url in seen)

    steps.box(opened, "load").click()
    step = steps.section(opened, "load")
    steps.wait_text(step.locator("pre"), "three rows")
    with page.expect_download() as caught:
        step.get_by_role("button", name="Download rows").click()
    assert caught.value.suggested_filename == "rows.json"
    assert json.loads(Path(caught.value.path()).read_text()) == [1, 2, 3]
    steps.box(opened, "join").click()
    printed = steps.section(opened, "join").locator("pre")
    steps.wait_text(printed, re.escape("<i>joined</i>"))
    assert printed.locator("i").count() == 0

    steps.box(opened, "wait").click()
    opened.get_by_role("button", name="Open Notebook").click()
    page.locator(".jp-NotebookPanel:visible").get_by_text("waits for").first.wait_for()


def test_a_run_is_canceled_and_run_again(
    page: Page, lab: PrivateServer, lab_client: httpx.Client, tmp_path: Path
) -> None:
    """With the keyboard alone, from step to step and to the context menu's key; what never began is said to be so."""
    name, gate = unique("keys"), tmp_path / "gate"
    steps.open_lab(page, lab)
    steps.show_sidebar(page)
    graphs.submit(lab_client, _diamond(gate), name=name)
    opened = steps.open_page(page, name)
    steps.wait_text(steps.box(opened, "wait"), "Running")
    steps.box(opened, "load").focus()
    visited = []
    for key in ("ArrowRight", "ArrowDown", "ArrowUp", "ArrowRight", "ArrowLeft", "End", "Home"):
        page.keyboard.press(key)
        visited.append(page.evaluate("document.activeElement.querySelector('.jp-wallaroo-label').textContent"))
    assert visited[0] in ("wait", "beside") and {visited[0], visited[1]} == {"wait", "beside"}
    assert visited[2] == visited[0] and visited[3] == "join"
    assert visited[4] in ("wait", "beside") and visited[5:] == ["join", "load"]
    page.keyboard.press("Enter")
    steps.section(opened, "load").wait_for()

    opened.get_by_role("button", name="Cancel…").click()
    steps.confirm(page, "Cancel the run")
    steps.wait_text(steps.box(opened, "join"), "Aborted")
    steps.wait_text(steps.row(page, name), "Aborted")
    gate.touch()
    opened.get_by_role("button", name="Run Again").click()
    steps.wait_text(steps.row(page, name).first, "Succeeded")
    assert steps.row(page, name).count() == 2


def test_connections_come_and_go(page: Page, lab: PrivateServer, lab_client: httpx.Client) -> None:
    """Told by their events; its line for a notebook holds nothing secret; a sample is read in a console."""
    name, source = unique("houses"), lab.directory / "houses.csv"
    source.write_text("price,rooms\n100,3\n42424242,5\n")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    steps.open_lab(page, lab)
    steps.show_sidebar(page)
    made = post(lab_client, "connections/create", name=name, type="FILE", details={"path": str(source)})["id"]
    link = {"connection_id": made, "workspace_id": default_workspace(lab_client)}
    post(lab_client, "connections/add_to_workspace", **link)
    line = steps.row(page, name)
    line.wait_for()
    steps.choose(page, line, "Copy as %wl")
    assert steps.copied(page) == f"%wl connection get {name}"
    steps.choose(page, line, "Read a Sample")
    page.locator(".jp-CodeConsole:visible").get_by_text("42424242").first.wait_for(timeout=LIMIT_MS)
    steps.choose(page, line, "Remove from Workspace")
    steps.confirm(page, "Remove")
    line.wait_for(state="detached")
    post(lab_client, "connections/add_to_workspace", **link)
    steps.choose(page, line, "Delete")
    steps.confirm(page, "Delete")
    line.wait_for(state="detached")
    assert lab_client.post("connections/get", json={"name": name}).status_code == 404


def test_a_model_is_deployed_from_the_tree(page: Page, lab: PrivateServer, lab_client: httpx.Client) -> None:
    """And named, as steps name it; a pipeline that is removed elsewhere goes from the tree by itself."""
    name = unique("sum")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    steps.open_lab(page, lab)
    steps.show_sidebar(page)
    version = upload(lab_client, models.row_sum(3), name)
    line = steps.row(page, name).and_(page.locator('[data-kind="model"]'))
    steps.choose(page, line, "Copy Reference")
    assert json.loads(steps.copied(page)) == {
        "name": name,
        "version": version["file_info"]["version"],
        "sha": version["file_info"]["sha"],
    }
    steps.choose(page, line, "Deploy…")
    steps.confirm(page, "Deploy")
    steps.wait_text(steps.pipeline_row(page, name), "Running")
    apply(lab_client, {"name": name, "state": "absent"})
    steps.pipeline_row(page, name).wait_for(state="detached")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("pipeline", ["Open", "Deploy", "Scale…", "Roll Back…", "Undeploy…", "Show Log", "Copy as curl"]),
        ("model", ["Deploy…", "Copy Reference"]),
        ("connection", ["Read a Sample", "Copy as %wl", "Remove from Workspace…", "Delete…"]),
        ("orchestration", ["Run…", "Schedule…", "Delete…"]),
        ("task", ["Open", "Show Log", "Run Now", "Pause", "Resume", "Kill…"]),
        ("run", ["Open Graph", "Run Again", "Cancel…"]),
    ],
)
def test_every_thing_has_its_verbs(page: Page, lab: PrivateServer, kind: str, expected: list[str]) -> None:
    """In its context menu, and in the palette, which asks which one is meant."""
    steps.one_of_each(page)
    steps.open_lab(page, lab)
    steps.show_sidebar(page)
    page.locator(f'.jp-wallaroo-row[data-kind="{kind}"]').first.click(button="right")
    shown = page.locator(".lm-Menu-item .lm-Menu-itemLabel").all_text_contents()
    assert [label for label in shown if label][: len(expected)] == expected
    assert shown[len(expected) :]
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input").fill(f"wallaroo {kind}")
    found = page.locator(".lm-CommandPalette-itemLabel").all_text_contents()
    assert sum(kind in label.lower() or kind == "run" for label in found) >= len(expected), found
