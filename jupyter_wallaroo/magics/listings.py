"""Lists as people read them: the columns that tell one thing from another, and nothing that needs another question."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from jupyter_wallaroo.magics.results import Table
from jupyter_wallaroo.magics.states import marked, states, version_of
from jupyter_wallaroo.sdk import steps
from jupyter_wallaroo.sdk.client import Client
from jupyter_wallaroo.sdk.connection import Connection
from jupyter_wallaroo.sdk.model import Model
from jupyter_wallaroo.sdk.orchestration import Orchestration
from jupyter_wallaroo.sdk.pipeline import Pipeline
from jupyter_wallaroo.sdk.tag import Tag
from jupyter_wallaroo.sdk.task import Task
from jupyter_wallaroo.sdk.user import User
from jupyter_wallaroo.sdk.workspace import Workspace

if TYPE_CHECKING:
    from jupyter_wallaroo.types.run import ListedRun

_RUN_TYPES = {"Temporary Run": "once", "Continuous Run": "all the time"}

SHOWN_UUID = 8
"""Characters of a version's UUID that tell it from the others of a pipeline."""


def pipelines(found: Sequence[Pipeline]) -> Table[Pipeline]:
    """Return pipelines with how each is."""
    known = dict(zip((item.id() for item in found), states(found), strict=True))
    return Table(
        found,
        {
            "pipeline": Pipeline.name,
            "status": lambda item: known[item.id()].words,
            "version": lambda item: version_of(item)[:SHOWN_UUID],
            "models": lambda item: ", ".join(known[item.id()].models or steps.model_names(item.steps())),
            "created": lambda item: minute(item.create_time()),
        },
        "No pipelines yet: %wl deploy NAME MODEL makes one.",
    )


def models(found: Sequence[Model]) -> Table[Model]:
    """Return models."""
    columns = {
        "model": Model.name,
        "versions": lambda item: item.summary()["versions"],
        "updated": lambda item: minute(item.last_update_time()),
    }
    return Table(found, columns, "No models yet: %wl upload SOURCE --name NAME brings one.")


def connections(found: Sequence[Connection]) -> Table[Connection]:
    """Return connections; never their details."""
    columns = {
        "connection": Connection.name,
        "type": Connection.connection_type,
        "workspaces": lambda item: ", ".join(item.workspace_names()),
    }
    return Table(found, columns, "No connections yet: %wl connection create NAME TYPE makes one.")


def workspaces(client: Client) -> Table[Workspace]:
    """Return all workspaces, and which is the current one."""
    here = client.get_current_workspace().id()
    columns = {
        "workspace": Workspace.name,
        "id": Workspace.id,
        "current": lambda item: "←" if item.id() == here else "",
    }
    return Table(client.list_workspaces(), columns, "No workspaces.")


def tags(found: Sequence[Tag]) -> Table[Tag]:
    """Return tags."""
    return Table(found, {"tag": Tag.tag, "id": Tag.id}, "No tags.")


def users(found: Sequence[User]) -> Table[User]:
    """Return users."""
    return Table(found, {"user": User.username, "e-mail": User.email, "id": User.id}, "No users.")


def tasks(found: Sequence[Task], nothing: str = "No tasks yet: %%wl task NAME makes one of a cell.") -> Table[Task]:
    """Return tasks with how each is, and when it fires next."""
    columns = {
        "task": lambda item: item.name() or "",
        "status": lambda item: marked(item.known_status()),
        "runs": _when,
        "fires next": lambda item: next(map(firing, item.known_firings()), ""),
        "last run": _last_run,
        "id": lambda item: item.id()[:SHOWN_UUID],
    }
    return Table(found, columns, nothing)


def orchestrations(found: Sequence[Orchestration]) -> Table[Orchestration]:
    """Return orchestrations with how far each has come."""
    columns = {
        "orchestration": lambda item: item.name() or item.file_name(),
        "status": lambda item: marked(item.status()),
        "uploaded": lambda item: minute(item.created_at()),
        "id": lambda item: item.id()[:SHOWN_UUID],
    }
    return Table(found, columns, "No orchestrations yet: %%wl task NAME makes one of a cell.")


def runs(found: Sequence[ListedRun]) -> Table[ListedRun]:
    """Return runs of graphs with how each is."""
    columns = {
        "run": lambda item: item.name or "",
        "type": lambda item: item.run_type.value,
        "status": lambda item: item.outcome.value if item.outcome else item.status.value,
        "failed steps": lambda item: ", ".join(item.failed_steps),
        "created": lambda item: minute(datetime.fromisoformat(item.created_at)),
        "id": lambda item: item.id[:SHOWN_UUID],
    }
    return Table(found, columns, "No runs of graphs yet: wl.run_graph makes one.")


def _when(task: Task) -> str:
    if task.schedule():
        return f"{task.schedule()} {task.time_zone()}"
    return _RUN_TYPES.get(task.run_type(), "")


def _last_run(task: Task) -> str:
    run = task.known_last_run()
    return "" if run is None else f"{marked(run.known_state())} {minute(run.fire_time())}"


def firing(moment: datetime) -> str:
    """Return when a schedule fires, in its own zone, to the minute."""
    return moment.strftime("%a %Y-%m-%d %H:%M %Z")


def minute(moment: datetime) -> str:
    """Return an instant in local time, to the minute."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
