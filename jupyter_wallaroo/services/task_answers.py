"""Tasks and runs as the wire shows them. Pure functions of what the store has."""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_wallaroo.services import schedules
from jupyter_wallaroo.services.continuous import CRASH_LOOP
from jupyter_wallaroo.types.names import instant_of
from jupyter_wallaroo.types.task import RunState, RunType, StoredRun, StoredTask, Task, TaskRun, TaskStatus

_OF_THE_RUN = {
    RunState.QUEUED: TaskStatus.PENDING,
    RunState.RUNNING: TaskStatus.STARTED,
    RunState.SUCCESS: TaskStatus.SUCCESS,
    RunState.FAILURE: TaskStatus.FAILED,
    RunState.TIMED_OUT: TaskStatus.TIMED_OUT,
    RunState.KILLED: TaskStatus.KILLED,
    RunState.INTERRUPTED: TaskStatus.FAILED,
}


def status(task: StoredTask, runs: Sequence[StoredRun]) -> TaskStatus:
    """Return how a task is.

    Parameters
    ----------
    task
        The task.
    runs
        Its last runs, newest first; at least the last one, where it has any.
    """
    is_running = any(run.state is RunState.RUNNING for run in runs)
    is_continuous = task.run_type is RunType.CONTINUOUS
    if task.is_killed:
        return TaskStatus.PENDING_KILL if is_running else TaskStatus.KILLED
    if task.is_paused:
        return TaskStatus.PENDING_PAUSE if is_running and is_continuous else TaskStatus.PAUSED
    if task.run_type is RunType.ONCE:
        return _OF_THE_RUN[runs[0].state] if runs else TaskStatus.PENDING
    if task.run_type is RunType.SCHEDULED:
        return TaskStatus.SCHEDULE_ERROR if task.next_fire_ms is None else TaskStatus.STARTED
    if is_running:
        return TaskStatus.STARTED
    return TaskStatus.CRASH_LOOP if task.failures >= CRASH_LOOP else TaskStatus.PENDING


def next_firings(task: StoredTask) -> list[str]:
    """Return when a task fires next (ISO 8601), nothing where it does not."""
    if task.next_fire_ms is None or task.schedule is None or task.time_zone is None:
        return []
    found = schedules.next_firings(task.schedule, task.time_zone, task.next_fire_ms - 1)
    return [instant_of(moment_ms) for moment_ms in found]


def run(stored: StoredRun) -> TaskRun:
    """Return a run as the wire shows it."""
    return TaskRun(
        task=stored.task_id,
        run_id=stored.id,
        status=stored.state.status,
        state=stored.state,
        reason=stored.reason,
        exit_code=stored.exit_code,
        fire_time=instant_of(stored.fire_ms),
        late=stored.missed > 0,
        missed=stored.missed,
        orch_sha=stored.orch_sha,
        started_at=stored.started_at,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
    )


def task(stored: StoredTask, runs: Sequence[StoredRun], limit: int) -> Task:
    """Return a task as the wire shows it, with ``limit`` of its last runs."""
    return Task(
        id=stored.id,
        number=stored.number,
        name=stored.name,
        workspace_id=stored.workspace_id,
        workspace_name=stored.workspace_name,
        orch_id=stored.orchestration_id,
        orch_sha=stored.orch_sha,
        input_data=stored.arguments,
        status=status(stored, runs),
        killed=stored.is_killed,
        run_type=stored.run_type,
        schedule=stored.schedule,
        time_zone=stored.time_zone,
        next_firings=next_firings(stored),
        timeout=stored.timeout_s,
        debug=stored.debug,
        last_runs=[run(item) for item in runs[:limit]],
        created_at=stored.created_at,
        updated_at=stored.updated_at,
    )
