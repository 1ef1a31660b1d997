"""Orchestrations and tasks for tests: archives made on the spot, and waiting for what must happen."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from tests.deploying import post
from tests.orchestrating import settled, uploaded

T = TypeVar("T")

LIMIT_S = 60.0
OBEDIENT = """
import time, wallaroo
wl = wallaroo.Client()
args = wl.task_args()
print(wl.in_task(), wl.get_current_workspace().id(), args)
if "fail" in args: raise ValueError(args["fail"])
time.sleep(args.get("sleep", 0))
"""
"""A ``main.py`` that does what it is told by its arguments."""
OVER = ("success", "failure", "timed_out", "killed", "interrupted", "skipped")


def archive(main: str, **files: str) -> bytes:
    """Return a zip archive with a ``main.py``, and other files by their names without ``.py``."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as made:
        for name, text in {"main": main, **files}.items():
            made.writestr(f"{name}.py", text)
    return sink.getvalue()


def until(look: Callable[[], T | None], limit_s: float = LIMIT_S) -> T:
    """Return what ``look`` gives once that is something."""
    end = time.monotonic() + limit_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"waited {limit_s} s in vain"
        time.sleep(0.02)


def orchestrate(client: httpx.Client, workspace_id: int, main: str, *, name: str = "nightly", **files: str) -> str:
    """Upload an orchestration, and return its UUID once it is ready."""
    key = uploaded(client, archive(main, **files), name, workspace_id=workspace_id)
    assert settled(client, key)["status"] == "ready"
    return key


def run_once(client: httpx.Client, workspace_id: int, orch_id: str, **facts: Any) -> str:
    """Make a task that runs once, and return its UUID."""
    request = {"orch_id": orch_id, "workspace_id": workspace_id, "json": {}, **facts}
    made: str = posted(client, "task/run_once", 201, **request)["id"]
    return made


def posted(client: httpx.Client, path: str, status: int, **body: Any) -> Any:
    """Return the answer of a route that says ``status``."""
    response = client.post(path, json=body)
    assert response.status_code == status, response.text
    return response.json()


def last_run(client: httpx.Client, task_id: str) -> dict[str, Any] | None:
    """Return the newest run of a task."""
    found = post(client, "task/list_task_runs", task_id=task_id, limit=1)
    return found[0] if found else None


def ended(client: httpx.Client, task_id: str, limit_s: float = LIMIT_S) -> dict[str, Any]:
    """Return the newest run of a task once it is over."""

    def look() -> dict[str, Any] | None:
        run = last_run(client, task_id)
        return run if run is not None and run["state"] in OVER else None

    return until(look, limit_s)


def log(client: httpx.Client, run_id: str) -> str:
    """Return what a run printed."""
    return "\n".join(post(client, "task/get_logs_for_run", id=run_id)["logs"])
