"""Assays and what they found. The only truth about what is due is ``next_run_ms``, moved together with the results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from jupyter_wallaroo.store import rows
from jupyter_wallaroo.types.assay_definition import Definition, StoredAnalysis, StoredAssay
from jupyter_wallaroo.types.drift import Baseline, PathAnalysis, Span, Status, WindowAnalysis

if TYPE_CHECKING:
    from sqlite_utils import Database

_encode = msgspec.json.encode
_definition = msgspec.json.Decoder(Definition).decode
_baseline = msgspec.json.Decoder(Baseline).decode
_paths = msgspec.json.Decoder(dict[str, PathAnalysis]).decode

_SELECT = """SELECT a.*, p.name AS pipeline_name, p.workspace_id, w.name AS workspace_name
FROM assays a JOIN pipelines p ON p.id = a.pipeline_id JOIN workspaces w ON w.id = p.workspace_id"""
_WITHIN = "WHERE assay_id = :id AND window_start_ms >= :start AND window_start_ms < :end"


class NewAssay(Struct, frozen=True, kw_only=True):
    """What a new assay's row holds that is not made here."""

    uuid: str
    name: str
    pipeline_id: int
    active: bool
    definition: Definition
    kept: Baseline | None
    next_run_ms: int | None
    created_by: str


class Found(Struct, frozen=True, kw_only=True):
    """A window that was analysed, to be written."""

    window: WindowAnalysis
    status: Status


class Progress(Struct, frozen=True, kw_only=True):
    """What a run moves: what comes next, the baseline if it was summarized now, how the assay is."""

    ran_at_ms: int
    next_run_ms: int | None
    kept: Baseline | None
    status: str


