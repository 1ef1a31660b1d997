"""Thirty naughty names in every field that comes from the server: all text, nothing that is not ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jupyter_wallaroo.demo.server import PrivateServer
from tests.ui import steps

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = [
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<svg/onload=window.pwned=1>",
    "<b>bold</b>",
    "<a href='javascript:window.pwned=1'>x</a>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'>",
    "<button data-commandlinker-command='x'>x</button>",
    '"><script>window.pwned=1</script>',
    "' onmouseover='window.pwned=1",
    '" autofocus onfocus="window.pwned=1',
    "</span></div></section><h1>out</h1>",
    "<!-- comment",
    "-->",
    "<style>*{display:none}</style>",
    "<math><mi xlink:href='javascript:1'>x</mi></math>",
    "<template><b>x</b></template>",
    "<form action=//evil><input name=x>",
    "<meta http-equiv=refresh content=0>",
    "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    "&#60;img src=x onerror=window.pwned=1&#62;",
    "{{constructor.constructor('window.pwned=1')()}}",
    "${window.pwned=1}",
    "[x](javascript:window.pwned=1)",
    "![x](x onerror=window.pwned=1)",
    "\u202etxet desrever\u202c",
    "\u2066isolated\u2069",
    "a\u0000b\u0007c\u001b[31md",
    "line\nbreak\ttab\r",
    "\u200bzero\u200dwidth\ufeff",
    "__proto__",
]

SAFE = "!'()*~-_."
"""What `encodeURIComponent` leaves alone."""

TAGS = """
    div span svg path circle g h1 h2 h3 p section header dl dt dd table thead tbody tr th td code button jp-button input
    label textarea form figure figcaption pre slot style
"""
ATTRIBUTES = """
    class id style role title tabindex type value placeholder disabled checked rows spellcheck for scope viewbox d cx cy
    r fill fill-rule fill-opacity stroke-width xmlns width height preserveaspectratio data-kind data-state data-tone
    data-anomaly data-chosen data-icon data-icon-id data-jp-item-name appearance minimal part slot current-value shape-rendering
