"""For everybody: what axe finds, in light and dark, and the whole way with the keyboard alone."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import graphs, models
from tests.deploying import READY_LIMIT_S, default_workspace, deploy, infer, post, reference, upload
from tests.tasking import orchestrate
from tests.ui import steps
from tests.ui.conftest import set_theme

if TYPE_CHECKING:
    from playwright.sync_api import Page


def _high() -> str:
    """Return the validation that marks outputs above 100."""
    import polars as pl

    text: str = (pl.col("out.y").list.get(0) > 100.0).alias("high").meta.serialize(format="json")
    return text


WAITING = """
import os, time, wallaroo
while not os.path.exists(wallaroo.step.parameters()["gate"]):
    time.sleep(0.05)
"""


def wait_answering(client: httpx.Client, workspace_id: int, name: str, version: str) -> None:
    """Wait until a version answers in place of the one before."""
    until = time.monotonic() + READY_LIMIT_S
    while True:
        found = post(client, "pipelines/overview", workspace_id=workspace_id)["pipelines"]
        (glance,) = [item for item in found if item["pipeline"] == name]
        if glance["pipeline_version"] == version and glance["status"] == "Running":
            return
        assert time.monotonic() < until, glance
        time.sleep(0.02)


@pytest.fixture(scope="module")
def watched(lab_client: httpx.Client) -> str:
    """The name of a pipeline with two versions, two replicas, and a log with anomalies."""
    name = "house-prices"
    old, new = upload(lab_client, models.row_sum(3), name), upload(lab_client, models.row_sum(3, 2.0), name)
    deploy(lab_client, name, [old])
    workspace_id = new["workspace_id"]
    made = post(
        lab_client,
        "pipelines/create",
        pipeline_id=name,
        workspace_id=workspace_id,
        definition={
            "id": name,
            "steps": [{"ModelInference": {"models": [reference(new)]}}, {"Check": {"tree": [_high()]}}],
        },
    )
    post(
        lab_client,
        "pipelines/deploy",
        deploy_id=name,
        pipeline_version_pk_id=made["pipeline_variant_pk_id"],
        engine_config={"engine": {"replicas": 2}},
    )
    wait_answering(lab_client, workspace_id, name, made["pipeline_variant_version"])
    url = post(lab_client, "admin/get_pipeline_external_url", workspace_id=workspace_id, pipeline_name=name)["url"]
    for turn in range(60):
        infer(lab_client, url, [{"x": [turn, 2, 3]}])
    return name


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_axe_finds_nothing_serious(page: Page, lab: PrivateServer, watched: str, theme: str) -> None:
    """Sidebar, status bar and page of a pipeline, with everything that they can show."""
    set_theme(lab, theme)
    steps.open_lab(page, lab)
    steps.show_sidebar(page)
    opened = steps.open_page(page, watched)
    steps.wait_text(steps.section(opened, "Replicas").locator("tbody"), "Running.*Running")
    steps.wait_text(steps.section(opened, "Log").locator('tr[data-anomaly="true"]').first, "⚠ high")
    versions = steps.section(opened, "Versions")
    versions.get_by_role("button", name="Compare").last.click()
    steps.wait_text(versions.locator("pre"), "version")
    form = steps.section(opened, "Try it")
    form.get_by_role("button", name="Run", exact=True).click()
    steps.wait_text(form.get_by_role("status"), "0")
    assert page.locator("body").get_attribute("data-jp-theme-light") == str(theme == "Light").lower()
    assert steps.violations(page) == []
    steps.screenshot(page, f"lab-{theme.lower()}")


@pytest.fixture(scope="module")
def worked(lab_client: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a task that failed and of a run with steps in every state."""
    name, workspace_id = "nightly-import", default_workspace(lab_client)
    gate = tmp_path_factory.mktemp("gate") / "gate"
    main = "print('reading 569 rows')\nprint('42 rows have no price')\nraise SystemExit(3)"
    orchestration = orchestrate(lab_client, workspace_id, main)
    task = {"orch_id": orchestration, "workspace_id": workspace_id, "name": name, "json": {"rows": 569}}
    assert lab_client.post("task/run_once", json=task).status_code == 201
    parameters = {"gate": str(gate)}
    steps_of = {
        "load": {
            "kind": "script",
            "source": "import wallaroo\nwallaroo.step.output('rows', [1, 2, 3])\nprint('three rows')",
        },
        "settings": {"kind": "script", "source": "pass"},
        "clean": {"kind": "script", "source": "pass", "parents": ["load"]},
        "enrich": {"kind": "script", "source": "raise LookupError('no prices for 2026')", "parents": ["load"]},
        "train": {"kind": "script", "source": WAITING, "parents": ["clean", "settings"], "parameters": parameters},
        "compare": {"kind": "script", "source": "pass", "parents": ["enrich", "clean"]},
        "report": {"kind": "script", "source": "pass", "parents": ["train", "settings"]},
    }
    run = graphs.submit(lab_client, steps_of, name=name)
    graphs.until(lab_client, run, lambda state: graphs.statuses(state)["train"] == "STARTED")
    yield name
    gate.touch()
    graphs.ended(lab_client, run)


