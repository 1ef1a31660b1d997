"""What the server and the process that executes steps say to each other: one JSON object a line, each way."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class KernelAddress(Struct, frozen=True, kw_only=True):
    """Where a running kernel is reached: by its connection file, or through a gateway with these settings."""

    kernel_id: str
    connection_file: str | None
    gateway: dict[str, Any] | None


class StepOrder(Struct, frozen=True, kw_only=True):
    """Execute a notebook or script on a kernel.

    ``directory`` is the step's own; ``source`` lies there, and the executed notebook is written there. The kernel is
    given ``environment``, works in ``work_directory`` and steps back by ``nice``.
    """

    number: int
    directory: str
    source: str
    work_directory: str
    is_notebook: bool
    name: str
    parameters: dict[str, Any]
    kernel: KernelAddress
    environment: dict[str, str]
    nice: int


class CancelStep(Struct, frozen=True, kw_only=True):
    """Stop waiting for a step; its kernel is ended by whoever started it."""

    number: int


class StepVerdict(Struct, frozen=True, kw_only=True):
    """How the code of a step ended; ``reason`` is None when it went well.

    ``has_begun`` tells whether any of the step's own code may have run.
    """

    number: int
    reason: str | None = None
    traceback: str | None = None
    is_kernel_lost: bool = False
    has_begun: bool = True


class ToRunner(Struct, frozen=True, kw_only=True):
    """One line to the process."""

    execute: StepOrder | None = None
    cancel: CancelStep | None = None


SOURCE_NAME = "source"
EXECUTED_NAME = "executed.ipynb"
INPUTS_NAME = "inputs.json"
OUTPUTS_NAME = "outputs"
INDEX_NAME = "index.jsonl"
WORK_NAME = "work"
TEMPORARY_NAME = "tmp"
KERNEL_NAME = "kernel"
"""Names in a step's directory."""

DIRECTORY_VARIABLE = "WALLAROO_STEP_DIRECTORY"
RUN_VARIABLE = "WALLAROO_RUN_ID"
STEP_VARIABLE = "WALLAROO_STEP"
"""The environment of a step's kernel."""
