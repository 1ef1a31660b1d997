"""Tasks. The only truth about what is due is ``next_fire_ms``, moved together with the row of the run that is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from jupyter_wallaroo.store import rows, task_runs
from jupyter_wallaroo.types.task import Arguments, RunState, RunType, StoredRun, StoredTask

if TYPE_CHECKING:
    from sqlite_utils import Database

_arguments = msgspec.json.Decoder(Arguments).decode

_SELECT = "SELECT t.*, w.name AS workspace_name FROM tasks t JOIN workspaces w ON w.id = t.workspace_id"


class NewTask(Struct, frozen=True, kw_only=True):
    """What a new task's row holds that is not made here."""

    id: str
    name: str | None
    orchestration_id: str
    orch_sha: str
    workspace_id: int
    owner_id: str
    run_type: RunType
    arguments: Arguments
    timeout_s: int | None
    debug: bool
    schedule: str | None = None
    time_zone: str | None = None
    next_fire_ms: int | None = None


class Firing(Struct, frozen=True, kw_only=True):
    """What is due of a task: its latest firing, how many were missed with it, and when it fires next."""

    run_id: str
    fire_ms: int
    missed: int
    next_fire_ms: int | None


def _task(row: rows.RowValues) -> StoredTask:
    return StoredTask(
        number=row["number"],
        id=row["id"],
        name=row["name"],
        orchestration_id=row["orchestration_id"],
        orch_sha=row["orch_sha"],
        workspace_id=row["workspace_id"],
        workspace_name=row["workspace_name"],
        owner_id=row["owner_id"],
        run_type=RunType(row["run_type"]),
        arguments=_arguments(row["arguments"]),
        timeout_s=row["timeout_s"],
        debug=bool(row["debug"]),
        schedule=row["schedule"],
        time_zone=row["time_zone"],
        next_fire_ms=row["next_fire_ms"],
        is_killed=bool(row["killed"]),
        is_paused=bool(row["paused"]),
        failures=row["failures"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def insert(db: Database, new: NewTask, *, of_its_kind: int, first: Firing | None = None) -> StoredTask | None:
    """Make a task and, where it is to run at once, its first run.

    Parameters
    ----------
    new
        The task.
    of_its_kind
        How many tasks of its run type may be alive at once, this one too; 0: no limit.
    first
        The run that is due as soon as it is made.

    Returns
    -------
    StoredTask or None
        None, and nothing is written, when there are as many as there may be.
    """
    if of_its_kind and len(living(db, new.run_type)) >= of_its_kind:
        return None
    present = rows.present()
    values = {
        **msgspec.structs.asdict(new),
        "run_type": new.run_type.value,
        "arguments": msgspec.json.encode(new.arguments).decode(),
        "debug": int(new.debug),
        "created_at": present,
        "updated_at": present,
    }
    rows.insert(db, "tasks", values)
    if first is not None:
        task_runs.insert(db, new.id, new.orch_sha, first.run_id, first.fire_ms)
    return get(db, new.id)


def get(db: Database, task_id: str) -> StoredTask | None:
    """Return a task by its UUID."""
    row = rows.first(db, f"{_SELECT} WHERE t.id = :id", {"id": task_id})
    return _task(row) if row else None


def every(
    db: Database,
    *,
    workspace_id: int | None = None,
    orchestration_id: str | None = None,
    orch_sha: str | None = None,
    killed: bool = False,
    before: int | None = None,
    limit: int = -1,
) -> list[StoredTask]:
    """Return tasks, newest first: of a workspace, of an orchestration, or all; with ``killed`` only those.

    ``limit`` is the most of them, -1 for no limit, and ``before`` the number that theirs are below.
    """
    conditions = {
        "t.workspace_id = :workspace": workspace_id,
        "t.orchestration_id = :orchestration": orchestration_id,
        "t.orch_sha = :sha": orch_sha,
        "t.killed": killed or None,
        "t.number < :before": before,
    }
    given = {
        "workspace": workspace_id,
        "orchestration": orchestration_id,
        "sha": orch_sha,
        "before": before,
        "limit": limit,
    }
    sql = f"{_SELECT}{rows.where(conditions)} ORDER BY t.number DESC LIMIT :limit"
    return [_task(row) for row in rows.query(db, sql, given)]


def ids_of(db: Database, orch_sha: str, workspace_id: int | None) -> list[str]:
    """Return the UUIDs of the tasks of an archive, newest first."""
    sql = """SELECT id FROM tasks WHERE orch_sha = :sha AND (:workspace IS NULL OR workspace_id = :workspace)
    ORDER BY number DESC"""
    return [row["id"] for row in rows.query(db, sql, {"sha": orch_sha, "workspace": workspace_id})]


def living(db: Database, run_type: RunType) -> list[StoredTask]:
    """Return the tasks of a run type that are not killed, oldest first."""
    sql = f"{_SELECT} WHERE t.run_type = :type AND t.killed = 0 ORDER BY t.number"
    return [_task(row) for row in rows.query(db, sql, {"type": run_type.value})]


def due(db: Database) -> list[StoredTask]:
    """Return the scheduled tasks that will fire, the earliest first."""
    sql = f"{_SELECT} WHERE t.next_fire_ms IS NOT NULL ORDER BY t.next_fire_ms, t.number"
    return [_task(row) for row in rows.query(db, sql)]


def has_active(db: Database, orchestration_id: str) -> bool:
    """Tell whether an orchestration has a task that will run, or runs."""
    sql = """SELECT 1 FROM tasks t WHERE orchestration_id = :id AND ((t.killed = 0 AND t.run_type != :once)
    OR EXISTS (SELECT 1 FROM task_runs r WHERE r.task_id = t.id AND r.state IN ('queued', 'running')))"""
    return rows.first(db, sql, {"id": orchestration_id, "once": RunType.ONCE.value}) is not None


def delete_of(db: Database, orchestration_id: str) -> list[str]:
    """Remove the tasks of an orchestration with their runs, and return the UUIDs of those."""
    given = {"id": orchestration_id}
    sql = "SELECT r.id FROM task_runs r JOIN tasks t ON t.id = r.task_id WHERE t.orchestration_id = :id"
    found = [row["id"] for row in rows.query(db, sql, given)]
    below = "task_id IN (SELECT id FROM tasks WHERE orchestration_id = :id)"
    db.table("task_runs").delete_where(below, given)
    db.table("tasks").delete_where("orchestration_id = :id", given)
    return found


def fire(db: Database, before: StoredTask, firing: Firing) -> StoredRun | None:
    """Write the run that is due and move the task on, both or neither; a run that is not over makes it a skipped one.

    Returns
    -------
    StoredRun or None
        None when the task is no longer as it was ``before``, or this firing was run already.
    """
    sql = "SELECT number FROM tasks WHERE id = :id AND killed = 0 AND paused = 0 AND next_fire_ms IS :next"
    row = rows.first(db, sql, {"id": before.id, "next": before.next_fire_ms})
    if row is None:
        return None
    in_the_way = task_runs.open_of(db, before.id)
    rows.update(db, "tasks", row["number"], {"next_fire_ms": firing.next_fire_ms})
    if task_runs.at(db, before.id, firing.fire_ms):  # the clock was set back
        return None
    return task_runs.insert(
        db,
        before.id,
        before.orch_sha,
        firing.run_id,
        firing.fire_ms,
        missed=firing.missed,
        state=RunState.SKIPPED if in_the_way else RunState.QUEUED,
        reason=f"run {in_the_way[0].id} was not over" if in_the_way else None,
    )


def begin_again(db: Database, task_id: str, run_id: str, fire_ms: int) -> StoredRun | None:
    """Write the next run of a continuous task; None when it is killed, paused, or has one that is not over."""
    task = get(db, task_id)
    if task is None or task.is_killed or task.is_paused or task_runs.open_of(db, task_id):
        return None
    while rows.first(
        db, "SELECT 1 FROM task_runs WHERE task_id = :id AND fire_ms = :at", {"id": task_id, "at": fire_ms}
    ):
        fire_ms += 1
    return task_runs.insert(db, task_id, task.orch_sha, run_id, fire_ms)


def kill(db: Database, task_id: str, reason: str) -> list[StoredRun]:
    """Have a task fire no more and end what waits; return the runs that are under way, to be ended."""
    _change(db, task_id, {"killed": 1, "next_fire_ms": None})
    running = []
    for run in task_runs.open_of(db, task_id):
        if run.state is RunState.RUNNING:
            running.append(run)
        else:
            task_runs.end(db, run.id, RunState.KILLED, reason)
    return running


def pause(db: Database, task_id: str) -> None:
    """Have a task fire no more for now."""
    _change(db, task_id, {"paused": 1, "next_fire_ms": None})


def resume(db: Database, task_id: str, next_fire_ms: int | None) -> None:
    """Have a paused task go on."""
    _change(db, task_id, {"paused": 0, "next_fire_ms": next_fire_ms, "failures": 0})


def set_failures(db: Database, task_id: str, failures: int) -> None:
    """Note how often a continuous task ended in a row without having lasted."""
    _change(db, task_id, {"failures": failures})


def _change(db: Database, task_id: str, values: rows.RowValues) -> None:
    row = rows.first(db, "SELECT number FROM tasks WHERE id = :id", {"id": task_id})
    assert row is not None, "tasks are not removed"
    rows.update(db, "tasks", row["number"], {**values, "updated_at": rows.present()})
