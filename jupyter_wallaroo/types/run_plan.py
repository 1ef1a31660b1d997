"""What a run does, as it is kept: every file that a definition names, by the SHA-256 it had when it was submitted."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from jupyter_wallaroo.types.run import OutputKind, RunType, Status, StepOutput


class CodeWork(Struct, frozen=True, kw_only=True, tag="code"):
    """A notebook or script on a kernel.

    ``place`` is where the source lies below the root folder, and so where it lies in its working copy; ``files`` are
    copied there by their own places. ``path`` is None for a source that came with the request, which cannot change.
    """

    is_notebook: bool
    place: str
    path: str | None
    source_sha: str
    files: dict[str, str]
    parameters: dict[str, Any]
    kernel: str
    timeout_s: float | None


class InferenceWork(Struct, frozen=True, kw_only=True, tag="inference"):
    """An inference on what a parent left; ``output`` is None for its only table."""

    pipeline: str
    pipeline_id: int
    parent: str
    output: str | None
    dataset: list[str]
    dataset_exclude: list[str]
    timeout_s: float | None


Work = CodeWork | InferenceWork


class PlannedStep(Struct, frozen=True, kw_only=True):
    """A step of the graph."""

    parents: list[str]
    work: Work


Plan = dict[str, PlannedStep]
"""All steps of a graph, those that the run does not execute too: they say which stored outputs are meant."""


class StoredRun(Struct, frozen=True, kw_only=True):
    """A run as the store has it; ``given`` is what the parents left that it does not execute."""

    number: int
    id: str
    name: str | None
    workspace_id: int
    owner_id: str
    owner: str
    run_type: RunType
    selection: list[str]
    background: bool
    folder: str | None
    definition: str
    definition_hash: str
    plan: str
    given: str
    status: Status
    outcome: str | None
    reason: str | None
    failed_steps: list[str]
    created_at: str
    started_at: str | None
    ended_at: str | None


class StoredStep(Struct, frozen=True, kw_only=True):
    """A step that a run executes, as the store has it."""

    key: str
    status: Status
    reason: str | None
    traceback: str | None
    message: str | None
    outputs: list[StepOutput]
    notebook_sha: str | None
    started_at: str | None
    ended_at: str | None


class Ended(Struct, frozen=True, kw_only=True):
    """How a step came to its end."""

    status: Status
    reason: str | None = None
    traceback: str | None = None
    outputs: list[StepOutput] = field(default_factory=list)
    notebook_sha: str | None = None


class InputFile(Struct, frozen=True, kw_only=True):
    """An output of a parent, where a step finds it."""

    name: str
    kind: OutputKind
    path: str
    file_name: str | None = None


class StepInputs(Struct, frozen=True, kw_only=True):
    """What a step is given, as ``inputs.json`` in its folder."""

    parents: dict[str, list[InputFile]]
    parameters: dict[str, Any]


class WrittenOutput(Struct, frozen=True, kw_only=True):
    """A line of ``outputs/index.jsonl``: something a step has left, in the file ``stored`` beside it."""

    name: str
    kind: OutputKind
    stored: str
    file_name: str | None = None
