"""Tasks: orchestrations that are run once, on a schedule, or all the time; and their runs (S5-34 to S5-38)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct

Arguments = dict[str, Any]
"""What ``wl.task_args()`` gives in the task."""


class RunType(StrEnum):
    """When a task runs."""

    ONCE = "Oneshot"
    SCHEDULED = "CronJob"
    CONTINUOUS = "NetworkService"


class TaskStatus(StrEnum):
    """How a task is, as the vendor's clients know it."""

    PENDING = "pending"
    STARTED = "started"
    SUCCESS = "success"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CRASH_LOOP = "crash_loop"
    PENDING_KILL = "pending_kill"
    KILLED = "killed"
    PENDING_PAUSE = "pending_pause"
    PAUSED = "paused"
    SCHEDULE_ERROR = "schedule_error"


class RunStatus(StrEnum):
    """How a run is, as the vendor's clients know it."""

    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    TIMED_OUT = "timed_out"
    KILLED = "killed"
    UNKNOWN = "unknown"


class RunState(StrEnum):
    """How a run really is.

    It is written before anything starts (``queued``), again before its process does (``running``), and once more when
    nothing of it is left. ``interrupted`` is one whose server ended; ``skipped`` is a firing that came while the run
    before it was not over.
    """

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    TIMED_OUT = "timed_out"
    KILLED = "killed"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self not in (RunState.QUEUED, RunState.RUNNING)

    @property
    def status(self) -> RunStatus:
        """What the vendor's clients are told."""
        if self in (RunState.QUEUED, RunState.SKIPPED):
            return RunStatus.UNKNOWN
        return RunStatus.FAILURE if self is RunState.INTERRUPTED else RunStatus(self.value)


class StoredTask(Struct, frozen=True, kw_only=True):
    """A task as the store has it; times are ms since the epoch, ``timeout_s`` None is the server's own limit.

    ``number`` is its place in the order in which tasks were made.
    """

    number: int
    id: str
    name: str | None
    orchestration_id: str
    orch_sha: str
    workspace_id: int
    workspace_name: str
    owner_id: str
    run_type: RunType
    arguments: Arguments
    timeout_s: int | None
    debug: bool
    schedule: str | None
    time_zone: str | None
    next_fire_ms: int | None
    is_killed: bool
    is_paused: bool
    failures: int
    created_at: str
    updated_at: str


class StoredRun(Struct, frozen=True, kw_only=True):
    """A run as the store has it.

    ``missed`` is how many firings it stands for that came while the server was away, 0 for one that is on time.
    """

    id: str
    task_id: str
    fire_ms: int
    missed: int
    orch_sha: str
    state: RunState
    reason: str | None
    exit_code: int | None
    created_at: str
    started_at: str | None
    updated_at: str


class RunOnce(Struct, frozen=True, kw_only=True):
    """``task/run_once``; ``timeout`` in seconds."""

    orch_id: str
    workspace_id: int
    json: Arguments
    name: str | None = None
    timeout: int | None = None
    debug: bool | None = None


class RunScheduled(RunOnce, frozen=True, kw_only=True):
    """``task/run_scheduled``; ``schedule`` has the five fields of cron, in ``time_zone`` (an IANA name)."""

    schedule: str
    time_zone: str | None = None


class RunContinuously(Struct, frozen=True, kw_only=True):
    """``task/run_continuously``."""

    name: str
    orch_id: str
    workspace_id: int
    json: Arguments
    debug: bool | None = None


class TaskMade(Struct, frozen=True, kw_only=True):
    """The UUID of a new task; when it fires next (ISO 8601), where it has a schedule."""

    id: str
    next_firings: list[str] = []


class TaskRun(Struct, frozen=True, kw_only=True):
    """A run. ``state`` says more than ``status``, which has the words of the vendor's clients."""

    task: str
    run_id: str
    status: RunStatus
    state: RunState
    reason: str | None
    exit_code: int | None
    fire_time: str
    late: bool
    missed: int
    orch_sha: str
    started_at: str | None
    created_at: str
    updated_at: str


class Task(Struct, frozen=True, kw_only=True):
    """A task with its last runs, newest first; ``number`` is its place in the order in which tasks were made."""

    id: str
    number: int
    name: str | None
    workspace_id: int
    workspace_name: str
    orch_id: str
    orch_sha: str
    input_data: Arguments
    status: TaskStatus
    killed: bool
    run_type: RunType
    schedule: str | None
    time_zone: str | None
    next_firings: list[str]
    timeout: int | None
    debug: bool
    last_runs: list[TaskRun]
    created_at: str
    updated_at: str


class GetTask(Struct, frozen=True, kw_only=True):
    """``task/get_by_id``; ``run_limit`` is how many of its runs come with it."""

    id: str
    run_limit: int | None = None


class ListTasks(Struct, frozen=True, kw_only=True):
    """``task/list``: of a workspace, of an orchestration, or all; with ``killed`` true only those.

    Beyond the vendor's fields: ``limit``, and ``before``, the ``number`` of the last task of the page before. Without
    ``limit`` the answer has all.
    """

    workspace_id: int | None = None
    orch_id: str | None = None
    orch_sha: str | None = None
    killed: bool | None = None
    run_limit: int | None = None
    before: int | None = None
    limit: int | None = None


class GetTasksByOrchestration(Struct, frozen=True, kw_only=True):
    """``task/get_tasks_by_orch_sha``."""

    sha: str


class TaskIds(Struct, frozen=True, kw_only=True):
    """The UUIDs of tasks."""

    ids: list[str]


class KillTask(Struct, frozen=True, kw_only=True):
    """``task/kill``."""

    id: str


class PauseTask(Struct, frozen=True, kw_only=True):
    """``task/pause``; with ``pause`` false it goes on."""

    id: str
    pause: bool


class ListTaskRuns(Struct, frozen=True, kw_only=True):
    """``task/list_task_runs``; ``time_range`` is from (inclusive) and to (exclusive), each ISO 8601 or null."""

    task_id: str
    status: str | None = None
    limit: int | None = None
    time_range: list[str | None] | None = None


class GetRunLogs(Struct, frozen=True, kw_only=True):
    """``task/get_logs_for_run``; the last ``lines``."""

    id: str
    lines: int | None = None


class RunLogs(Struct, frozen=True, kw_only=True):
    """Lines of a log, each ``<RFC 3339 time> stdout F <text>`` (S5-37)."""

    logs: list[str]


class GetRunDetails(Struct, frozen=True, kw_only=True):
    """``task/get_run_details``; ``pod_id`` is the run's UUID."""

    task: str
    pod_id: str
