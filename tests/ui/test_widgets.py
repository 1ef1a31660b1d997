"""Panels in a real browser: in a notebook page of JupyterLab, and by themselves where everything has a hostile name."""

from __future__ import annotations

import base64
import json
import os
import queue
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.orchestration import Orchestration
from jupyter_wallaroo.sdk.pipeline import Pipeline
from jupyter_wallaroo.widgets import ClientView, View, assets, of_client, of_pipeline
from jupyter_wallaroo.widgets.panel import Panel
from tests.sdk.conftest import endpoint, unique
from tests.ui.conftest import AXE, LIMIT_MS
from tests.widgets.conftest import failed, orchestration, pipeline, scheduled, wl  # noqa: F401  fixtures
from tests.widgets.conversation import LIMIT_S, Conversation
from tests.widgets.hostile import TURNS, HostileServer, go_to
from tests.widgets.test_pieces import is_plain

TAGS = """
a bdi button caption code datalist details div figcaption figure form h4 header input label li line option p polygon
polyline pre progress rect section select span strong summary svg table tbody td text textarea th thead title tr ul
"""
ATTRIBUTES = """
aria-describedby aria-hidden aria-label aria-pressed autocomplete class data-line data-lm-suppress-shortcuts disabled
for height hidden id inputmode list max min open placeholder points preserveAspectRatio required role rows scope spellcheck step tabindex
text-anchor type value vector-effect viewBox width x x1 x2 y y1 y2
"""

HARNESS = """
async ({ source, style }) => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const handlers = { "msg:custom": [] };
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  const sheet = document.createElement("style");
  sheet.textContent = style;
  document.head.replaceChildren(sheet);
  if (window.close_panel) window.close_panel();
  const root = document.createElement("div");
  document.body.replaceChildren(root);
  window.sent = [];
  window.fire = (name) => (handlers[name] || []).forEach((handler) => handler());
  const model = {
    on: (name, handler) => (handlers[name] = handlers[name] || []).push(handler),
    off: (name, handler) => { handlers[name] = (handlers[name] || []).filter((other) => other !== handler); },
    send: (content) => {
      window.sent.push(content.ask ? content.ask.verb : "cancel");
      window.toKernel(content).then((replies) => {
        for (const [reply, buffers] of replies) for (const handler of handlers["msg:custom"]) handler(reply, buffers.map(bytes));
      });
    },
  };
  const panel = (await import(url)).default;
  window.close_panel = panel.render({ model, el: root });
  window.left = () => Object.values(handlers).flat().length;
}
"""

AUDIT = """
() => {
  const found = { tags: [], attributes: [], texts: [] };
  for (const element of document.body.firstElementChild.querySelectorAll("*")) {
    found.tags.push(element.localName);
    for (const { name, value } of element.attributes) {
      found.attributes.push(name);
      found.texts.push(value);
    }
    if (element.value) found.texts.push(String(element.value));
  }
  const walker = document.createTreeWalker(document.body.firstElementChild, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) found.texts.push(walker.currentNode.data.replace(/\\n$/, ""));
  return found;
}
"""


# ---------------------------------------------------------------- panels by themselves


