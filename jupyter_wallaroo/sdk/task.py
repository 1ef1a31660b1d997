"""Tasks: orchestrations that the server runs once, on a schedule, or all the time (S5-34 to S5-38)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from jupyter_wallaroo.errors import DeadlineExceeded
from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.sdk.instants import zone
from jupyter_wallaroo.sdk.noun import Kept
from jupyter_wallaroo.sdk.pages import key_behind, walk
from jupyter_wallaroo.sdk.task_run import TaskRun, TaskRuns
from jupyter_wallaroo.sdk.waiting import Outcome, wait_until
from jupyter_wallaroo.types import task as wire
from jupyter_wallaroo.types.task import RunType, TaskStatus

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.api import Api
    from jupyter_wallaroo.sdk.client import Client

WAIT_LIMIT_S = 600.0

_KINDS = {
    RunType.ONCE: "Temporary Run",
    RunType.SCHEDULED: "Scheduled Run",
    RunType.CONTINUOUS: "Continuous Run",
}
_RESTING = (TaskStatus.SUCCESS, TaskStatus.FAILED, TaskStatus.TIMED_OUT, TaskStatus.KILLED, TaskStatus.PAUSED)


class Task(Kept[wire.Task]):
    """A task of this server."""

    @classmethod
    def fetch(cls, client: Client, task_id: str) -> Task:
        """Return the task with a UUID, or raise `EntityNotFoundError`."""
        return cls(client, client.api.call("task/get_by_id", wire.GetTask(id=task_id), wire.Task))

    def refresh(self) -> Task:
        """Ask the server how it is by now, and return the task itself."""
        self._facts = Task.fetch(self._client, self.id())._facts
        return self

    def orchestration_id(self) -> str:
        """Return the UUID of the orchestration that it runs."""
        return self._facts.orch_id

    def input_data(self) -> dict[str, Any]:
        """Return its arguments, which ``task_args()`` gives in the task."""
        return self._facts.input_data

    def run_type(self) -> str:
        """Return when it runs: Temporary Run, Scheduled Run or Continuous Run."""
        return _KINDS[self._facts.run_type]

    def schedule(self) -> str | None:
        """Return the five fields of cron, None where it has no schedule."""
        return self._facts.schedule

    def time_zone(self) -> str | None:
        """Return the time zone that the schedule is meant in, None where it has none."""
        return self._facts.time_zone

    def next_firings(self) -> list[datetime]:
        """Return when it fires next, in the time zone of its schedule, from the server; empty where it does not."""
        self.refresh()
        return _firings(self._facts)

    def status(self) -> str:
        """Return how it is, from the server: pending, started, success, failed, killed and so on."""
        return self.refresh()._facts.status.value

    def is_active(self) -> bool:
        """Return whether it runs or will run, from the server."""
        return self.refresh().known_active()

    def known_status(self) -> str:
        """Return how it was when the server was asked last."""
        return self._facts.status.value

    def known_active(self) -> bool:
        """Return whether it ran or would run when the server was asked last."""
        return not self._facts.killed and self._facts.status not in _RESTING

    def known_firings(self) -> list[datetime]:
        """Return when it would fire when the server was asked last, as `next_firings`."""
        return _firings(self._facts)

    def known_last_run(self) -> TaskRun | None:
        """Return its newest run when the server was asked last, None where it had none."""
        runs = self._facts.last_runs
        return TaskRun(self._client, runs[0]) if runs else None

    def last_runs(self, limit: int | None = None, status: str | None = None) -> TaskRuns:
        """Return its runs, newest first, from the server.

        Parameters
        ----------
        limit
            How many, at most 1,000; default 100.
        status
            Only those: ``success``, ``failure``, ``running``, ``timed_out``, ``killed`` or, the default, ``all``.
        """
        request = wire.ListTaskRuns(task_id=self.id(), limit=limit, status=status)
        found = self._client.api.call("task/list_task_runs", request, list[wire.TaskRun])
        return TaskRuns(TaskRun(self._client, item) for item in found)

    def wait(self, timeout_s: float = WAIT_LIMIT_S) -> TaskRun:
        """Return a run of it that has ended: the one of a task that runs once, else the next one to end.

        Parameters
        ----------
        timeout_s
            Seconds.

        Raises
        ------
        DeadlineExceeded
            None has ended in time; the task goes on.
        """
        known = set() if self._facts.run_type is RunType.ONCE else {run.id() for run in self._ended()}
        found: list[TaskRun] = []

        def has_ended() -> bool:
            found.extend(run for run in self._ended() if run.id() not in known)
            return bool(found)

        label = f"task {self.name() or self.id()!r}"
        if not has_ended():
            message = f"Waiting for {label} - this will take up to {timeout_s:g}s."
            if wait_until(message, has_ended, timeout_s) is Outcome.TIMED_OUT:
                raise DeadlineExceeded(
                    f"No run of {label} ended within {timeout_s:g} s.", hint="It goes on: look at task.last_runs()."
                )
        return found[-1]

    def _ended(self) -> list[TaskRun]:
        """Return the last runs that have ended, newest first; a firing that was skipped is none."""
        return [run for run in self.last_runs(limit=10) if run.has_ended()]

    def kill(self) -> str:
        """Have it never run again and end its runs; return its status, ``pending_kill`` until they have ended."""
        return self._change("task/kill", wire.KillTask(id=self.id()))

    def pause(self) -> str:
        """Have it rest until `resume`, and return its status.

        Raises
        ------
        Conflict
            It runs only once, or is killed.
        """
        return self._change("task/pause", wire.PauseTask(id=self.id(), pause=True))

    def resume(self) -> str:
        """Have it go on after `pause`, and return its status; what it missed meanwhile is not made up for."""
        return self._change("task/pause", wire.PauseTask(id=self.id(), pause=False))

    def _change(self, path: str, request: wire.KillTask | wire.PauseTask) -> str:
        self._facts = self._client.api.call(path, request, wire.Task)
        return self._facts.status.value

    def _cells(self) -> tuple[object, ...]:
        facts = self._facts
        return (
            facts.id,
            facts.name,
            facts.last_runs[0].status.value if facts.last_runs else TaskRuns.nothing,
            self.run_type(),
            self.known_active(),
            f"{facts.schedule} ({facts.time_zone})" if facts.schedule else "-",
            display.short_moment(self.created_at()),
            display.short_moment(self.updated_at()),
            facts.workspace_id,
            facts.workspace_name,
        )

    def __repr__(self) -> str:
        return (
            f"Task(id={self.id()!r}, name={self.name()!r}, type={self.run_type()!r}, "
            f"status={self._facts.status.value!r})"
        )

    def _repr_html_(self) -> str:
        firings = [("Next Firings", ", ".join(moment.isoformat() for moment in _firings(self._facts)))]
        return display.fields([*zip(HEADINGS, self._cells(), strict=True), *(firings if self.schedule() else [])])


HEADINGS = (
    "ID",
    "Name",
    "Last Run Status",
    "Type",
    "Active",
    "Schedule",
    "Created At",
    "Updated At",
    "Workspace ID",
    "Workspace Name",
)


class Tasks(display.Listing[Task]):
    """Tasks, newest first (S5-38)."""

    headings = tuple(heading.lower() for heading in HEADINGS)
    nothing = "(no tasks)"

    def line(self, item: Task) -> Sequence[object]:
        """Return the cells of one task."""
        return item._cells()


def _firings(facts: wire.Task) -> list[datetime]:
    there = zone(facts.time_zone)
    return [display.moment(text).astimezone(there) for text in facts.next_firings]


def fetch_all(client: Client, *, workspace_id: int | None, orch_id: str | None, killed: bool) -> Tasks:
    """Return tasks, newest first: of a workspace, of an orchestration, or all; only the killed ones where asked."""
    request = wire.ListTasks(workspace_id=workspace_id, orch_id=orch_id, killed=killed)
    return Tasks(Task(client, item) for item in every(client.api, request))


def every(api: Api, request: wire.ListTasks) -> Iterator[wire.Task]:
    """Yield what the server says of tasks, newest first, page by page."""

    def page(size: int, before: int | None) -> tuple[list[wire.Task], int | None]:
        found = api.call("task/list", replace(request, limit=size, before=before), list[wire.Task])
        return found, key_behind(found, size, lambda facts: facts.number)

    return walk(page)


def make(client: Client, path: str, request: wire.RunOnce | wire.RunContinuously) -> Task:
    """Make a task and return it."""
    return Task.fetch(client, client.api.call(path, request, wire.TaskMade).id)
