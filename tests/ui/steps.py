"""What a person does in JupyterLab, by the names a person sees."""

from __future__ import annotations

import io
import json
import os
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_wallaroo.demo.server import PrivateServer
from tests.ui.conftest import AXE, LIMIT_MS

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

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
    """Double-click a pipeline of the tree and return its page."""
    pipeline_row(page, name).dblclick()
    opened = page.locator(".jp-wallaroo-page:visible")
    opened.get_by_role("heading", name=name, exact=True).wait_for()
    return opened


def section(opened: Locator, title: str) -> Locator:
    """Return a part of a pipeline's page by its heading."""
    return opened.locator(".jp-wallaroo-section").filter(has=opened.page.get_by_role("heading", name=title, exact=True))


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


def requests_of_ours(page: Page) -> list[str]:
    """Return a list that every request to our REST interface is added to from now on."""
    seen: list[str] = []
    page.on("request", lambda request: "/wallaroo/" in request.url and seen.append(json.dumps(request.url)))
    return seen
