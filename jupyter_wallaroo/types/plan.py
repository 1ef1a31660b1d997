"""What an engine replica is told: the plan it loads, and what comes with each frame of bytes.

These are words between our own processes; clients never see them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct

from jupyter_wallaroo.types.framework import Framework, Runtime
from jupyter_wallaroo.types.model import DynamicBatching, Signature
from jupyter_wallaroo.types.rule import Rule


class Durability(StrEnum):
    """When the inference journal reaches the disk; a killed process loses nothing in any of them."""

    NEVER = "never"
    SECOND = "second"
    ANSWER = "answer"


Sample = list[dict[str, Any]]
"""Records of a request."""


class PlannedModel(Struct, frozen=True, kw_only=True):
    """A model to load: which it is, its file by path and SHA-256, and how its columns are called and typed.

    ``sha`` is the uploaded file's, ``file_sha`` that of the file at ``path``, which may have been converted from it.
    Schemas are base64 of an Arrow schema message.
    """

    name: str
    version: str
    sha: str
    path: str
    file_sha: str
    framework: Framework
    runtime: Runtime
    signature: Signature | None = None
    tensor_fields: list[str] | None = None
    input_schema: str | None = None
    output_schema: str | None = None
    settings: dict[str, Any] = {}
    """The ``config`` of the upload's ``framework_config``."""
    batching: DynamicBatching | None = None


class InferStep(Struct, frozen=True, tag=True):
    """Run models, by their numbers in the plan, all on the same columns; each gives a result."""

    models: list[int]


class RandomSplitStep(Struct, frozen=True, tag=True):
    """Run one model on each row: by chance, in these shares of one, or by the hash of a column's value."""

    models: list[int]
    shares: list[float]
    hash_key: str | None = None


class KeySplitStep(Struct, frozen=True, tag=True):
    """Run the model that a column's value names on each row, else the control."""

    control: int
    key: str
    routes: dict[str, int]


class AuditStep(Struct, frozen=True, tag=True):
    """Log the results from ``first`` to ``last`` (not included), whether they are answered or not."""

    first: int
    last: int | None = None


class SelectStep(Struct, frozen=True, tag=True):
    """Go on with one result."""

    index: int


class AverageStep(Struct, frozen=True, tag=True):
    """Go on with the mean of all results."""


class ColumnsStep(Struct, frozen=True, tag=True):
    """Go on with some columns of each output."""

    columns: list[int]


class CheckStep(Struct, frozen=True, tag=True):
    """Mark anomalies among the rows."""

    rules: list[Rule]


PlannedStep = (
    InferStep | RandomSplitStep | KeySplitStep | AuditStep | SelectStep | AverageStep | ColumnsStep | CheckStep
)


class Trial(Struct, frozen=True):
    """What came of trying whether requests can be run together: why they can not, None when they can."""

    why_not: str | None


class Plan(Struct, frozen=True, kw_only=True):
    """Everything one replica needs: steps, each on the columns that the one before gave, and the models they run.

    Each model whose runtime is not the engine's own is run by a sidekick, whose socket is inherited in this order.
    """

    pipeline_name: str
    pipeline_version: str
    models: list[PlannedModel]
    steps: list[PlannedStep]
    journal_directory: str
    replica: str
    threads: int
    durability: Durability
    is_logged: bool = True
    """False: no journal is written."""
    trial: Trial | None = None
    """What came of it in another replica of this plan; trying again would take up to a second."""


class SidekickPlan(Struct, frozen=True, kw_only=True):
    """Everything one sidekick needs."""

    model: PlannedModel
    threads: int


class Start(Struct, frozen=True, kw_only=True):
    """How an engine process begins; numbers of descriptors are of those it inherits.

    ``arena`` is a descriptor and its size in bytes, ``peers`` lead to a replica's sidekicks or a sidekick's replica;
    ``door`` are the socket that a replica's own door accepts on and the memory that it counts in.
    """

    role: str
    socket: int
    parent: int
    memory_bytes: int = 0
    cpu_s: int = 0
    arena: tuple[int, int] | None = None
    peers: list[int] = []
    door: tuple[int, int] | None = None
    sends_journal: bool = False
    """Whether the journal is kept at the other end of the socket."""


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

    def asks_as(self, other: InferRequest) -> bool:
        """Tell whether both ask for the same fields, of bodies of one format in answers of one format."""
        return (
            self.accepts is other.accepts
            and self.content is other.content
            and self.dataset == other.dataset
            and self.exclude == other.exclude
            and self.separator == other.separator
        )


class Inspect(Struct, frozen=True, kw_only=True):
    """An uploaded file to be looked into: ``label`` is how messages call it.

    A model that can be converted to ONNX is written to ``artifact``. Schemas are base64 of an Arrow schema message,
    ``sample`` holds records that both must answer alike.
    """

    path: str
    label: str
    framework: Framework
    artifact: str = ""
    input_schema: str | None = None
    output_schema: str | None = None
    settings: dict[str, Any] = {}
    sample: Sample | None = None
    allows_code: bool = True
    """Whether a format that may run code when it is loaded is read."""


class Inspected(Struct, frozen=True, kw_only=True):
    """What was found: what runs it, its signature if it has one, what it needs installed, and what was done to it."""

    runtime: Runtime
    signature: Signature | None = None
    requirements: list[str] = []
    is_converted: bool = False
    note: str | None = None


class Converted(Struct, frozen=True, kw_only=True):
    """What is kept of an upload that can be deployed; ``artifact_sha`` is of the ONNX file it was converted to."""

    found: Inspected
    artifact_sha: str | None
    requirements: list[str]


class InspectOrchestration(Struct, frozen=True, kw_only=True):
    """An uploaded archive to be looked into: ``label`` is how messages call it."""

    path: str
    label: str


class OrchestrationContents(Struct, frozen=True, kw_only=True):
    """What an archive holds: the path of ``main.py`` in it, and the text of its ``requirements.txt``."""

    entry: str
    requirements: str


class Loaded(Struct, frozen=True, kw_only=True):
    """A replica is ready."""

    load_s: float
    trial: Trial | None = None
    """None of a sidekick."""


class Answered(Struct, frozen=True, array_like=True):
    """What comes with an answer's body: its format, the rows it answers, and how many of them a validation marked."""

    media: MediaType
    rows: int
    anomalies: int


class Archive(Struct, frozen=True, kw_only=True):
    """Logs to be archived: the next finished journal of one of them, or, of all, a look at what there is to do.

    ``directory`` holds the logs of all pipelines; old segments of each go where there are more than ``max_bytes``, or
    older ones than ``max_age_s`` (0: no end). ``only`` is the name of the one.
    """

    directory: str
    max_bytes: int
    max_age_s: float
    only: str | None = None


class Archived(Struct, frozen=True, kw_only=True):
    """One round of archiving.

    ``unfinished`` names the pipelines' directories with finished journals: a round takes at most one of one pipeline,
    so that whoever reads a log need not wait for many. A look at all says how many old segments went, and what is left
    in ``log_bytes`` by directory.
    """

    unfinished: list[str]
    retired: int = 0
    log_bytes: dict[str, int] = {}
