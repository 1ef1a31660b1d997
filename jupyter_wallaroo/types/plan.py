"""What an engine replica is told: the plan it loads, and what comes with each frame of bytes.

These are words between our own processes; clients never see them.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from jupyter_wallaroo.types.model import Signature


class Durability(StrEnum):
    """When the inference journal reaches the disk; a killed process loses nothing in any of them."""

    NEVER = "never"
    SECOND = "second"
    ANSWER = "answer"


class PlannedModel(Struct, frozen=True, kw_only=True):
    """A model to load: its file by path and SHA-256, and how its inputs are called in requests."""

    name: str
    version: str
    sha: str
    path: str
    runtime: str
    signature: Signature
    tensor_fields: list[str] | None = None


class Plan(Struct, frozen=True, kw_only=True):
    """Everything one replica needs: models run one after the other, each on the columns of the one before."""

    pipeline_name: str
    pipeline_version: str
    models: list[PlannedModel]
    journal_directory: str
    replica: str
    threads: int
    durability: Durability


class MediaType(StrEnum):
    """Formats of request and answer bodies (contract/inference.md)."""

    RECORDS = "application/json; format=pandas-records"
    TENSORS = "application/json"
    ARROW = "application/vnd.apache.arrow.file"


class InferRequest(Struct, frozen=True, array_like=True):
    """What goes with a request body to a replica; ``deadline`` is in seconds of the machine's monotonic clock."""

    accepts: MediaType
    content: MediaType
    deadline: float
    dataset: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    separator: str | None = None
    place: tuple[int, int] | None = None
    """Where in the arena the body lies, as offset and size, when it does not come with the frame."""


class Inspect(Struct, frozen=True, kw_only=True):
    """An uploaded file to be looked into: ``label`` is how messages call it."""

    path: str
    label: str
    framework: str


class Loaded(Struct, frozen=True, kw_only=True):
    """A replica is ready."""

    load_s: float


class Archive(Struct, frozen=True, kw_only=True):
    """All logs below ``directory`` to be archived; per pipeline at most ``max_bytes`` and ``max_age_s`` (0: no end)."""

    directory: str
    max_bytes: int
    max_age_s: float
