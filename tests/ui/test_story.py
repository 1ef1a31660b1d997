"""The whole way, as a person goes it: from a file to an answer, and back."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

import httpx

from jupyter_wallaroo.demo.server import PrivateServer
from tests import graphs, models
from tests.archives import orchestration
from tests.deploying import post
from tests.orchestrating import uploaded
from tests.ui import steps
from tests.ui.conftest import LIMIT_MS

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def _infer(opened: Locator, values: str, expected: str) -> None:
    """Send a row from the form; see the answer, and see it in the log."""
    from playwright.sync_api import expect

    form = steps.section(opened, "Try it")
    form.get_by_label("x", exact=True).fill(values)
    form.get_by_role("button", name="Run", exact=True).click()
    steps.wait_text(form.get_by_role("status"), re.escape(expected))
    newest = steps.section(opened, "Log").locator("tbody tr").first
    expect(newest).to_contain_text(expected, timeout=LIMIT_MS)
    expect(newest).to_contain_text(values.replace(" ", ""), timeout=LIMIT_MS)


def test_from_a_file_to_an_answer_and_back(page: Page, lab: PrivateServer) -> None:
    """Deploy by a right click, infer from the form, replace, roll back, undeploy: the page is never loaded again."""
    from playwright.sync_api import expect

    (lab.directory / "house price.onnx").write_bytes(models.row_sum(3))
    (lab.directory / "tenfold.onnx").write_bytes(models.row_sum(3, factor=10.0))
    steps.open_lab(page, lab)
    page.evaluate("window.isTheSamePage = true")
    steps.show_sidebar(page)
    steps.show(page, "filebrowser")
    steps.deploy_file(page, "house price.onnx", "house-price")
    steps.show(page, steps.SIDEBAR)
    line = steps.pipeline_row(page, "house-price")
    steps.wait_text(line, "Running")

    opened = steps.open_page(page, "house-price")
    _infer(opened, "[1, 2, 3]", "[6]")
    steps.wait_text(steps.section(opened, "Replicas").locator("tbody"), "Running.*engine-")

    steps.show(page, "filebrowser")
    steps.deploy_file(page, "tenfold.onnx", "house-price")
    versions = steps.section(opened, "Versions").locator("tbody tr")
    expect(versions).to_have_count(2, timeout=LIMIT_MS)
    steps.wait_text(versions.first, "Deployed")
    _infer(opened, "[1, 2, 4]", "[70]")
    versions.last.get_by_role("button", name="Compare").click()
    steps.wait_text(opened.locator(".jp-wallaroo-diff pre"), "model")

    versions.last.get_by_role("button", name="Roll back").click()
    steps.confirm(page, "Roll back")
    steps.wait_text(versions.last, "Deployed")
    steps.wait_text(versions.first, "Ran before")
    _infer(opened, "[1, 2, 5]", "[8]")

    steps.show(page, steps.SIDEBAR)
    line.click(button="right")
    steps.menu_item(page, "Undeploy").click()
    steps.confirm(page, "Undeploy")
    steps.wait_text(line, "Not deployed")
    steps.wait_text(steps.section(opened, "Try it"), "Deploy the pipeline first")
    expect(opened.get_by_role("button", name="Deploy", exact=True)).to_be_enabled()
    assert page.evaluate("window.isTheSamePage"), "the page was loaded again"


def test_the_same_page_in_notebook_7(page: Page, notebook_7: PrivateServer) -> None:
    """The sidebar from the View menu, the file browser's context menu, the page below the main area."""
    (notebook_7.directory / "house.onnx").write_bytes(models.row_sum(3))
    page.goto(steps.address(notebook_7, "tree"))
    steps.deploy_file(page, "house.onnx", "house")
    page.locator(".lm-MenuBar-item", has_text="View").click()
    page.locator(".lm-Menu-item", has_text="Left Sidebar").hover()
    steps.menu_item(page, "Show Wallaroo").click()
    steps.wait_text(steps.pipeline_row(page, "house"), "Running")
    opened = steps.open_page(page, "house")
    _infer(opened, "[1, 2, 3]", "[6]")
    assert steps.violations(page) == []
    steps.screenshot(page, "notebook")
    opened.get_by_role("button", name="Undeploy").click()
    steps.confirm(page, "Undeploy")
    steps.wait_text(steps.pipeline_row(page, "house"), "Not deployed")


