"""Runs of step graphs, their steps, and what steps left. What has ended never changes again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from jupyter_wallaroo.store import rows
from jupyter_wallaroo.types.run import ListRuns, Outcome, RunType, Status, StepOutput
from jupyter_wallaroo.types.run_plan import CodeWork, Ended, Plan, StoredRun, StoredStep

if TYPE_CHECKING:
    from sqlite_utils import Database

_names = msgspec.json.Decoder(list[str]).decode
_outputs = msgspec.json.Decoder(list[StepOutput]).decode
_plan = msgspec.json.Decoder(Plan).decode
_given = msgspec.json.Decoder(dict[str, list[StepOutput]]).decode

_SELECT = "SELECT r.*, u.username AS owner FROM runs r JOIN users u ON u.id = r.owner_id"
_OPEN = "status IN ('PENDING', 'STARTED')"
_BOUNDS = "(:workspace_id IS NULL OR r.workspace_id = :workspace_id) AND (:before IS NULL OR r.number < :before)"
_PAGE = f"{_SELECT} WHERE {_BOUNDS} AND (:status IS NULL OR r.status = :status) ORDER BY r.number DESC LIMIT :limit"


class NewRun(Struct, frozen=True, kw_only=True):
    """What a new run's row holds that is not made here."""

    id: str
    name: str | None
    workspace_id: int
    owner_id: str
    run_type: RunType
    selection: list[str]
    background: bool
    folder: str | None
    definition: str
    definition_hash: str
    plan: str
    given: str
    steps: list[str]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _run(row: rows.RowValues) -> StoredRun:
    lists = {"selection": _names(row["selection"]), "failed_steps": _names(row["failed_steps"])}
    return msgspec.convert({**row, **lists, "background": bool(row["background"])}, StoredRun)


def _step(row: rows.RowValues) -> StoredStep:
    return msgspec.convert({**row, "outputs": _outputs(row["outputs"])}, StoredStep, from_attributes=True)


def insert(db: Database, new: NewRun) -> StoredRun:
    """Make a run that has not begun, with the steps that it executes."""
    values = msgspec.to_builtins(new)
    steps = values.pop("steps")
    values |= {"selection": _json(new.selection), "background": int(new.background), "failed_steps": "[]"}
    number = rows.insert(db, "runs", {**values, "status": Status.PENDING.value, "created_at": rows.present()})
    for position, key in enumerate(steps):
        pending = {"run_number": number, "key": key, "position": position, "status": Status.PENDING.value}
        db.table("run_steps").insert({**pending, "outputs": "[]"})
    found = get(db, new.id)
    assert found is not None, "it was just inserted"
    return found


def get(db: Database, run_id: str) -> StoredRun | None:
    """Return a run by its UUID."""
    row = rows.first(db, f"{_SELECT} WHERE r.id = :id", {"id": run_id})
    return _run(row) if row else None


def page(db: Database, request: ListRuns) -> list[StoredRun]:
    """Return runs, the newest first."""
    return [_run(row) for row in rows.query(db, _PAGE, msgspec.to_builtins(request))]


def waiting(db: Database) -> list[StoredRun]:
    """Return the runs that have not begun, the oldest first."""
    return [_run(row) for row in rows.query(db, f"{_SELECT} WHERE r.status = 'PENDING' ORDER BY r.number")]


def steps(db: Database, number: int) -> list[StoredStep]:
    """Return the steps that a run executes, in their order."""
    sql = "SELECT * FROM run_steps WHERE run_number = :number ORDER BY position"
    return [_step(row) for row in rows.query(db, sql, {"number": number})]


def begin(db: Database, number: int) -> bool:
    """Note that a run has begun; False when it has ended before."""
    return _change(db, "UPDATE runs SET status = 'STARTED', started_at = :at WHERE number = :number", number=number)


def begin_step(db: Database, number: int, key: str) -> bool:
    """Note that a step has begun; False when it has ended before."""
    sql = "UPDATE run_steps SET status = 'STARTED', started_at = :at WHERE run_number = :number AND key = :key"
    return _change(db, sql, number=number, key=key)


def report(db: Database, number: int, key: str, message: str) -> bool:
    """Note what a step says of itself; False when it is not under way."""
    sql = "UPDATE run_steps SET message = :message WHERE run_number = :number AND key = :key AND status = 'STARTED'"
    return _change(db, sql, number=number, key=key, message=message)


