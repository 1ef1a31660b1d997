"""Runs of step graphs, as notebooks see them."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jupyter_wallaroo import errors
from jupyter_wallaroo.sdk import display, graph_picture, step_values
from jupyter_wallaroo.sdk.display import moment
from jupyter_wallaroo.sdk.graph_picture import Node
from jupyter_wallaroo.sdk.object import RunError
from jupyter_wallaroo.sdk.step import step_path
from jupyter_wallaroo.types.run import (
    Definition,
    ListedRun,
    RunPage,
    RunState,
    RunType,
    Status,
    StepState,
    SubmitRun,
)

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client

FIRST_LOOK_S = 0.1
LONGEST_LOOK_S = 1.0


class Run:
    """A run of a step graph.

    Parameters
    ----------
    client
        Through whom the server is asked.
    facts
        What the server said last; every method asks anew, unless it has ended.
    """

    def __init__(self, client: Client, facts: RunState) -> None:
        self._client = client
        self._facts = facts

    def id(self) -> str:
        """Return the run's UUID."""
        return self._facts.id

    def name(self) -> str | None:
        """Return the name that it was given."""
        return self._facts.name

    def facts(self) -> RunState:
        """Return everything that the server says of it."""
        if not self._facts.status.is_final:
            self._facts = self._client.api.get(f"runs/{self.id()}", RunState)
        return self._facts

    def status(self) -> str:
        """Return how far it has come; ``SUCCESS`` means that it has finished executing, see `outcome` (A20)."""
        return self.facts().status.value

    def outcome(self) -> str | None:
        """Return how it went, ``ok``, ``failed`` or ``aborted``; None while it has not ended."""
        outcome = self.facts().outcome
        return None if outcome is None else outcome.value

    def steps(self) -> Steps:
        """Return the steps that it executes, in their order."""
        return Steps(self.facts().steps)

    def step(self, name: str) -> StepState:
        """Return how one step is; one that failed has a ``reason`` and a ``traceback``."""
        found = {step.key: step for step in self.facts().steps}
        if name not in found:
            raise errors.not_found("Step", name, found)
        return found[name]

    def outputs(self, step: str) -> dict[str, Any]:
        """Return what a step left, by name: DataFrames, bytes, or plain values."""
        found = {}
        for output in self.step(step).outputs:
            path = f"{step_path(self.id(), step)}/outputs/{quote(output.name, safe='')}"
            found[output.name] = step_values.read(output.kind, self._client.api.get_bytes(path))
        return found

    def notebook(self, step: str) -> dict[str, Any]:
        """Return the executed notebook of a step that ran on a kernel, as its JSON."""
        found: dict[str, Any] = self._client.api.get(f"{step_path(self.id(), step)}/notebook", dict[str, Any])
        return found

    def wait(self, timeout: float | None = None, *, quiet: bool = False) -> Run:
        """Wait until it has ended, and return it.

        Parameters
        ----------
        timeout
            Seconds; None: as long as it takes.
        quiet
            Whether not to print a line for each step that ends.

        Raises
        ------
        RunError
            It has not ended in time; it goes on.
        """
        until = None if timeout is None else time.monotonic() + timeout
        pause_s = FIRST_LOOK_S
        told: set[str] = set()
        while True:
            facts = self.facts()
            for step in facts.steps:
                if step.status.is_final and step.key not in told and not quiet:
                    told.add(step.key)
                    print(_line(step))  # noqa: T201  what a notebook shows while it waits
            if facts.status.is_final:
                return self
            if until is not None and time.monotonic() > until:
                raise RunError(f"Run {self.id()} has not ended after {timeout:g} s.", hint="run.wait() waits on.")
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.3, LONGEST_LOOK_S)

    def raise_if_failed(self) -> Run:
        """Return the run, which must have ended well.

        Raises
        ------
        RunError
            A step failed or was aborted; says the first one's reason.
        """
        facts = self.wait(quiet=True).facts()
        if facts.outcome == "ok":
            return self
        bad = [step for step in facts.steps if step.status is not Status.SUCCESS]
        first = next((step for step in bad if step.status is Status.FAILURE), bad[0] if bad else None)
        said = f"{first.key!r}: {first.reason}" if first else str(facts.reason)
        raise RunError(f"Run {self.id()} {facts.outcome}: step {said}", hint="run.step(name).traceback says where.")

    def abort(self, step: str | None = None) -> Run:
        """Abort the run, or one of its steps and what would follow that.

        Raises
        ------
        Conflict
            It has ended.
        """
        path = f"runs/{self.id()}" if step is None else step_path(self.id(), step)
        self._client.api.send_json("DELETE", path)
        return self

    def rerun(
        self,
        run_type: str | None = None,
        selection: Sequence[str] = (),
        *,
        wait: bool = False,
        background: bool | None = None,
    ) -> Run:
        """Run the same graph again with its files as they are now, and return the new run.

        Parameters
        ----------
        run_type
            ``full``, ``selection`` or ``incoming``; default: ``selection`` when steps are selected, else what it was.
        selection
            The steps; what others left is read as it is stored.
        wait
            Whether to wait until it has ended.
        background
            Whether it may wait behind others of its kind; default: as this one.
        """
        facts = self._facts
        asked = [selection] if isinstance(selection, str) else list(selection)
        kind = run_type or (RunType.SELECTION.value if asked else facts.run_type.value)
        return submit(
            self._client,
            facts.definition,
            run_type=kind,
            selection=asked or (facts.selection if run_type is None else []),
            workspace_id=facts.workspace_id,
            name=facts.name,
            background=facts.background if background is None else background,
            folder=facts.folder,
            wait=wait,
        )

    def mermaid(self) -> str:
        """Return the graph as a Mermaid flowchart, with the status of each step."""
        return graph_picture.mermaid(self._nodes())

    def svg(self) -> str:
        """Return the graph drawn, with the status of each step."""
        return graph_picture.svg(self._nodes())

    def _nodes(self) -> list[Node]:
        facts = self.facts()
        states = {step.key: step for step in facts.steps}
        nodes = []
        for key, step in facts.definition.steps.items():
            state = states.get(key)
            note = (state.reason or state.message or "") if state else ""
            kind = str(type(step).__struct_config__.tag)
            nodes.append(Node(key, kind, step.parents, state.status.value if state else None, note))
        return nodes

    def __repr__(self) -> str:
        facts = self._facts
        return f"Run(id={facts.id!r}, name={facts.name!r}, status={facts.status.value!r}, outcome={self._outcome()!r})"

    def _outcome(self) -> str | None:
        return None if self._facts.outcome is None else self._facts.outcome.value

    def _repr_html_(self) -> str:
        facts = self.facts()
        told: list[tuple[str, object]] = [("Run", facts.name or facts.id), ("Status", facts.status.value)]
        told.append(("Outcome", self._outcome() or "(not yet)"))
        if facts.reason:
            told.append(("Reason", facts.reason))
        if facts.stale:
            told.append(("Definition changed since", ", ".join(facts.changed_steps)))
        return display.facts(told) + self.svg() + self.steps()._repr_html_()


