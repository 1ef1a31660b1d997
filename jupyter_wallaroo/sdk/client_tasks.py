"""What a client knows of tasks: those of the server, and the one that it may run in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import task as tasks
from jupyter_wallaroo.sdk.task import Task, Tasks
from jupyter_wallaroo.types.task_process import ARGUMENTS, TASK_ID

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client


class TaskWork:
    """A client as scripts see it that run in a task, and those who look after tasks."""

    @property
    def _client(self) -> Client:
        return cast("Client", self)

    def list_tasks(self, orch_id: str | None = None, killed: bool = False) -> Tasks:  # noqa: FBT001, FBT002
        """Return the tasks of the current workspace, newest first.

        Parameters
        ----------
        orch_id
            Only those of an orchestration, by its UUID.
        killed
            Only those that were killed.
        """
        workspace_id = self._client.get_current_workspace().id()
        return tasks.fetch_all(self._client, workspace_id=workspace_id, orch_id=orch_id, killed=killed)

    def get_task_by_id(self, task_id: str) -> Task:
        """Return the task with a UUID.

        Raises
        ------
        EntityNotFoundError
            There is none.
        """
        return Task.fetch(self._client, task_id)

    def in_task(self) -> bool:
        """Return whether this program runs in a task (S5-36)."""
        return TASK_ID in os.environ

    def task_args(self) -> dict[str, Any]:
        """Return the arguments of the task that this program runs in.

        Raises
        ------
        InvalidRequest
            It does not run in a task.
        """
        path = os.environ.get(ARGUMENTS)
        if path is None:
            raise InvalidRequest(
                "task_args: this Python does not run in a task.",
                hint="While trying a script out, give it arguments of your own where wl.in_task() is False.",
            )
        return msgspec.json.decode(Path(path).read_bytes(), type=dict[str, Any])