@pytest.mark.parametrize("theme", ["Light", "Dark"])
def test_axe_finds_nothing_serious_in_the_pages_of_work(
    page: Page, lab: PrivateServer, worked: str, theme: str
) -> None:
    """The page of a task and that of a run, with a step of every state."""
    set_theme(lab, theme)
    steps.open_lab(page, lab)
    steps.show_sidebar(page)
    page.get_by_label("Filter by name").fill(worked)
    for kind in ("task", "run"):
        line = steps.row(page, worked).and_(page.locator(f'[data-kind="{kind}"]'))
        line.dblclick()
        opened = page.locator(".jp-wallaroo-page:visible")
        if kind == "task":
            steps.wait_text(steps.section(opened, "Log").locator("pre"), "42 rows")
            steps.wait_text(opened.locator("tbody"), "Failed")
        else:
            steps.wait_text(steps.box(opened, "compare"), "Aborted")
            steps.box(opened, "enrich").click()
            steps.wait_text(opened.get_by_role("region", name="Traceback"), "no prices")
        assert steps.violations(page) == []
        steps.screenshot(page, f"{kind}-{theme.lower()}")


def test_a_pipeline_is_deployed_with_the_keyboard_alone(
    page: Page, lab: PrivateServer, lab_client: httpx.Client
) -> None:
    """From the row that has the focus by its key, and undeployed by the context menu's key."""
    name = f"keys-{uuid.uuid4().hex[:6]}"
    version = upload(lab_client, models.row_sum(3), name)
    steps_of = [{"ModelInference": {"models": [reference(version)]}}]
    post(
        lab_client,
        "pipelines/create",
        pipeline_id=name,
        workspace_id=version["workspace_id"],
        definition={"id": name, "steps": steps_of},
    )
    steps.open_lab(page, lab)
    steps.show_sidebar(page)
    page.get_by_label("Filter by name").focus()
    page.keyboard.type(name)
    line = steps.pipeline_row(page, name)
    line.wait_for()
    page.keyboard.press("Tab")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.kind") == "pipeline"
    page.keyboard.press("Control+Enter")
    steps.wait_text(line, "Running")
    page.keyboard.press("Shift+F10")
    steps.menu_item(page, "Undeploy").wait_for()
    for _ in range(10):
        if "Undeploy" in (page.locator(".lm-Menu-item.lm-mod-active").text_content() if _ else ""):
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator(".jp-Dialog").wait_for()
    page.keyboard.press("Enter")
    steps.wait_text(line, "Not deployed")


def test_the_palette_asks_which_pipeline(page: Page, lab: PrivateServer, watched: str) -> None:
    """Without the sidebar ever having been in sight."""
    steps.open_lab(page, lab)
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input").fill("wallaroo open a pipeline")
    page.keyboard.press("Enter")
    page.locator(".jp-Dialog select, .jp-Dialog input").first.wait_for()
    page.locator(".jp-Dialog").get_by_text("Open", exact=True).click()
    page.locator(".jp-wallaroo-page:visible h1").wait_for()
