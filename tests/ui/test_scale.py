"""A thousand pipelines: the tree stays smooth, and asks nothing while nobody looks."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import httpx
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.applying import apply
from tests.deploying import deploy, post, upload
from tests.ui import steps

if TYPE_CHECKING:
    from playwright.sync_api import Page

COUNT = 1000
TURNS = 100
FRAME_MS = 16.0


@pytest.fixture(scope="module")
def crowded(lab_client: httpx.Client) -> int:
    """A workspace with a thousand pipelines."""
    number: int = post(lab_client, "workspaces/create", workspace_name=f"crowd-{uuid.uuid4().hex[:6]}")["workspace_id"]
    for first in range(0, COUNT, 100):
        names = [f"crowd-{turn:04}" for turn in range(first, first + 100)]
        apply(lab_client, *({"name": name, "state": "present", "definition": {}} for name in names), workspace=number)
    return number


def test_a_thousand_pipelines_scroll_smoothly(page: Page, lab: PrivateServer, crowded: int) -> None:
    """Only what is in sight is in the page, and scrolling from end to end costs less than a frame a step."""
    steps.open_lab(page, lab)
    steps.show_sidebar(page)
    page.locator('.jp-wallaroo-row[data-kind="workspace"]', has_text="crowd-").click()
    steps.row(page, "crowd-0000").wait_for()
    tree = page.locator(".jp-wallaroo-tree")
    assert tree.evaluate("tree => tree.scrollHeight") > COUNT * 20
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
        f"{rendered} rows at most; a step of {COUNT // TURNS} rows: {scripting:.2f} ms scripting, {all_work:.2f} ms in all"
    )
    assert rendered < 120
    assert scripting < FRAME_MS
    steps.row(page, f"crowd-{COUNT - 1:04}").wait_for()


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