class Stage:
    """A page that shows one panel after the other, each with its real Python half and no notebook around them."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.requests: list[str] = []
        self.errors: list[str] = []
        self._talk: Conversation | None = None
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        page.route("http://panel.test/", lambda route: route.fulfill(body="<!doctype html><body></body>"))
        page.goto("http://panel.test/")
        page.on("request", lambda request: self.requests.append(request.url))
        page.expose_function("toKernel", self._to_kernel)

    def show(self, panel: Panel) -> None:
        """Show a panel in place of the one before."""
        if self._talk is not None:
            self._talk.panel.close()
        self._talk = Conversation(panel)
        self.page.evaluate(HARNESS, {"source": str(panel._esm), "style": assets.style()})

    def close(self) -> None:
        if self._talk is not None:
            self._talk.panel.close()
        self.page.close()

    def _to_kernel(self, content: Any) -> list[Any]:
        """Pass on a message, and return what the kernel sends until it is answered."""
        assert self._talk is not None
        self._talk.send(content)
        replies: list[Any] = []
        while "ask" in content and not any("progress" not in reply for reply, _ in replies):
            try:
                reply, buffers = self._talk.comm.published.get(timeout=LIMIT_S)
            except queue.Empty:
                break
            if reply["id"] == content["id"]:
                replies.append([reply, [base64.b64encode(part).decode() for part in buffers]])
        return replies


@pytest.fixture
def stage(browser: Any) -> Iterator[Stage]:
    found = Stage(browser.new_page(viewport={"width": 1000, "height": 1600}))
    yield found
    found.close()


def _settle(stage: Stage, kind: str) -> None:
    """Wait until everything is in a panel, and press what makes it show more."""
    page = stage.page
    section = page.locator("section.wlr-panel")
    if kind == "inference":
        section.locator(".wlr-form .wlr-field").first.wait_for(timeout=LIMIT_MS)
        section.get_by_role("button", name="Run", exact=True).click()
        section.locator("table").first.wait_for(timeout=LIMIT_MS)
        section.get_by_role("button", name="As a command").click()
        section.locator("pre").nth(1).wait_for(timeout=LIMIT_MS)
    elif kind == "logs":
        section.locator("figure").wait_for(timeout=LIMIT_MS)
    elif kind == "deployment":
        section.locator("td").first.wait_for(timeout=LIMIT_MS)
        section.get_by_role("button", name="Diff").first.click()
        section.locator("pre").wait_for(timeout=LIMIT_MS)
    elif kind == "tasks":
        section.locator("td").first.wait_for(timeout=LIMIT_MS)
        section.locator("tr", has_text="failure").locator("button").click()
        section.get_by_role("button", name="Log of the run due").click()
        section.locator("pre").wait_for(timeout=LIMIT_MS)
    else:
        section.locator("td").first.wait_for(timeout=LIMIT_MS)
        section.locator("summary").click()


def _panel(client: Client, seen: Pipeline, kind: str) -> Panel:
    return of_client(client, kind) if kind in list(ClientView) else of_pipeline(seen, kind)


@pytest.mark.usefixtures("scheduled", "failed")
def test_hostile_names_become_no_elements(stage: Stage, server: PrivateServer, wl: Client, pipeline: Pipeline) -> None:  # noqa: F811
    """30 names with HTML, scripts, control characters and marks of direction in every field of every panel."""
    with HostileServer(endpoint(server)) as hostile, Client(hostile.endpoint, token=server.token) as client:
        made = client.create_connection("hostile", "S3", {})
        go_to(client, pipeline.workspace_id())
        seen = Pipeline.fetch(client, pipeline.name(), pipeline.workspace_id())
        shown = ""
        for hostile.turn in range(TURNS):
            for kind in [*View, *ClientView]:
                stage.show(_panel(client, seen, kind))
                _settle(stage, str(kind))
                found = stage.page.evaluate(AUDIT)
                assert not set(found["tags"]) - set(TAGS.split())
                assert not set(found["attributes"]) - set(ATTRIBUTES.split())
                wrong = [text for text in found["texts"] if not is_plain(text)]
                assert not wrong, wrong
                shown += " ".join(found["texts"])
        made.delete_connection()
    assert stage.page.evaluate("window.pwned === undefined")
    assert all(name in shown for name in ("<script>window.pwned=1</script>", "<iframe srcdoc=", "\\u202e", "\\x1b[31m"))
    assert [url for url in stage.requests if not url.startswith("blob:")] == []
    assert stage.errors == []


@pytest.mark.usefixtures("scheduled")
@pytest.mark.parametrize("kind", [View.DEPLOYMENT, ClientView.TASKS])
def test_a_panel_that_nobody_sees_asks_nothing(stage: Stage, wl: Client, pipeline: Pipeline, kind: str) -> None:  # noqa: F811
    """An hour by the page's own clock: while it is seen it looks every few seconds, hidden or closed never."""
    page = stage.page
    page.clock.install()
    stage.show(_panel(wl, pipeline, kind))
    page.locator("section td").first.wait_for(timeout=LIMIT_MS)

    def asked_in_an_hour() -> int:
        before = page.evaluate("window.sent.length")
        for _ in range(60):
            page.clock.run_for(60_000)
        return page.evaluate("window.sent.length") - before

    assert asked_in_an_hour() > 5
    page.evaluate("document.body.firstElementChild.style.display = 'none'")
    page.evaluate("new Promise((done) => { new IntersectionObserver(done).observe(document.body.firstElementChild); })")
    page.clock.run_for(60_000)
    assert asked_in_an_hour() == 0
    page.evaluate("document.body.firstElementChild.style.display = ''")
    page.wait_for_function(
        "window.sent.length > 0 && (window.before = window.before ?? window.sent.length) < window.sent.length"
    )
    page.evaluate("window.close_panel()")
    assert asked_in_an_hour() == 0
    assert page.evaluate("window.left()") == 0 and page.locator("section").count() == 0