def end_step(db: Database, number: int, key: str, ended: Ended, result_key: str | None = None) -> bool:
    """Note how a step ended, and keep what it left under ``result_key``; False when it has ended before."""
    sql = (
        "UPDATE run_steps SET status = :status, reason = :reason, traceback = :traceback, outputs = :outputs,"
        " notebook_sha = :notebook_sha, ended_at = :at WHERE run_number = :number AND key = :key"
    )
    outputs = _json(ended.outputs)
    values = {**msgspec.to_builtins(ended), "outputs": outputs}
    if not _change(db, sql, number=number, key=key, **values):
        return False
    if result_key is not None:
        kept = {"key": result_key, "run_number": number, "outputs": outputs, "created_at": rows.present()}
        db.execute("INSERT OR REPLACE INTO step_results VALUES (:key, :run_number, :outputs, :created_at)", kept)
    return True


def end(db: Database, number: int, *, status: Status = Status.SUCCESS, reason: str | None = None) -> StoredRun:
    """Note that a run has ended, with the outcome that its steps make (A20); it may have ended before.

    What has not ended of it is `Status.ABORTED` for the same reason.
    """
    aborted = "UPDATE run_steps SET status = 'ABORTED', reason = :reason, ended_at = :at WHERE run_number = :number"
    _change(db, aborted, number=number, reason=reason)
    states = {step.key: step.status for step in steps(db, number)}
    failed = [key for key, state in states.items() if state is Status.FAILURE]
    is_aborted = status is Status.ABORTED or Status.ABORTED in states.values()
    outcome = Outcome.FAILED if failed else Outcome.ABORTED if is_aborted else Outcome.OK
    sql = (
        "UPDATE runs SET status = :status, outcome = :outcome, reason = :reason, failed_steps = :failed,"
        " ended_at = :at WHERE number = :number"
    )
    facts = {"status": status.value, "outcome": outcome.value, "reason": reason, "failed": _json(failed)}
    _change(db, sql, number=number, **facts)
    row = rows.first(db, f"{_SELECT} WHERE r.number = :number", {"number": number})
    assert row is not None, "runs that have not ended are not removed"
    return _run(row)


def interrupt(db: Database, reason: str) -> list[StoredRun]:
    """End the runs that were under way when a server ended, and return them."""
    begun = [row["number"] for row in rows.query(db, "SELECT number FROM runs WHERE status = 'STARTED'")]
    return [end(db, number, status=Status.ABORTED, reason=reason) for number in begun]


def result(db: Database, key: str) -> list[StepOutput] | None:
    """Return what a step left under a key, None when nothing is kept."""
    row = rows.first(db, "SELECT outputs FROM step_results WHERE key = :key", {"key": key})
    return _outputs(row["outputs"]) if row else None


def forget(db: Database, keep: int) -> None:
    """Remove all but the newest ``keep`` runs that have ended, with what their steps left."""
    db.execute(
        "DELETE FROM runs WHERE number IN"
        " (SELECT number FROM runs WHERE ended_at IS NOT NULL ORDER BY number DESC LIMIT -1 OFFSET :keep)",
        {"keep": keep},
    )


def known_shas(db: Database) -> set[str]:
    """Return the SHA-256 of every file that a run refers to."""
    found: set[str] = set()
    for row in rows.query(db, "SELECT plan, given FROM runs"):
        found.update(output.sha for outputs in _given(row["given"]).values() for output in outputs)
        for step in _plan(row["plan"]).values():
            if isinstance(step.work, CodeWork):
                found.update((step.work.source_sha, *step.work.files.values()))
    for row in rows.query(db, "SELECT outputs, notebook_sha FROM run_steps"):
        found.update(output.sha for output in _outputs(row["outputs"]))
        found.add(row["notebook_sha"] or "")
    for row in rows.query(db, "SELECT outputs FROM step_results"):
        found.update(output.sha for output in _outputs(row["outputs"]))
    return found


def _change(db: Database, sql: str, **values: object) -> bool:
    """Change what has not ended; tell whether anything was."""
    separator = " AND " if " WHERE " in sql else " WHERE "
    changed = db.execute(f"{sql}{separator}{_OPEN}", {**values, "at": rows.present()})
    return changed.rowcount > 0
