"""What the server and a Ray cluster tell each other: words between our own processes, which clients never see."""

from __future__ import annotations

from enum import IntEnum, unique

from msgspec import Struct

from jupyter_wallaroo.types.plan import Durability, PlannedModel
from jupyter_wallaroo.types.task_process import TaskOrder


@unique
class ClusterKind(IntEnum):
    """What a frame is, beside those of `engine.frames.Kind`."""

    JOIN = 32
    SEAT = 33
    ROOM = 34
    LEAVE = 35
    CONNECT = 36
    FILES = 37
    CHUNK = 38
    BEGIN = 39
    TASK = 40
    RUN_TASK = 41
    END_TASK = 42
    TASK_LOG = 43


class Join(Struct, frozen=True, kw_only=True):
    """The cluster that the agent is to join, ``address`` as ``ray.init`` takes it."""

    address: str
    namespace: str


class Joined(Struct, frozen=True, kw_only=True):
    """How large the cluster is that the agent has joined."""

    nodes: int
    cpus: float


class Demand(Struct, frozen=True, kw_only=True):
    """What one replica needs of a node, its sidekicks included; ``labels`` are those that the node must have."""

    cpus: float
    memory_bytes: int
    gpus: float = 0
    labels: dict[str, str] = {}


class SeatRequest(Struct, frozen=True, kw_only=True):
    """A seat for the replica ``name``; whoever connects to it must know ``secret``."""

    name: str
    secret: bytes
    demand: Demand


class SeatAddress(Struct, frozen=True, kw_only=True):
    """Where a seat listens, and on which node it is."""

    host: str
    port: int
    node: str


class Room(Struct, frozen=True, kw_only=True):
    """Whether some node has what is demanded free, or could ever have, and in words why not."""

    is_there: bool
    is_possible: bool
    said: str


class BesideSpec(Struct, frozen=True, kw_only=True):
    """A sidekick that runs beside the replica on its node (see `supervisor.spec.SidekickSpec`)."""

    uid: str
    model: PlannedModel
    interpreter: str
    cpus: float
    memory_bytes: int
    variables: dict[str, str]


class Connect(Struct, frozen=True, kw_only=True):
    """What a relay is told first: its seat, what is to run there, where what it logs is kept.

    ``models`` are all files that the node needs, those of the sidekicks too; of models it may keep ``cache_bytes``.
    """

    seat: SeatAddress
    secret: bytes
    models: list[PlannedModel]
    cache_bytes: int
    sidekicks: list[BesideSpec]
    cpus: float
    memory_bytes: int
    load_s: float
    journal_directory: str
    durability: Durability


class Connected(Struct, frozen=True, kw_only=True):
    """The engine's process id on its node and its sidekicks', in their order, and how many threads it may use there."""

    pid: int
    sidekicks: list[int]
    threads: int


class Files(Struct, frozen=True, kw_only=True):
    """Files that the node needs, as the SHA-256 and size of each; with others it may keep ``limit_bytes``, 0: all."""

    sizes: dict[str, int]
    limit_bytes: int


class Missing(Struct, frozen=True, kw_only=True):
    """Where files lie on the node, by their SHA-256, and which are not there yet."""

    directory: str
    shas: list[str]


class Chunk(Struct, frozen=True, kw_only=True):
    """A part of a file comes with this; with the last one it is whole, and its SHA-256 is looked at."""

    sha: str
    is_last: bool


class Begin(Struct, frozen=True, kw_only=True):
    """The engine is to be started, its sidekicks first; ``interpreter`` is the server's own Python."""

    sidekicks: list[BesideSpec]
    cpus: float
    memory_bytes: int
    load_s: float
    interpreter: str


class Begun(Struct, frozen=True, kw_only=True):
    """The engine runs, on so many threads; ``monotonic`` is the node's clock, in seconds."""

    pid: int
    sidekicks: list[int]
    threads: int
    monotonic: float


class Ended(Struct, frozen=True, kw_only=True):
    """How processes came to their end elsewhere."""

    reason: str
    is_memory: bool = False


class RunTask(Struct, frozen=True, kw_only=True):
    """A run of a task is to be run on a node; ``server_interpreter`` is the server's own Python."""

    order: TaskOrder
    server_interpreter: str


class TaskRequest(Struct, frozen=True, kw_only=True):
    """A run of a task is to be run on some node, and what it prints added to ``log``; see `SeatRequest`, `Files`."""

    seat: SeatRequest
    order: TaskOrder
    log: str
    cache_bytes: int