def test_a_run_has_its_page_in_notebook_7(page: Page, notebook_7: PrivateServer) -> None:
    """Its graph, below the list of files."""
    with notebook_7.client as client:
        run = graphs.submit(client, {"first": {"kind": "script", "source": "print('hello')"}}, name="morning")
        page.goto(steps.address(notebook_7, "tree"))
        page.locator(".lm-MenuBar-item", has_text="View").click()
        page.locator(".lm-Menu-item", has_text="Left Sidebar").hover()
        steps.menu_item(page, "Show Wallaroo").click()
        graphs.ended(client, run)
    opened = steps.open_page(page, "morning")
    steps.box(opened, "first").click()
    steps.wait_text(steps.section(opened, "first").locator("pre"), "hello")
    assert steps.violations(page) == []


def test_where_the_server_half_is_missing_it_says_what_to_run(page: Page, lab: PrivateServer) -> None:
    """Jupyter's own 404 is told from ours; trying again needs no reload."""
    address = re.compile(r".*/wallaroo/v1/api/.*")
    page.route(address, lambda route: route.fulfill(status=404, content_type="text/html", body="<h1>404</h1>"))
    steps.open_lab(page, lab)
    steps.show(page, steps.SIDEBAR)
    panel = page.locator(".jp-wallaroo-sidebar")
    steps.wait_text(panel, "jupyter server extension enable jupyter_wallaroo")
    assert steps.violations(page) == []
    page.unroute(address)
    panel.get_by_role("button", name="Try again").click()
    steps.row(page, "Pipelines").wait_for()


def test_a_server_that_was_away_is_read_again_by_itself(page: Page, lab: PrivateServer) -> None:
    """What was known stays in sight, and is said not to be up to date; nobody has to reload or click."""
    address = re.compile(r".*/wallaroo/v1/api/.*")
    steps.open_lab(page, lab)
    steps.show_sidebar(page)
    panel = page.locator(".jp-wallaroo-sidebar")
    page.route(address, lambda route: route.abort())
    panel.get_by_title("Read everything again").click()
    steps.wait_text(panel, "Not up to date")
    assert steps.row(page, "Pipelines").is_visible()
    page.unroute(address)
    panel.get_by_text("Not up to date").wait_for(state="detached")


def test_orchestrations_come_and_go(page: Page, lab: PrivateServer, lab_client: httpx.Client) -> None:
    """A kind of thing that is one module in the tree: told by its events, gone when it is deleted."""
    steps.open_lab(page, lab)
    steps.show_sidebar(page)
    name = f"nightly-{uuid.uuid4().hex[:6]}"
    identifier = uploaded(lab_client, orchestration(), name)
    line = steps.row(page, name)
    steps.wait_text(line, "Ready")
    post(lab_client, "orchestration/delete_orchestrations", orchestrations=[identifier])
    line.wait_for(state="detached")


def test_a_file_that_is_no_model_is_refused_with_the_reason(page: Page, lab: PrivateServer) -> None:
    """And its name is shown as text, whatever it says."""
    (lab.directory / "<img src=x onerror=stop()>.onnx").write_bytes(b"not a model")
    steps.open_lab(page, lab)
    steps.deploy_file(page, "<img src=x", "no-model")
    toast = page.locator(".Toastify__toast", has_text="was not deployed")
    steps.wait_text(toast, re.escape("<img src=x onerror=stop()>.onnx was not deployed"))
    assert toast.locator("img").count() == 0