def _assay(row: rows.RowValues) -> StoredAssay:
    return StoredAssay(
        id=row["id"],
        uuid=row["uuid"],
        name=row["name"],
        workspace_id=row["workspace_id"],
        workspace_name=row["workspace_name"],
        pipeline_id=row["pipeline_id"],
        pipeline_name=row["pipeline_name"],
        active=bool(row["active"]),
        status=row["status"],
        definition=_definition(row["definition"]),
        kept=_baseline(row["kept"]) if row["kept"] else None,
        next_run_ms=row["next_run_ms"],
        last_run_ms=row["last_run_ms"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def insert(db: Database, new: NewAssay) -> int | None:
    """Make an assay and return its id, or None when the name is taken."""
    key = rows.name_key(new.name)
    if rows.first(db, "SELECT 1 FROM assays WHERE name_key = :key", {"key": key}):
        return None
    present = rows.present()
    return rows.insert(
        db,
        "assays",
        {
            "uuid": new.uuid,
            "name": new.name,
            "name_key": key,
            "pipeline_id": new.pipeline_id,
            "active": int(new.active),
            "status": "created",
            "definition": _encode(new.definition).decode(),
            "kept": _encode(new.kept).decode() if new.kept else None,
            "next_run_ms": new.next_run_ms,
            "created_by": new.created_by,
            "created_at": present,
            "updated_at": present,
        },
    )


def get(db: Database, assay_id: int) -> StoredAssay | None:
    """Return an assay by its number."""
    row = rows.first(db, f"{_SELECT} WHERE a.id = :id", {"id": assay_id})
    return _assay(row) if row else None


def by_uuid(db: Database, uuid: str) -> StoredAssay | None:
    """Return an assay by its UUID."""
    row = rows.first(db, f"{_SELECT} WHERE a.uuid = :uuid", {"uuid": uuid})
    return _assay(row) if row else None


class Asked(Struct, frozen=True, kw_only=True):
    """Which assays: of a workspace, of a pipeline by id or name, active or not; at most ``limit`` behind ``after``."""

    workspace_id: int | None = None
    pipeline_id: int | None = None
    pipeline_name: str | None = None
    active: bool | None = None
    after: int | None = None
    limit: int = -1


def every(db: Database, asked: Asked) -> list[StoredAssay]:
    """Return assays, oldest first."""
    conditions = {
        "a.id > :after": asked.after,
        "a.pipeline_id = :pipeline_id": asked.pipeline_id,
        "a.active = :active": asked.active,
        "p.workspace_id = :workspace_id": asked.workspace_id,
        "p.name = :pipeline_name": asked.pipeline_name,
    }
    sql = f"{_SELECT}{rows.where(conditions)} ORDER BY a.id LIMIT :limit"
    return [_assay(row) for row in rows.query(db, sql, msgspec.structs.asdict(asked))]


def names(db: Database) -> list[str]:
    """Return the names of all assays, for "did you mean"."""
    return [row["name"] for row in rows.query(db, "SELECT name FROM assays ORDER BY id")]


def due(db: Database) -> list[tuple[int, int]]:
    """Return the ids of active assays with their next run in ms, the earliest first; not of removed pipelines."""
    sql = """SELECT a.id, a.next_run_ms FROM assays a JOIN pipelines p ON p.id = a.pipeline_id
    WHERE a.active = 1 AND a.next_run_ms IS NOT NULL AND p.removed_at IS NULL ORDER BY a.next_run_ms"""
    return [(row["id"], row["next_run_ms"]) for row in rows.query(db, sql)]


def set_active(db: Database, assay_id: int, *, active: bool, next_run_ms: int | None) -> None:
    """Begin or end the runs of an assay."""
    values = {"active": int(active), "next_run_ms": next_run_ms, "updated_at": rows.present()}
    rows.update(db, "assays", assay_id, values)


def advance(db: Database, before: StoredAssay, progress: Progress, found: Sequence[Found]) -> bool:
    """Write what a run found and move the assay on, both or neither.

    Returns
    -------
    bool
        False, and nothing is written, when the assay is no longer as it was ``before`` the run.
    """
    sql = "SELECT 1 FROM assays WHERE id = :id AND active = 1 AND next_run_ms IS :next"
    if rows.first(db, sql, {"id": before.id, "next": before.next_run_ms}) is None:
        return False
    present = rows.present()
    for item in found:
        span = item.window.span
        values = {
            "assay_id": before.id,
            "window_start_ms": span.start_ms,
            "window_end_ms": span.end_ms,
            "status": str(item.status),
            "analyzed_at": present,
            "elapsed_ms": item.window.elapsed_ms,
            "paths": _encode(item.window.paths).decode(),
        }
        db.table("assay_analyses").insert(values, ignore=True)
    values = {"next_run_ms": progress.next_run_ms, "last_run_ms": progress.ran_at_ms, "status": progress.status}
    if progress.kept is not None:
        values["kept"] = _encode(progress.kept).decode()
    rows.update(db, "assays", before.id, {**values, "updated_at": present})
    return True


def count_analyses(db: Database, assay_id: int, span: Span) -> int:
    """Return how many windows that begin in a stretch of time were analysed."""
    sql = f"SELECT count(*) AS n FROM assay_analyses {_WITHIN}"  # noqa: S608  a constant of ours
    row = rows.first(db, sql, {"id": assay_id, "start": span.start_ms, "end": span.end_ms})
    return int(row["n"]) if row else 0


def analyses(db: Database, assay_id: int, span: Span) -> list[StoredAnalysis]:
    """Return the windows that begin in a stretch of time, oldest first."""
    sql = f"SELECT * FROM assay_analyses {_WITHIN} ORDER BY window_start_ms"  # noqa: S608  a constant of ours
    return [
        StoredAnalysis(
            id=row["id"],
            assay_id=row["assay_id"],
            span=Span(row["window_start_ms"], row["window_end_ms"]),
            status=Status(row["status"]),
            analyzed_at=row["analyzed_at"],
            elapsed_ms=row["elapsed_ms"],
            paths=_paths(row["paths"]),
        )
        for row in rows.query(db, sql, {"id": assay_id, "start": span.start_ms, "end": span.end_ms})
    ]