def test_a_kernel_that_does_not_answer_or_is_gone_is_said(stage: Stage, pipeline: Pipeline) -> None:  # noqa: F811
    page = stage.page
    stage.show(pipeline.panel("inference"))
    page.locator("textarea").wait_for(timeout=LIMIT_MS)
    page.clock.install()
    page.evaluate("() => { window.toKernel = () => new Promise(() => {}); }")
    page.get_by_role("button", name="Run", exact=True).click()
    page.clock.run_for(5_000)
    assert "Waiting for the kernel" in page.locator(".wlr-notice").inner_text()
    page.evaluate("window.fire('comm_live_update')")
    assert page.locator(".wlr-notice").inner_text() == "The kernel of this panel has gone. Run the cell again."
    assert page.get_by_role("button", name="Run", exact=True).is_disabled()
    assert stage.errors == []


def test_the_keyboard_is_enough(stage: Stage, pipeline: Pipeline) -> None:  # noqa: F811
    page = stage.page
    stage.show(pipeline.panel("inference"))
    field = page.get_by_label("tensor")
    field.wait_for(timeout=LIMIT_MS)
    field.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("[4, 5, 6]")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("cell", name="too_high").wait_for(timeout=LIMIT_MS)
    for element in page.locator("section button, section input, section select, section textarea").all():
        assert element.evaluate(
            "(e) => (e.getAttribute('aria-label') || e.innerText || e.labels?.[0]?.innerText || '').trim()"
        )


@pytest.mark.usefixtures("scheduled", "failed")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(stage: Stage, wl: Client, pipeline: Pipeline, theme: str) -> None:  # noqa: F811
    """In the colours of a page that has no theme of its own, with everything that panels can show."""
    assert AXE.is_file(), "axe-core comes with npm ci in labextension/"
    made = wl.create_connection(unique("warehouse"), "POSTGRES", {"host": "db"})
    made.add_to(pipeline.workspace_id())
    stage.page.evaluate("(dark) => { document.body.dataset.jpThemeLight = String(!dark); }", theme == "dark")
    stage.page.add_script_tag(content=AXE.read_text())
    pipeline.infer(pd.DataFrame({"tensor": [[float(number), 0.0, 0.0] for number in range(12)]}))
    for kind in [View.LOGS, View.INFERENCE, *ClientView, View.DEPLOYMENT]:
        stage.show(_panel(wl, pipeline, kind))
        _settle(stage, str(kind))
        if kind is View.LOGS:
            stage.page.get_by_label("Compare").select_option(label="with out_challenger.y[0]")
            stage.page.locator("figcaption").wait_for(timeout=LIMIT_MS)
        if kind is View.DEPLOYMENT:  # the live figures follow within seconds
            stage.page.locator(".wlr-warned").first.wait_for(timeout=LIMIT_MS)
        found = stage.page.evaluate("async () => (await axe.run('section.wlr-panel')).violations")
        serious = [item for item in found if item["impact"] in ("serious", "critical")]
        assert not serious, json.dumps([(item["id"], [node["html"] for node in item["nodes"]]) for item in serious])
        if os.environ.get("JUPYTER_WALLAROO_TEST_SCREENSHOTS"):
            path = Path(__file__).with_name(f"panel-{kind}-{theme}.png")
            stage.page.locator("section.wlr-panel").screenshot(path=str(path))
    made.delete_connection()


