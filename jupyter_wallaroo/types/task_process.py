"""What a server tells the warden of a task's run, and what it hears when nothing of the run is left."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from jupyter_wallaroo.types.task import Arguments

FOLDER = "WALLAROO_TASK_FOLDER"
"""The variable by which every process of a run is known to be one: the path of its folder."""
ARGUMENTS = "WALLAROO_TASK_ARGUMENTS"
"""The variable that names the file with the task's arguments."""
TASK_ID = "WALLAROO_TASK_ID"
"""The variable by which a program knows that it runs in a task (S5-36)."""

START_FILE = "start.json"
REASON_FILE = "reason"
FILES = "files"
"""What is in a run's folder: what to run, its last words, and what the archive holds."""
MAX_REASON = 500


class TaskLimits(Struct, frozen=True, kw_only=True):
    """What a run may use; 0 is no limit. ``memory_bytes`` and ``processes`` are of all its processes together."""

    memory_bytes: int = 0
    cpu_s: int = 0
    file_bytes: int = 0
    processes: int = 0
    log_bytes: int = 10 * 2**20


class TaskOrder(Struct, frozen=True, kw_only=True):
    """A run as whoever starts it is told: ``archive`` is the file of SHA-256 ``archive_sha``, ``entry`` a path in it.

    ``credentials`` is what the run's client reads; ``time_limit_s`` 0: it may go on for ever.
    """

    run_id: str
    arguments: Arguments
    credentials: bytes
    archive: str
    archive_sha: str
    entry: str
    interpreter: str
    time_limit_s: int
    limits: TaskLimits
    variables: dict[str, str]


class TaskStart(Struct, frozen=True, kw_only=True):
    """A run to be started; ``entry`` is the path of ``main.py`` in the archive."""

    parent: int
    folder: str
    log: str
    archive: str
    entry: str
    interpreter: str
    time_limit_s: int
    limits: TaskLimits
    variables: dict[str, str]


class Ending(StrEnum):
    """How a run came to its end."""

    EXITED = "exited"
    TIMED_OUT = "timed_out"
    KILLED = "killed"
    LIMIT = "limit"
    LOST = "lost"


class TaskEnd(Struct, frozen=True, kw_only=True):
    """How a run ended; ``exit_code`` is negative for a signal, None where its process was never seen to end."""

    ending: Ending
    exit_code: int | None = None
    reason: str | None = None
