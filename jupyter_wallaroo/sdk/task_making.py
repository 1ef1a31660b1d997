"""What an orchestration can be asked to do: run, once or on a schedule or all the time (S5-35)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from jupyter_wallaroo.sdk import task
from jupyter_wallaroo.sdk.task import Task, Tasks
from jupyter_wallaroo.types.task import RunContinuously, RunOnce, RunScheduled

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.orchestration import Orchestration


class TaskMaking:
    """An orchestration as those see it who have it run."""

    @property
    def _orchestration(self) -> Orchestration:
        return cast("Orchestration", self)

    def run_once(
        self,
        name: str | None = None,
        json_args: dict[str, Any] | None = None,
        timeout: int | None = None,
        debug: bool = False,  # noqa: FBT001, FBT002  the vendor's signature
    ) -> Task:
        """Have it run once, as soon as the server has room, and return the task.

        Parameters
        ----------
        name
            What to call the task.
        json_args
            What ``wl.task_args()`` gives in the script.
        timeout
            Seconds after which the run is ended; default: the server's limit.
        debug
            Whether the files that a run worked on are kept on the server.

        Raises
        ------
        Conflict
            It is not ready.
        """
        request = RunOnce(name=name, timeout=timeout, **self._run(json_args, debug=debug))
        return task.make(self._orchestration._client, "task/run_once", request)

    def run_scheduled(  # noqa: PLR0917  the vendor's signature
        self,
        name: str | None,
        schedule: str,
        json_args: dict[str, Any] | None = None,
        timeout: int | None = None,
        debug: bool = False,  # noqa: FBT001, FBT002
        time_zone: str | None = None,
    ) -> Task:
        """Have it run on a schedule, and return the task; `Task.next_firings` says when.

        Parameters
        ----------
        schedule
            Five fields of cron, such as ``42 * * * *`` for minute 42 of every hour.
        time_zone
            What they are meant in, such as ``Europe/Berlin``; default: the server's.
        name, json_args, timeout, debug
            As for `run_once`; the timeout is of each run.

        Raises
        ------
        InvalidRequest
            The schedule is none; the hint shows the right form.
        Conflict
            It is not ready, or there are as many schedules as there may be.
        """
        request = RunScheduled(
            name=name,
            schedule=schedule,
            time_zone=time_zone,
            timeout=timeout,
            **self._run(json_args, debug=debug),
        )
        return task.make(self._orchestration._client, "task/run_scheduled", request)

    def run_continuously(
        self,
        name: str,
        json_args: dict[str, Any] | None = None,
        debug: bool = False,  # noqa: FBT001, FBT002
    ) -> Task:
        """Have it run all the time, started again when it ends, and return the task; as for `run_once`."""
        request = RunContinuously(name=name, **self._run(json_args, debug=debug))
        return task.make(self._orchestration._client, "task/run_continuously", request)

    def list_tasks(self) -> Tasks:
        """Return its tasks, newest first."""
        return task.fetch_all(
            self._orchestration._client, workspace_id=None, orch_id=self._orchestration.id(), killed=False
        )

    def _run(self, json_args: dict[str, Any] | None, *, debug: bool) -> dict[str, Any]:
        return {
            "orch_id": self._orchestration.id(),
            "workspace_id": self._orchestration.workspace_id(),
            "json": json_args or {},
            "debug": debug,
        }