class Steps(display.Listing[StepState]):
    """The steps of a run, in their order."""

    headings = ("step", "status", "seconds", "outputs", "says")
    nothing = "(no steps)"

    def line(self, item: StepState) -> tuple[object, ...]:
        """Return the cells of one step."""
        outputs = ", ".join(output.name for output in item.outputs)
        return item.key, item.status.value, _seconds(item), outputs, item.reason or item.message or ""


class Runs(display.Listing[ListedRun]):
    """Runs, the newest first."""

    headings = ("id", "name", "type", "status", "outcome", "failed steps", "created at")
    nothing = "(no runs)"

    def line(self, item: ListedRun) -> tuple[object, ...]:
        """Return the cells of one run."""
        outcome = item.outcome.value if item.outcome else ""
        failed = ", ".join(item.failed_steps)
        return item.id, item.name or "", item.run_type.value, item.status.value, outcome, failed, item.created_at


def _seconds(step: StepState) -> str:
    if step.started_at is None or step.ended_at is None:
        return ""
    return f"{(moment(step.ended_at) - moment(step.started_at)).total_seconds():.1f}"


def _line(step: StepState) -> str:
    taken = _seconds(step)
    return (
        f"{step.key}: {step.status.value}{f' ({taken} s)' if taken else ''}{f'  {step.reason}' if step.reason else ''}"
    )


def submit(
    client: Client,
    definition: Definition,
    *,
    run_type: str,
    selection: Sequence[str],
    workspace_id: int,
    name: str | None,
    background: bool,
    folder: str | None,
    wait: bool,
) -> Run:
    """Submit a graph and return its run, ended when that was asked for."""
    kinds = [kind.value for kind in RunType]
    if run_type not in kinds:
        raise errors.InvalidRequest(f"run_type: expected one of {kinds}; got {run_type!r:.40}.")
    request = SubmitRun(
        definition=definition,
        run_type=RunType(run_type),
        selection=list(selection),
        workspace_id=workspace_id,
        name=name,
        background=background,
        folder=folder,
    )
    run = Run(client, client.api.call("runs", request, RunState))
    return run.wait() if wait else run


def fetch(client: Client, run_id: str) -> Run:
    """Return a run by its UUID."""
    return Run(client, client.api.get(f"runs/{quote(run_id, safe='')}", RunState))


def fetch_all(client: Client, workspace_id: int, limit: int) -> Runs:
    """Return the newest runs of a workspace."""
    return Runs(client.api.get(f"runs?workspace_id={workspace_id}&limit={limit}", RunPage).runs)


def here() -> str | None:
    """Return the folder that this code works in, where the server may know it."""
    try:
        return os.getcwd()
    except OSError:
        return None
