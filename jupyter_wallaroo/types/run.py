"""Runs of step graphs: what is sent, how a run and its steps stand, what steps left (S4-08 to S4-21)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct, field


class RunType(StrEnum):
    """Which steps of a graph a run executes (S4-11).

    ``incoming`` is everything that the selection needs, without the selection itself (A30).
    """

    FULL = "full"
    SELECTION = "selection"
    INCOMING = "incoming"


class Status(StrEnum):
    """How far a run or a step has come (S4-19); a run that is ``SUCCESS`` has finished executing, see `Outcome`."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    ABORTED = "ABORTED"

    @property
    def is_final(self) -> bool:
        """Whether it never changes again."""
        return self not in (Status.PENDING, Status.STARTED)


class Outcome(StrEnum):
    """How a run went, once it has ended (A20)."""

    OK = "ok"
    FAILED = "failed"
    ABORTED = "aborted"


class OutputKind(StrEnum):
    """What an output is; its file is an Arrow IPC file, UTF-8 JSON, bytes, or a file as the step wrote it."""

    ARROW = "arrow"
    JSON = "json"
    BYTES = "bytes"
    FILE = "file"


class NotebookStep(Struct, frozen=True, kw_only=True, tag="notebook", tag_field="kind", forbid_unknown_fields=True):
    """A notebook, by ``path`` on the server or as its own JSON in ``source``.

    ``parameters`` go into a cell tagged ``injected-parameters``, after the one tagged ``parameters`` if there is one.
    ``files`` are copied beside it for the time it runs; ``kernel`` names a kernelspec, by default the notebook's own.
    """

    path: str | None = None
    source: dict[str, Any] | None = None
    parents: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    kernel: str | None = None
    timeout_s: float | None = None


class ScriptStep(Struct, frozen=True, kw_only=True, tag="script", tag_field="kind", forbid_unknown_fields=True):
    """A script, by ``path`` on the server or as text in ``source``; it reads its ``parameters`` with the SDK."""

    path: str | None = None
    source: str | None = None
    parents: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    kernel: str | None = None
    timeout_s: float | None = None


class InferenceStep(Struct, frozen=True, kw_only=True, tag="inference", tag_field="kind", forbid_unknown_fields=True):
    """An inference of a deployed pipeline of the run's workspace, on the table that a parent left.

    ``input`` is a parent or ``parent.output``; it may be left out where there is one parent. ``dataset`` and
    ``dataset_exclude`` choose columns of the answer, as for an inference.
    """

    pipeline: str
    parents: list[str]
    input: str | None = None
    dataset: list[str] = field(default_factory=list)
    dataset_exclude: list[str] = field(default_factory=list)
    timeout_s: float | None = None


Step = NotebookStep | ScriptStep | InferenceStep


class Definition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A graph. ``parameters`` are those of every notebook and script that does not say otherwise."""

    steps: dict[str, Step]
    parameters: dict[str, Any] = field(default_factory=dict)


class SubmitRun(Struct, frozen=True, kw_only=True):
    """Run a graph, or a part of it (S4-08).

    Paths are of files on the server, below the ``folder`` that the caller works in or else the root folder. Everything
    is read now: what is edited later does not change this run (A22). A ``background`` run waits behind nothing that a
    person started, and nothing that a person started waits behind it.
    """

    definition: Definition
    run_type: RunType = RunType.FULL
    selection: list[str] = field(default_factory=list)
    workspace_id: int | None = None
    name: str | None = None
    background: bool = False
    folder: str | None = None


class ListRuns(Struct, frozen=True, kw_only=True):
    """The newest runs of a workspace, or of all, without their steps; ``before`` is the number of the last one seen."""

    workspace_id: int | None = None
    status: Status | None = None
    limit: int = 100
    before: int | None = None


class NamedRun(Struct, frozen=True, kw_only=True):
    """One run, by its UUID."""

    run: str


class NamedStep(Struct, frozen=True, kw_only=True):
    """One step of a run."""

    run: str
    step: str


class AbortRun(Struct, frozen=True, kw_only=True):
    """Abort a run: what is under way is ended, what has not begun never begins."""

    run: str


class AbortStep(Struct, frozen=True, kw_only=True):
    """Abort one step of a run, and with it all that would follow it."""

    run: str
    step: str


class ReportStep(Struct, frozen=True, kw_only=True):
    """What a step that is under way says of itself (S4-15).

    ``STARTED`` with a ``message`` tells how far it is; ``FAILURE`` ends it, with the message for a reason. That it
    succeeded is not for a step to say: it did when its code has ended and its outputs are stored.
    """

    run: str
    step: str
    status: Literal["STARTED", "FAILURE"]
    message: str = ""


class StepOutput(Struct, frozen=True, kw_only=True):
    """Something a step left for its children; ``file_name`` is how it called a file."""

    name: str
    kind: OutputKind
    sha: str
    size_bytes: int
    file_name: str | None = None


class StepState(Struct, frozen=True, kw_only=True):
    """How a step of a run stands.

    ``reason`` says in one sentence why it did not succeed, ``traceback`` where. ``message`` is what it last reported.
    """

    key: str
    status: Status
    reason: str | None = None
    traceback: str | None = None
    message: str | None = None
    outputs: list[StepOutput] = field(default_factory=list)
    has_notebook: bool = False
    started_at: str | None = None
    ended_at: str | None = None


class ListedRun(Struct, frozen=True, kw_only=True):
    """A run, without its steps.

    ``outcome`` is None until it has ended. ``place`` is how many runs of its lane are before a waiting one, and
    ``changed_steps`` are those of a waiting run whose files are no longer what was submitted: submit it anew to have
    them as they are now.
    """

    number: int
    id: str
    name: str | None
    workspace_id: int
    run_type: RunType
    selection: list[str]
    background: bool
    owner: str
    definition_hash: str
    status: Status
    outcome: Outcome | None
    reason: str | None
    failed_steps: list[str]
    created_at: str
    started_at: str | None
    ended_at: str | None
    place: int | None = None
    changed_steps: list[str] = field(default_factory=list)
    stale: bool = False


class RunState(ListedRun, frozen=True, kw_only=True):
    """A run with the steps it executes, in their order, and the definition as it was submitted."""

    steps: list[StepState]
    definition: Definition
    folder: str | None


class RunPage(Struct, frozen=True, kw_only=True):
    """Runs, the newest first."""

    runs: list[ListedRun]