def test_a_task_is_looked_after(stage: Stage, wl: Client, orchestration: Orchestration) -> None:  # noqa: F811
    """With the keyboard: choose it, follow what it prints, pause it and go on; killing it takes two presses."""
    page = stage.page
    task = orchestration.run_continuously(unique("service"), {"print": ["\x1b[31mred"], "sleep": 1000})
    name = str(task.name())
    stage.show(wl.panel(view="tasks"))
    line = page.get_by_role("row", name=name)
    chosen = line.get_by_role("button", name=name)
    chosen.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Log of the run due").first.click()
    page.locator("pre", has_text="\\x1b[31mred").wait_for(timeout=LIMIT_MS)
    chosen.focus()
    page.get_by_role("button", name=f"Pause {name}").dispatch_event("click")
    line.get_by_text("paused").wait_for(timeout=LIMIT_MS)
    assert chosen.evaluate("(e) => e === document.activeElement && e.getAttribute('aria-pressed') === 'true'")
    page.get_by_role("button", name=f"Resume {name}").click()
    line.get_by_text("started").wait_for(timeout=LIMIT_MS)
    page.get_by_role("button", name=f"Kill {name}").click()
    assert "kill" not in page.evaluate("window.sent")
    page.get_by_role("button", name="Really kill?").click()
    line.get_by_role("cell", name="killed").first.wait_for(timeout=LIMIT_MS)
    page.get_by_role("button", name=f"Kill {name}").wait_for(state="detached", timeout=LIMIT_MS)
    assert page.get_by_role("button", name=f"Resume {name}").count() == 0
    assert stage.errors == []


def test_downloads_hold_no_formula(stage: Stage, pipeline: Pipeline) -> None:  # noqa: F811
    page = stage.page
    stage.show(pipeline.panel("logs"))
    page.locator("figure").wait_for(timeout=LIMIT_MS)
    with page.expect_download(timeout=LIMIT_MS) as caught:
        page.get_by_role("button", name="Download as CSV").click()
    assert caught.value.suggested_filename == f"{pipeline.name()}-log.csv"
    assert Path(caught.value.path()).read_text().startswith("time,in.tensor,out.y,")


# ---------------------------------------------------------------- in a notebook page


def _ready(page: Any, application: str) -> None:
    """Wait until the page knows that its kernel waits for cells."""
    if application == "lab":
        page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=LIMIT_MS)
    else:
        page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first.wait_for(timeout=LIMIT_MS)


def _run_all(page: Any) -> None:
    """Run all cells from the menu; Notebook 7 shows its kernel as idle a moment before it takes any, so again if need be.

    Meanwhile it may ask which kernel to take: the one that it proposes.
    """
    from playwright.sync_api import TimeoutError as TooSlow

    begun = page.locator(".jp-InputPrompt", has_text=re.compile(r"\[(\*|\d+)\]")).first
    asked = page.locator(".jp-Dialog .jp-mod-accept")
    for _ in range(5):
        if asked.is_visible():
            asked.click()
        page.get_by_text("Run", exact=True).first.click()
        page.get_by_text("Run All Cells", exact=True).click()
        try:
            begun.wait_for(timeout=LIMIT_MS / 6)
        except TooSlow:
            continue
        return
    begun.wait_for(timeout=LIMIT_MS)


