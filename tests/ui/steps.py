"""What a person does in JupyterLab, by the names a person sees."""

from __future__ import annotations

import io
import json
import os
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.demo.server import PrivateServer
from tests.ui.conftest import AXE, LIMIT_MS

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Route

SIDEBAR = "jp-wallaroo-sidebar"
OURS = (".jp-wallaroo-sidebar", ".jp-wallaroo-page", ".jp-wallaroo-statusitem")


def address(server: PrivateServer, path: str) -> str:
    """Return the address of a page, with the token that logs in."""
    return f"http://127.0.0.1:{server.port}{server.base_url}{path}?token={server.token}"


def open_lab(page: Page, server: PrivateServer, path: str | None = None) -> None:
    """Open JupyterLab in a workspace of its own and wait until it is there."""
    page.goto(address(server, path or f"lab/workspaces/{uuid.uuid4().hex[:8]}"))
    page.locator(".jp-Launcher").wait_for()


def show(page: Page, panel: str) -> None:
    """Click a tab of the left side bar."""
    page.locator(f'.jp-SideBar .lm-TabBar-tab[data-id="{panel}"]').click()


def show_sidebar(page: Page) -> None:
    """Bring our sidebar into sight and wait until it has read what there is."""
    show(page, SIDEBAR)
    row(page, "Pipelines").wait_for()


def row(page: Page, name: str) -> Locator:
    """Return the row of the tree with a name."""
    label = page.locator(".jp-wallaroo-label").get_by_text(name, exact=True)
    return page.locator(".jp-wallaroo-row").filter(has=label)


def pipeline_row(page: Page, name: str) -> Locator:
    """Return the row of a pipeline; a model may have the same name."""
    return row(page, name).and_(page.locator('[data-kind="pipeline"]'))


def wait_text(locator: Locator, pattern: str) -> None:
    """Wait until an element's text holds a pattern."""
    from playwright.sync_api import expect

    expect(locator).to_contain_text(re.compile(pattern), timeout=LIMIT_MS)


def menu_item(page: Page, label: str) -> Locator:
    """Return an item of the menu that is open."""
    return page.locator(".lm-Menu-item").filter(has_text=re.compile(rf"^\s*{re.escape(label)}"))


def choose(page: Page, line: Locator, label: str) -> None:
    """Right-click a row of the tree and choose from its menu."""
    line.click(button="right")
    menu_item(page, label).click()


def copied(page: Page) -> str:
    """Wait until the page says that something was copied and return it."""
    page.locator(".Toastify__toast").get_by_text("Copied").wait_for()
    return str(page.evaluate("navigator.clipboard.readText()"))


def deploy_file(page: Page, file_name: str, name: str) -> None:
    """Right-click a file of the file browser and deploy it under a name."""
    page.locator(".jp-DirListing-item", has_text=file_name).click(button="right")
    menu_item(page, "Upload and Deploy").click()
    page.locator(".jp-Dialog input").fill(name)
    page.locator(".jp-Dialog").get_by_role("button", name="Deploy").click()


def confirm(page: Page, label: str) -> None:
    """Click a button of the dialog that is open."""
    page.locator(".jp-Dialog").get_by_role("button", name=label, exact=True).click()


def open_page(page: Page, name: str) -> Locator:
    """Double-click a pipeline, task or run of the tree and return its page."""
    kinds = ", ".join(f'[data-kind="{kind}"]' for kind in ("pipeline", "task", "run"))
    row(page, name).and_(page.locator(kinds)).first.dblclick()
    opened = page.locator(".jp-wallaroo-page:visible")
    opened.get_by_role("heading", name=name, exact=True).wait_for()
    return opened


def section(opened: Locator, title: str) -> Locator:
    """Return a part of a pipeline's page by its heading."""
    return opened.locator(".jp-wallaroo-section").filter(has=opened.page.get_by_role("heading", name=title, exact=True))


def box(opened: Locator, key: str) -> Locator:
    """Return the box of a step in the graph of a run's page."""
    label = opened.page.locator(".jp-wallaroo-label").get_by_text(key, exact=True)
    return opened.locator(".jp-wallaroo-step").filter(has=label)


def violations(page: Page) -> list[str]:
    """Return what axe finds serious or worse in what is ours."""
    page.evaluate(AXE.read_text())
    shown = [selector for selector in OURS if page.locator(selector).count()]
    found = page.evaluate("what => axe.run({include: what}, {resultTypes: ['violations']})", [[item] for item in shown])
    return [
        f"{item['id']}: {node['html'][:200]} {node['failureSummary']}"
        for item in found["violations"]
        if item["impact"] in ("serious", "critical")
        for node in item["nodes"]
    ]


def screenshot(page: Page, name: str) -> None:
    """Take a reference screenshot again, when asked to; few colours keep it small."""
    if os.environ.get("JUPYTER_WALLAROO_TEST_SCREENSHOTS"):
        from PIL import Image

        page.locator(".Toastify__toast").first.wait_for(state="hidden")
        taken = Image.open(io.BytesIO(page.screenshot(scale="css")))
        taken.convert("RGB").quantize(160, Image.Quantize.MAXCOVERAGE).save(
            Path(__file__).parent / f"{name}.png", optimize=True
        )


def answering(page: Page, answers: dict[str, Any], otherwise: Any = None) -> None:
    """Have our REST interface give fixed answers by path, and ``otherwise`` (an error) to everything else."""

    def answer(route: Route) -> None:
        path = re.sub(r".*/v1/api/|\?.*", "", route.request.url)
        found, status = (answers[path], 200) if path in answers else (otherwise, 400)
        route.fulfill(status=status, content_type="application/json", body=json.dumps(found))

    page.route(re.compile(r".*/wallaroo/v1/api/.*"), answer)


def one_of_each(page: Page) -> None:
    """Have the tree show one thing of each kind, which is not on the server."""
    pipeline = {"pipeline_id": 1, "pipeline": "p", "workspace_id": 1, "version": "v", "status": "Undeployed"}
    running = dict.fromkeys(("deployment_id", "deployment", "pipeline_version", "reason"))
    task = {"id": "t", "name": "t", "workspace_id": 1, "run_type": "CronJob", "status": "started", "last_runs": []}
    answering(
        page,
        {
            "workspaces/list": {"workspaces": [{"id": 1, "name": "w"}]},
            "workspaces/get": {"id": 1, "name": "w"},
            "pipelines/overview": {"pipelines": [{**pipeline, **running, "replicas_running": 0, "replicas_wanted": 0}]},
            "models/list": {"models": [{"id": 1, "name": "m", "model_versions": []}]},
            "connections/list": {"connections": [{"id": "c", "name": "c", "type": "S3"}]},
            "orchestration/list": [{"id": "o", "name": "o", "status": "ready", "error": None}],
            "task/list": [{**task, "schedule": "0 2 * * *", "time_zone": "UTC"}],
            "runs": {
                "runs": [
                    {"id": "r", "name": "r", "workspace_id": 1, "status": "STARTED", "outcome": None, "reason": None}
                ]
            },
        },
        {"msg": "not here", "request_id": "r"},
    )


def requests_of_ours(page: Page) -> list[str]:
    """Return a list that every request to our REST interface is added to from now on."""
    seen: list[str] = []
    page.on("request", lambda request: "/wallaroo/" in request.url and seen.append(json.dumps(request.url)))
    return seen
