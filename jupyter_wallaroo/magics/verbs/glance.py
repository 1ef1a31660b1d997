"""``%wl``: the workspace at a glance."""

from __future__ import annotations

from typing import Any

from jupyter_wallaroo.magics.listings import connections, models, pipelines
from jupyter_wallaroo.magics.results import Sections, Table
from jupyter_wallaroo.magics.verb import Call, Verb


def _run(call: Call) -> Sections:
    workspace = call.client.get_current_workspace()
    parts: dict[str, Table[Any]] = {
        "pipelines": pipelines(workspace.pipelines()),
        "models": models(workspace.models()),
        "connections": connections(workspace.list_connections()),
    }
    counts = ", ".join(f"{len(part)} {heading if len(part) != 1 else heading[:-1]}" for heading, part in parts.items())
    title = f"Workspace {workspace.name()!r} at {call.client.api_endpoint}: {counts}"
    return Sections(title, list(parts.items()))


VERB = Verb("", "the workspace at a glance: pipelines and how they are, models, connections", _run)
