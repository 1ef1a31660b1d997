"""Runs of tasks: one row for each firing at most, written before anything starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jupyter_wallaroo.store import rows
from jupyter_wallaroo.types.names import instant
from jupyter_wallaroo.types.task import RunState, StoredRun

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from sqlite_utils import Database

_OPEN = "('queued', 'running')"


def _run(row: rows.RowValues) -> StoredRun:
    return StoredRun(
        id=row["id"],
        task_id=row["task_id"],
        fire_ms=row["fire_ms"],
        missed=row["missed"],
        orch_sha=row["orch_sha"],
        state=RunState(row["state"]),
        reason=row["reason"],
        exit_code=row["exit_code"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        updated_at=row["updated_at"],
    )


def insert(
    db: Database,
    task_id: str,
    orch_sha: str,
    run_id: str,
    fire_ms: int,
    *,
    missed: int = 0,
    state: RunState = RunState.QUEUED,
    reason: str | None = None,
) -> StoredRun:
    """Write the run of a firing, which must not have one."""
    present = rows.present()
    values = {
        "id": run_id,
        "task_id": task_id,
        "fire_ms": fire_ms,
        "missed": missed,
        "orch_sha": orch_sha,
        "state": state.value,
        "reason": reason,
        "created_at": present,
        "updated_at": present,
    }
    rows.insert(db, "task_runs", values)
    found = get(db, run_id)
    assert found is not None, "it was just inserted"
    return found


def get(db: Database, run_id: str) -> StoredRun | None:
    """Return a run by its UUID."""
    row = rows.first(db, "SELECT * FROM task_runs WHERE id = :id", {"id": run_id})
    return _run(row) if row else None


def at(db: Database, task_id: str, fire_ms: int) -> bool:
    """Tell whether a firing has its run."""
    sql = "SELECT 1 FROM task_runs WHERE task_id = :id AND fire_ms = :at"
    return rows.first(db, sql, {"id": task_id, "at": fire_ms}) is not None


def of_task(
    db: Database,
    task_id: str,
    *,
    limit: int,
    states: Collection[RunState] = (),
    start: datetime | None = None,
    end: datetime | None = None,
) -> list[StoredRun]:
    """Return runs of a task, newest first: in some of the states (none: in any), made from ``start`` to ``end``."""
    sql = """SELECT * FROM task_runs WHERE task_id = :id AND (:start IS NULL OR created_at >= :start)
    AND (:end IS NULL OR created_at < :end) AND (:states = '' OR instr(:states, ',' || state || ','))
    ORDER BY number DESC LIMIT :limit"""
    given = {
        "id": task_id,
        "start": instant(start) if start else None,
        "end": instant(end) if end else None,
        "states": f",{','.join(states)}," if states else "",
        "limit": limit,
    }
    return [_run(row) for row in rows.query(db, sql, given)]


def last_of(db: Database, task_ids: Iterable[str], limit: int) -> dict[str, list[StoredRun]]:
    """Return the last runs of tasks by the task's UUID, newest first: at most ``limit`` of each."""
    sql = """SELECT r.* FROM json_each(:tasks) t JOIN task_runs r ON r.number IN (
    SELECT number FROM task_runs WHERE task_id = t.value ORDER BY number DESC LIMIT :limit) ORDER BY r.number DESC"""
    found: dict[str, list[StoredRun]] = {task_id: [] for task_id in task_ids}
    given = {"tasks": msgspec.json.encode(list(found)).decode(), "limit": limit}
    for row in rows.query(db, sql, given):
        found[row["task_id"]].append(_run(row))
    return found


def open_of(db: Database, task_id: str) -> list[StoredRun]:
    """Return the runs of a task that wait or run, oldest first."""
    sql = f"SELECT * FROM task_runs WHERE task_id = :id AND state IN {_OPEN} ORDER BY number"  # noqa: S608  ours
    return [_run(row) for row in rows.query(db, sql, {"id": task_id})]


def every_open(db: Database) -> list[StoredRun]:
    """Return all runs that wait or run, oldest first."""
    sql = f"SELECT * FROM task_runs WHERE state IN {_OPEN} ORDER BY number"  # noqa: S608  a constant of ours
    return [_run(row) for row in rows.query(db, sql)]


def begin(db: Database, run_id: str) -> bool:
    """Note that a waiting run begins, before anything of it does; False when it does not wait any more."""
    row = rows.first(db, "SELECT number FROM task_runs WHERE id = :id AND state = 'queued'", {"id": run_id})
    if row is None:
        return False
    present = rows.present()
    values = {"state": RunState.RUNNING.value, "started_at": present, "updated_at": present}
    rows.update(db, "task_runs", row["number"], values)
    return True


def end(
    db: Database, run_id: str, state: RunState, reason: str | None = None, exit_code: int | None = None
) -> StoredRun | None:
    """Note how a run ended; None when that is noted already."""
    sql = f"SELECT number FROM task_runs WHERE id = :id AND state IN {_OPEN}"  # noqa: S608  a constant of ours
    row = rows.first(db, sql, {"id": run_id})
    if row is None:
        return None
    values = {"state": state.value, "reason": reason, "exit_code": exit_code, "updated_at": rows.present()}
    rows.update(db, "task_runs", row["number"], values)
    return get(db, run_id)


def interrupt(db: Database, reason: str) -> list[StoredRun]:
    """Note of every run that was under way when the server ended that it was interrupted, and return them."""
    found = [run for run in every_open(db) if run.state is RunState.RUNNING]
    return [done for run in found if (done := end(db, run.id, RunState.INTERRUPTED, reason)) is not None]


def forget(db: Database, before: datetime) -> list[str]:
    """Remove the runs that ended before an instant, but not the last one of a task; return which."""
    sql = f"""SELECT number, id FROM task_runs r WHERE updated_at < :before AND state NOT IN {_OPEN}
    AND number < (SELECT max(number) FROM task_runs WHERE task_id = r.task_id)"""  # noqa: S608  a constant of ours
    found = list(rows.query(db, sql, {"before": instant(before)}))
    for row in found:
        db.table("task_runs").delete(row["number"])
    return [row["id"] for row in found]
