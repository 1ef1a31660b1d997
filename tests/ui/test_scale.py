"""A thousand pipelines and a thousand tasks: the tree stays smooth, and asks nothing while nobody looks."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import graphs, models
from tests.applying import apply
from tests.deploying import deploy, post, upload
from tests.tasking import orchestrate
from tests.ui import steps

if TYPE_CHECKING:
    from playwright.sync_api import Page

COUNT = 1000
TURNS = 100
FRAME_MS = 16.0


@pytest.fixture(scope="module")
def crowded(lab_client: httpx.Client) -> int:
    """A workspace with a thousand pipelines and a thousand tasks."""
    number: int = post(lab_client, "workspaces/create", workspace_name=f"crowd-{uuid.uuid4().hex[:6]}")["workspace_id"]
    for first in range(0, COUNT, 100):
        names = [f"crowd-{turn:04}" for turn in range(first, first + 100)]
        apply(lab_client, *({"name": name, "state": "present", "definition": {}} for name in names), workspace=number)
    orchestration = orchestrate(lab_client, number, "pass")
    for turn in range(COUNT):
        task = {"orch_id": orchestration, "workspace_id": number, "name": f"task-{turn:04}", "json": {}}
        assert lab_client.post("task/run_scheduled", json={**task, "schedule": "0 0 29 2 *"}).status_code == 201
    return number


def test_thousands_of_rows_scroll_smoothly(page: Page, lab: PrivateServer, crowded: int) -> None:
    """Only what is in sight is in the page, and scrolling from end to end costs less than a frame a step."""
    steps.open_lab(page, lab)
    steps.show_sidebar(page)
    page.locator('.jp-wallaroo-row[data-kind="workspace"]', has_text="crowd-").click()
    steps.row(page, "crowd-0000").wait_for()
    tree = page.locator(".jp-wallaroo-tree")
    steps.wait_text(page.locator('.jp-wallaroo-row[data-kind="group"]', has_text="Pipelines").last, str(COUNT))
    page.wait_for_function(
        "least => document.querySelector('.jp-wallaroo-tree').scrollHeight > least", arg=2 * COUNT * 20
    )
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def busy_ms(name: str) -> float:
        found = session.send("Performance.getMetrics")["metrics"]
        return 1000 * float(next(item["value"] for item in found if item["name"] == name))

    scripting, all_work = busy_ms("ScriptDuration"), busy_ms("TaskDuration")
    rendered = tree.evaluate(
        """async (tree, turns) => {
            let most = 0;
            for (let turn = 1; turn <= turns; turn++) {
                tree.scrollTop = turn / turns * (tree.scrollHeight - tree.clientHeight);
                await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
                most = Math.max(most, tree.querySelectorAll('[role=treeitem]').length);
            }
            return most;
        }""",
        TURNS,
    )
    scripting, all_work = (busy_ms("ScriptDuration") - scripting) / TURNS, (busy_ms("TaskDuration") - all_work) / TURNS
    print(
        f"{rendered} rows at most; a step of {2 * COUNT // TURNS} rows: {scripting:.2f} ms scripting, {all_work:.2f} ms in all"
    )
    assert rendered < 120
    assert scripting < FRAME_MS
    steps.row(page, "task-0000").wait_for()


def test_nothing_is_asked_while_it_is_hidden(page: Page, lab: PrivateServer, lab_client: httpx.Client) -> None:
    """What happens meanwhile comes by Jupyter's events, and is there when it is shown again."""
    seen = steps.requests_of_ours(page)
    steps.open_lab(page, lab)
    name = f"unseen-{uuid.uuid4().hex[:6]}"
    first = deploy(lab_client, name, [upload(lab_client, models.row_sum(3), name)])
    assert seen == [], "asked before anybody looked"

    steps.show_sidebar(page)
    line = steps.pipeline_row(page, name)
    steps.wait_text(line, "Running")
    page.wait_for_load_state("networkidle")
    assert len(seen) > 0

    steps.show(page, "filebrowser")
    line.wait_for(state="hidden")
    seen.clear()
    # The status bar follows the same events: by it the test knows that they have come.
    bar = page.locator(".jp-wallaroo-statusitem")
    before = bar.text_content()
    post(lab_client, "pipelines/undeploy", deployment_id=first.deployment_id)
    page.wait_for_function(
        "before => document.querySelector('.jp-wallaroo-statusitem').textContent !== before", arg=before
    )
    other = f"later-{uuid.uuid4().hex[:6]}"
    second = deploy(lab_client, other, [upload(lab_client, models.row_sum(1), other)])
    assert seen == []

    steps.show(page, steps.SIDEBAR)
    steps.wait_text(line, "Not deployed")
    steps.wait_text(steps.pipeline_row(page, other), "Running")
    steps.row(page, other).and_(page.locator('[data-kind="model"]')).wait_for()
    assert seen == [], "events had said it all"
    post(lab_client, "pipelines/undeploy", deployment_id=second.deployment_id)


def test_a_page_asks_nothing_while_it_is_hidden(
    page: Page, lab: PrivateServer, lab_client: httpx.Client, tmp_path: Path
) -> None:
    """The graph of a run behind another tab: its steps go on, and it is right as soon as it is seen again."""
    name, gate = f"behind-{uuid.uuid4().hex[:6]}", tmp_path / "gate"
    waiting = f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n    time.sleep(0.05)"
    steps.open_lab(page, lab)
    steps.show_sidebar(page)
    run = graphs.submit(lab_client, {"first": {"kind": "script", "source": waiting}}, name=name)
    opened = steps.open_page(page, name)
    box = steps.box(opened, "first")
    steps.wait_text(box, "Running")
    page.locator(".lm-TabBar-tab", has_text="Launcher").click()
    steps.show(page, "filebrowser")
    page.locator(".jp-wallaroo-graph").wait_for(state="hidden")
    page.wait_for_load_state("networkidle")
    seen = steps.requests_of_ours(page)
    gate.touch()
    graphs.ended(lab_client, run)
    # What comes last on Jupyter's event bus is known to have come when the status bar shows it.
    bar = page.locator(".jp-wallaroo-statusitem")
    before = bar.text_content()
    deployed = deploy(lab_client, name, [upload(lab_client, models.row_sum(3), name)])
    page.wait_for_function(
        "before => document.querySelector('.jp-wallaroo-statusitem').textContent !== before", arg=before
    )
    assert seen == []
    page.locator(".lm-TabBar-tab", has_text=name).click()
    steps.wait_text(box, "Succeeded")
    assert any(f"/runs/{run['id']}" in url for url in seen)
    post(lab_client, "pipelines/undeploy", deployment_id=deployed.deployment_id)
