"""The tasks panel: a workspace's tasks and when they fire next, the runs of one, what a run prints; kill, pause."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct

from jupyter_wallaroo.sdk import task
from jupyter_wallaroo.types import task as wire
from jupyter_wallaroo.widgets import assets, plain, task_lines
from jupyter_wallaroo.widgets.panel import Answer, Panel
from jupyter_wallaroo.widgets.task_lines import LogLine, RunLine, TaskLine

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.widgets.work import Work

SHOWN_TASKS = 100
SHOWN_RUNS = 50
SHOWN_LINES = 500


class Which(StrEnum):
    """Which tasks."""

    ALL = "all"
    OPEN = "open"
    """Those that run, will run, or rest."""
    WRONG = "wrong"
    """Those whose last run failed, or that cannot go on."""


class _Ask(Struct, frozen=True, kw_only=True, tag_field="verb"):
    """What the browser may ask."""


class Look(_Ask, frozen=True, kw_only=True, tag="look"):
    """The tasks as they are, newest first, and the runs of the one that is chosen by its UUID."""

    which: Which = Which.ALL
    chosen: str = ""


class Log(_Ask, frozen=True, kw_only=True, tag="log"):
    """The end of what a run printed; both by UUID."""

    task: str
    run: str


class Kill(_Ask, frozen=True, kw_only=True, tag="kill"):
    """A task that is to run no more."""

    id: str


class Pause(_Ask, frozen=True, kw_only=True, tag="pause"):
    """A task that is to rest."""

    id: str


class Resume(_Ask, frozen=True, kw_only=True, tag="resume"):
    """A task that is to go on."""

    id: str


class Chosen(Struct, frozen=True, kw_only=True):
    """The task that is looked into, and its last runs, newest first."""

    task: TaskLine
    runs: list[RunLine]


class Overview(Struct, frozen=True, kw_only=True):
    """What the panel shows; ``total`` is how many tasks there are of which ``tasks`` are the newest."""

    workspace: str
    tasks: list[TaskLine]
    total: int
    is_busy: bool
    chosen: Chosen | None


class Printed(Struct, frozen=True, kw_only=True):
    """What a run printed last; ``is_cut`` tells whether there is more before it."""

    run: RunLine
    lines: list[LogLine]
    is_cut: bool


class TasksPanel(Panel):
    """Shows the tasks of a workspace, and kills, pauses and resumes them.

    Parameters
    ----------
    client
        Whose current workspace; the panel stays with it.
    """

    _esm = assets.module("tasks")
    _css = assets.style()
    asks: ClassVar[Any] = Look | Log | Kill | Pause | Resume

    def __init__(self, client: Client) -> None:
        self._api = client.api
        self._workspace = client.get_current_workspace()
        super().__init__()

    def answer(self, ask: Any, work: Work) -> Answer:  # noqa: ARG002  nothing here lasts
        """Return the tasks, a log, or a task as it is once what was asked is accepted."""
        match ask:
            case Look(which=which, chosen=chosen):
                return Answer(value=self.overview(which, chosen))
            case Log():
                return Answer(value=self._printed(ask))
            case Kill(id=number):
                return self._changed("task/kill", wire.KillTask(id=number))
            case Pause(id=number):
                return self._changed("task/pause", wire.PauseTask(id=number, pause=True))
            case Resume(id=number):
                return self._changed("task/pause", wire.PauseTask(id=number, pause=False))
        raise AssertionError(f"{ask} is one of the above")

    def overview(self, which: Which = Which.ALL, chosen: str = "") -> Overview:
        """Return the tasks of the workspace, newest first, and the runs of one of them."""
        every = self._every()
        shown = [facts for facts in every if _is_wanted(facts, which)]
        one = next((facts for facts in every if facts.id == chosen), None)
        return Overview(
            workspace=self._workspace.name(),
            tasks=[task_lines.task_line(facts) for facts in shown[:SHOWN_TASKS]],
            total=len(shown),
            is_busy=any(task_lines.is_busy(facts) for facts in every),
            chosen=Chosen(task=task_lines.task_line(one), runs=self._runs(one.id)) if one else None,
        )

    def facts_text(self) -> str:
        """Return the tasks and their last runs as text."""
        every = self._every()
        head = plain.line(f"Tasks: workspace {self._workspace.name()}: {len(every):,}")
        if not every:
            return head
        tasks = [(facts, task_lines.task_line(facts)) for facts in every[:SHOWN_TASKS]]
        parts = [
            head,
            plain.table(
                ["name", "kind", "status", "schedule", "next firings", "last run"],
                [_task_cells(item) for _, item in tasks],
            ),
        ]
        runs = [[item.name, *_run_cells(task_lines.run_line(run))] for facts, item in tasks for run in facts.last_runs]
        if runs:
            headings = ["task", "due (UTC)", "state", "started (UTC)", "took", "reason"]
            parts += ["Last runs", plain.table(headings, runs)]
        return "\n\n".join(parts)

    def _every(self) -> list[wire.Task]:
        return list(task.every(self._api, wire.ListTasks(workspace_id=self._workspace.id())))

    def _runs(self, task_id: str) -> list[RunLine]:
        request = wire.ListTaskRuns(task_id=task_id, limit=SHOWN_RUNS)
        return [task_lines.run_line(run) for run in self._api.call("task/list_task_runs", request, list[wire.TaskRun])]

    def _printed(self, ask: Log) -> Printed:
        """Return the end of a log; its run is looked at first, so that the log of one that is over is whole."""
        run = self._api.call("task/get_run_details", wire.GetRunDetails(task=ask.task, pod_id=ask.run), wire.TaskRun)
        request = wire.GetRunLogs(id=ask.run, lines=SHOWN_LINES + 1)
        lines = self._api.call("task/get_logs_for_run", request, wire.RunLogs).logs
        return Printed(
            run=task_lines.run_line(run),
            lines=[task_lines.log_line(line) for line in lines[-SHOWN_LINES:]],
            is_cut=len(lines) > SHOWN_LINES,
        )

    def _changed(self, path: str, request: wire.KillTask | wire.PauseTask) -> Answer:
        return Answer(value=task_lines.task_line(self._api.call(path, request, wire.Task)))


def _is_wanted(facts: wire.Task, which: Which) -> bool:
    match which:
        case Which.OPEN:
            return task_lines.is_open(facts)
        case Which.WRONG:
            return task_lines.went_wrong(facts)
    return True


def _task_cells(item: TaskLine) -> list[str]:
    schedule = f"{item.schedule} ({item.time_zone})" if item.schedule else "-"
    last_run = item.last_run.state if item.last_run else "none yet"
    return [item.name, item.kind, item.status, schedule, ", ".join(item.firings) or "-", last_run]


def _run_cells(run: RunLine) -> list[str]:
    why = "; ".join(filter(None, [run.mark, run.reason]))
    return [run.due, run.state, run.started or "-", run.took or "-", why or "-"]