"""


def _looks_like_ours(name: str) -> bool:
    return name in ATTRIBUTES.split() or name.startswith("aria-")


def _pipeline(number: int, name: str) -> dict[str, Any]:
    return {
        "pipeline_id": number, "pipeline": name, "workspace_id": 1, "version": name, "status": "Running",
        "deployment_id": number, "deployment": name, "pipeline_version": name, "replicas_running": 1,
        "replicas_wanted": 2, "reason": name,
    }  # fmt: skip


def _task(number: str, name: str) -> dict[str, Any]:
    run = {
        "run_id": number, "state": "running", "reason": name, "exit_code": None, "fire_time": name, "missed": 2,
        "started_at": name, "updated_at": name,
    }  # fmt: skip
    return {
        "id": number, "name": name, "workspace_id": 1, "orch_id": name, "input_data": {name: name}, "status": "started",
        "run_type": "CronJob", "schedule": name, "time_zone": name, "next_firings": NAMES, "timeout": 1,
        "last_runs": [run, {**run, "run_id": name, "state": name}], "created_at": name,
    }  # fmt: skip


def _run(number: str, name: str) -> dict[str, Any]:
    outputs = [{"name": item, "kind": item, "size_bytes": 1, "file_name": item} for item in NAMES]
    step = {
        "status": "FAILURE", "reason": name, "traceback": name, "message": name, "outputs": outputs,
        "has_notebook": True, "started_at": name, "ended_at": name,
    }  # fmt: skip
    graph = {
        item: {"kind": item, "path": item, "parents": NAMES[:at], "parameters": {item: item}}
        for at, item in enumerate(NAMES)
    }
    return {
        "id": number, "name": name, "workspace_id": 1, "run_type": name, "selection": [], "background": False,
        "owner": name, "status": "STARTED", "outcome": "failed", "reason": name, "created_at": name,
        "started_at": name, "ended_at": None, "place": None, "folder": name,
        "steps": [{**step, "key": item} for item in NAMES], "definition": {"steps": graph, "parameters": {}},
    }  # fmt: skip


def _executed() -> dict[str, Any]:
    outputs = [
        {"output_type": "stream", "text": NAMES}, {"output_type": "error", "traceback": NAMES},
        {"output_type": "display_data", "data": {"text/html": NAMES[0], "text/plain": NAMES}},
    ]  # fmt: skip
    return {"cells": [{"outputs": outputs}]}


def _answers() -> dict[str, Any]:
    pod = {
        "name": "", "status": "Running", "reason": "",
        "info": {"health": "Error", "labels": {}, "required_cpu": None, "required_memory": None},
    }  # fmt: skip
    slot = {"start": NAMES[0], "requests": 1, "failed": 0, "rows": 1, "anomalies": 1}
    slot |= dict.fromkeys(("p50_ms", "p95_ms", "p99_ms"), 1.0)
    records = [
        {"time": 1, "in": dict.fromkeys(NAMES, name), "out": {name: name}, "anomaly": {"count": 1, name: 1}}
        for name in NAMES
    ]
    versions = [
        {
            "id": number, "version": f"{name} {number}", "created_at": name, "author": name, "models": [name],
            "was_deployed": True, "is_deployed": number == 0,
        }
        for number, name in enumerate(NAMES)
    ]  # fmt: skip
    signature = {"inputs": [{"name": name, "dtype": name, "shape": [None]} for name in NAMES]}
    model = {
        "id": 1, "name": NAMES[0], "workspace_id": 1, "status": NAMES[1], "error_summary": NAMES[2],
        "file_info": {"version": "v", "sha": "s", "file_name": NAMES[3], "size": 1},
        "conversion": {"framework": NAMES[4]}, "signature": signature,
    }  # fmt: skip
    step = {"ModelInference": {"models": [{"name": NAMES[0], "version": "v", "sha": "s"}]}}
    return {
        "workspaces/list": {"workspaces": [{"id": n + 1, "name": name} for n, name in enumerate(NAMES)]},
        "workspaces/get": {"id": 1, "name": NAMES[0]},
        "pipelines/overview": {"pipelines": [_pipeline(n, name) for n, name in enumerate(NAMES)]},
        "models/list": {"models": [
            {"id": n, "name": name, "model_versions": [{"model_version": {**model, "status": name}}]}
            for n, name in enumerate(NAMES)
        ]},
        "connections/list": {"connections": [{"id": str(n), "name": name, "type": name} for n, name in enumerate(NAMES)]},
        "orchestration/list": [
            {"id": str(n), "name": name, "status": name, "error": name} for n, name in enumerate(NAMES)
        ],
        "task/list": [_task(str(n), name) for n, name in enumerate(NAMES)],
        "task/get_by_id": _task("0", NAMES[0]),
        "task/get_logs_for_run": {"logs": [f"1970-01-01T00:00:00Z stdout F {name}" for name in NAMES]},
        "runs": {"runs": [_run(str(n), name) for n, name in enumerate(NAMES)]},
        "runs/0": _run("0", NAMES[0]),
        **{f"runs/0/{quote(name, safe=SAFE)}/notebook": _executed() for name in NAMES},
        "status/get_deployment": {
            "status": "Error", "details": NAMES, "sidekicks": [],
            "engines": [{**pod, "name": name, "reason": name, "status": name} for name in NAMES],
        },
        "pipelines/list_versions": {"versions": versions},
        "pipelines/diff": {"text": "\n".join(NAMES)},
        "pipelines/get_logs": records,
        "pipelines/get_traffic": {
            "slot_s": 5, "slots": [slot], "recent": slot, "recent_s": 60, "total_requests": 1
        },
        "pipelines/get_version": {"definition": {"steps": [step]}},
        "models/list_versions": [{"id": 1, "model_version": "v"}],
        "models/get_version_by_id": {"model_version": {"model_version": model}},
    }  # fmt: skip


def _strangers(page: Page) -> list[str]:
    """Return elements and attributes within what is ours that we never make."""
    found = page.evaluate(
        """roots => [...document.querySelectorAll(roots)].flatMap(root =>
            [root, ...root.querySelectorAll('*')].flatMap(node =>
                [[node.localName, null], ...[...node.attributes].map(item => [node.localName, item.name])]))""",
        ", ".join(steps.OURS),
    )
    return sorted(
        {
            f"<{tag} {attribute or ''}>"
            for tag, attribute in found
            if (attribute is None and tag not in TAGS.split())
            or (attribute and not _looks_like_ours(attribute.lower()))
        }
    )


def test_nothing_that_is_not_ours_gets_into_the_page(page: Page, lab: PrivateServer) -> None:
    page.set_viewport_size({"width": 1280, "height": 6000})
    steps.answering(page, _answers(), {"msg": " ".join(NAMES), "request_id": "r"})
    steps.open_lab(page, lab)
    before = page.locator("script, iframe, meta, form[action], template").count()
    steps.show_sidebar(page)
    labels = page.locator('.jp-wallaroo-row[data-kind="pipeline"] .jp-wallaroo-label')
    assert labels.all_text_contents() == NAMES
    for kind in ("model", "connection", "orchestration", "task", "run"):
        shown = page.locator(f'.jp-wallaroo-row[data-kind="{kind}"] .jp-wallaroo-label').all_text_contents()
        assert shown == NAMES, kind

    labels.first.dblclick()
    opened = page.locator(".jp-wallaroo-page:visible")
    steps.section(opened, "Log").locator("tbody tr").first.wait_for()
    assert opened.locator("h1").text_content() == NAMES[0]
    fields = steps.section(opened, "Try it").locator("label")
    fields.first.wait_for()
    assert fields.all_text_contents() == NAMES
    steps.section(opened, "Versions").get_by_role("button", name="Compare").first.click()
    steps.wait_text(opened.locator(".jp-wallaroo-diff pre"), "bold")
    steps.section(opened, "Try it").get_by_role("button", name="Run", exact=True).click()
    steps.wait_text(steps.section(opened, "Try it").get_by_role("alert"), "bold")
    opened.get_by_role("button", name="Undeploy").click()
    steps.wait_text(page.locator(".jp-Dialog"), "script")
    steps.confirm(page, "Undeploy")
    steps.wait_text(page.locator(".Toastify__toast").last, "script")

    assert _strangers(page) == []

    page.locator('.jp-wallaroo-row[data-kind="task"]').first.dblclick()
    opened = page.locator(".jp-wallaroo-page:visible").filter(has=page.get_by_role("heading", name="When it runs"))
    steps.wait_text(opened.locator("pre"), "bold")
    assert opened.locator("h1").text_content() == NAMES[0]
    assert _strangers(page) == []

    page.locator('.jp-wallaroo-row[data-kind="run"]').first.dblclick()
    boxes = page.get_by_role("listbox").get_by_role("option")
    boxes.first.wait_for()
    assert sorted(page.locator(".jp-wallaroo-step .jp-wallaroo-label").all_text_contents()) == sorted(NAMES)
    boxes.first.click()
    opened = page.locator(".jp-wallaroo-page:visible").filter(has=page.get_by_role("listbox"))
    steps.wait_text(opened.get_by_role("region", name="Printed"), "bold")
    steps.wait_text(opened.get_by_role("region", name="Traceback"), "script")
    assert _strangers(page) == []
    assert page.evaluate("window.pwned") is None
    assert page.locator("script, iframe, meta, form[action], template").count() == before
