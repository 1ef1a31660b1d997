"""Runs of tasks, and what they print."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape

from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.sdk.noun import Noun
from jupyter_wallaroo.types import task as wire

DEFAULT_LINES = 10_000


class LogLines(list[str]):
    """The lines of a log, each with its time (S5-37); shown without control characters, which are in the items."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        super().__init__(lines)

    def __str__(self) -> str:
        return display.visible_lines("\n".join(self).expandtabs()) or "(no logs yet)"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>" if self else "(no logs yet)"


class TaskRun(Noun[wire.TaskRun]):
    """One run of a task."""

    def id(self) -> str:
        """Return the run's UUID."""
        return self._facts.run_id

    def task(self) -> str:
        """Return the UUID of its task."""
        return self._facts.task

    def refresh(self) -> TaskRun:
        """Ask the server how it is by now, and return the run itself."""
        request = wire.GetRunDetails(task=self.task(), pod_id=self.id())
        self._facts = self._client.api.call("task/get_run_details", request, wire.TaskRun)
        return self

    def status(self) -> str:
        """Return how it is, from the server: running, success, failure, timed_out, killed; unknown before it began."""
        return self._current().status.value

    def state(self) -> str:
        """Return more than `status`, from the server: also queued, skipped and interrupted."""
        return self._current().state.value

    def known_state(self) -> str:
        """Return how it was when the server was asked last, in the words of `state`."""
        return self._facts.state.value

    def has_begun(self) -> bool:
        """Return whether it ran or runs, as far as it is known here: it was neither skipped nor waits."""
        return self._facts.state not in (wire.RunState.QUEUED, wire.RunState.SKIPPED)

    def has_ended(self) -> bool:
        """Return whether it ran and is over, as far as it is known here."""
        return self._facts.state.is_over and self._facts.state is not wire.RunState.SKIPPED

    def reason(self) -> str | None:
        """Return why it failed, was ended or did not run, from the server; None where nothing is wrong."""
        return self._current().reason

    def exit_code(self) -> int | None:
        """Return what its script ended with, negative for a signal; None where it has not ended."""
        return self._current().exit_code

    def is_late(self) -> bool:
        """Return whether it makes up for firings that came while the server was away."""
        return self._facts.late

    def missed(self) -> int:
        """Return how many such firings it stands for."""
        return self._facts.missed

    def fire_time(self) -> datetime:
        """Return when it was due."""
        return display.moment(self._facts.fire_time)

    def created_at(self) -> datetime:
        """Return when it was written down."""
        return display.moment(self._facts.created_at)

    def updated_at(self) -> datetime:
        """Return when its status changed last."""
        return display.moment(self._current().updated_at)

    def logs(self, limit: int | None = None) -> LogLines:
        """Return the last lines that it printed, each ``<time> stdout F <text>``, also while it runs.

        Parameters
        ----------
        limit
            How many, at most 100,000; default 10,000.
        """
        request = wire.GetRunLogs(id=self.id(), lines=DEFAULT_LINES if limit is None else limit)
        return LogLines(self._client.api.call("task/get_logs_for_run", request, wire.RunLogs).logs)

    def _current(self) -> wire.TaskRun:
        if not self._facts.state.is_over:
            self.refresh()
        return self._facts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TaskRun) and other.id() == self.id()

    def __hash__(self) -> int:
        return hash(self.id())

    def __repr__(self) -> str:
        return f"TaskRun(id={self.id()!r}, task={self.task()!r}, status={self._facts.status.value!r})"

    def _repr_html_(self) -> str:
        facts = self._facts
        return display.fields(
            [
                ("Task", facts.task),
                ("Pod ID", facts.run_id),
                ("Status", facts.status.value),
                *([("Reason", facts.reason)] if facts.reason else []),
                *([("Late", f"stands for {facts.missed} missed")] if facts.late else []),
                ("Created At", display.short_moment(self.created_at())),
                ("Updated At", display.short_moment(display.moment(facts.updated_at))),
            ]
        )


class TaskRuns(display.Listing[TaskRun]):
    """Runs of a task, newest first."""

    headings = ("task id", "pod id", "status", "created at", "updated at")
    nothing = "(no task runs)"

    def line(self, item: TaskRun) -> tuple[object, ...]:
        """Return the cells of one run."""
        facts = item._facts
        return (
            facts.task,
            facts.run_id,
            facts.status.value,
            display.short_moment(item.created_at()),
            display.short_moment(display.moment(facts.updated_at)),
        )
