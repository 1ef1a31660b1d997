"""``%wl``: the workspace at a glance."""

from __future__ import annotations

from typing import Any

from jupyter_wallaroo.magics.listings import connections, models, pipelines, tasks
from jupyter_wallaroo.magics.results import Sections, Table
from jupyter_wallaroo.magics.verb import Call, Verb

_NO_TASKS = "No task runs or will: %%wl task NAME makes one of a cell."


def _run(call: Call) -> Sections:
    workspace = call.client.get_current_workspace()
    parts: dict[str, Table[Any]] = {
        "pipelines": pipelines(workspace.pipelines()),
        "models": models(workspace.models()),
        "connections": connections(workspace.list_connections()),
        "tasks": tasks([item for item in call.client.list_tasks() if item.known_active()], _NO_TASKS),
    }
    counts = ", ".join(_counted(len(part), heading) for heading, part in parts.items())
    title = f"Workspace {workspace.name()!r} at {call.client.api_endpoint}: {counts}"
    return Sections(title, list(parts.items()))


def _counted(count: int, heading: str) -> str:
    active = "active " if heading == "tasks" else ""
    return f"{count} {active}{heading if count != 1 else heading[:-1]}"


VERB = Verb("", "the workspace at a glance: pipelines and how they are, models, connections, tasks that run", _run)