@pytest.mark.parametrize(("application", "pages"), [("lab", "lab/tree"), ("notebook_7", "notebooks")])
def test_in_a_notebook_page(  # noqa: PLR0915  one story
    browser: Any, request: pytest.FixtureRequest, application: str, pages: str
) -> None:
    """What a person does: open, scale, infer, look at the log, make a connection, save, restart the kernel."""
    from tests import models

    server: PrivateServer = request.getfixturevalue(application)
    (server.directory / "summer.onnx").write_bytes(models.row_sum(3))
    name, secret = unique("houses"), "hunter2-hunter2"
    first = f"""
from jupyter_wallaroo.sdk import Client
wl = Client()
model = wl.upload_model("summer", "summer.onnx").configure(tensor_fields=["tensor"])
pipeline = wl.build_pipeline("{name}").add_model_step(model).deploy()
pipeline.panel()
"""
    tasks = f"wl.set_current_workspace(wl.create_workspace('{name}'))\nwl.panel(view='tasks')"
    cells = [first, "pipeline.panel('inference')", "pipeline.panel('logs')", "wl.panel()", tasks]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = server.directory / "panels.ipynb"
    nbformat.write(notebook, path)
    page = browser.new_page(viewport={"width": 1280, "height": 2600})
    problems: list[str] = []
    # Panels come by blob: addresses; what goes wrong in the application itself is not ours.
    page.on("pageerror", lambda error: "blob:" in (error.stack or "") and problems.append(error.stack))
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.goto(f"http://127.0.0.1:{server.port}{server.base_url}{pages}/panels.ipynb?token={server.token}")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=LIMIT_MS)
    _ready(page, application)
    _run_all(page)

    def panel(kind: str) -> Any:
        found = page.get_by_role("region", name=f"{kind} panel")
        found.wait_for(timeout=LIMIT_MS)
        return found

    deployment = panel("Deployment")
    deployment.get_by_text("Running").first.wait_for(timeout=LIMIT_MS)
    deployment.get_by_label("Replicas", exact=True).first.fill("2")
    deployment.get_by_role("button", name="Scale").click()
    page.wait_for_function(
        "document.querySelector('section[aria-label=\"Deployment panel\"]').innerText.split('engine-').length === 3",
        timeout=LIMIT_MS,
    )

    inference = panel("Inference")
    inference.get_by_label("tensor").fill("1, 2, 39")
    inference.get_by_role("button", name="Run", exact=True).click()
    inference.get_by_role("cell", name="[42]").wait_for(timeout=LIMIT_MS)

    log = panel("Log")
    log.get_by_role("button", name="Read", exact=True).click()
    log.get_by_role("cell", name="[42]").wait_for(timeout=LIMIT_MS)

    connections = panel("Connections")
    connections.locator("summary").click()
    connections.get_by_label("Name", exact=True).fill("warehouse")
    connections.get_by_label("Type", exact=True).fill("POSTGRES")
    connections.get_by_label("Value", exact=True).nth(2).fill(secret)
    connections.get_by_role("button", name="Create").click()
    connections.get_by_role("cell", name="warehouse", exact=True).wait_for(timeout=LIMIT_MS)
    with Client(endpoint(server), token=server.token) as client:
        assert client.get_connection("warehouse").details() == {"password": secret}

    panel("Tasks").get_by_text("No tasks yet").wait_for(timeout=LIMIT_MS)

    page.locator(".jp-Notebook").click(position={"x": 2, "y": 2})
    with page.expect_response(
        lambda answer: "api/contents/panels.ipynb" in answer.url and answer.request.method == "PUT"
    ):
        page.keyboard.press("Control+s")
    saved = path.read_text()
    assert secret not in saved and secret not in page.content()
    texts = [
        "".join(output["data"]["text/plain"])
        for cell in json.loads(saved)["cells"]
        for output in cell["outputs"]
        if "data" in output
    ]
    assert len(texts) == 5 and f"pipeline {name}" in texts[0]

    page.get_by_text("Kernel", exact=True).first.click()
    page.get_by_text("Restart Kernel…", exact=True).click()
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    for kind in ("Deployment", "Inference", "Log", "Connections", "Tasks"):
        panel(kind).get_by_text("The kernel of this panel has gone").first.wait_for(timeout=LIMIT_MS)
    # A server that is stopped while a kernel restarts never ends by itself.
    _ready(page, application)
    assert problems == []
    page.close()
    with Client(endpoint(server), token=server.token) as client:
        client.get_pipeline(name).undeploy()
