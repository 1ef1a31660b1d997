"""Audit records. Nothing here changes or deletes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from jupyter_wallaroo.store import rows
from jupyter_wallaroo.types.audit import AuditAction, AuditRecord

if TYPE_CHECKING:
    from sqlite_utils import Database


class Author(Struct, frozen=True, kw_only=True):
    """Who makes a change, by which call (`AuditRecord.via`)."""

    user_id: str
    via: str


def add(
    db: Database,
    author: Author,
    action: AuditAction,
    *,
    workspace_id: int,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    pipeline: tuple[int, str] | None = None,
    deployment_id: int | None = None,
    model: tuple[int, str] | None = None,
) -> None:
    """Write a record, in the transaction of the change itself.

    Parameters
    ----------
    pipeline, model
        Id and name; a model's id is that of the version.
    """
    name = pipeline[1] if pipeline else None
    values = {
        "at": rows.present(),
        "user_id": author.user_id,
        "action": action,
        "via": author.via,
        "workspace_id": workspace_id,
        "pipeline_id": pipeline[0] if pipeline else None,
        "pipeline": name,
        "pipeline_key": None if name is None else rows.name_key(name),
        "deployment_id": deployment_id,
        "model_version_id": model[0] if model else None,
        "model": model[1] if model else None,
        "before": None if before is None else msgspec.json.encode(before).decode(),
        "after": None if after is None else msgspec.json.encode(after).decode(),
    }
    rows.insert(db, "audit_records", values)


def page(
    db: Database, *, workspace_id: int | None, pipeline: str | None, before_id: int | None, limit: int
) -> list[AuditRecord]:
    """Return the newest records older than ``before_id``, at most ``limit``; of a workspace, of a pipeline's name."""
    key = None if pipeline is None else rows.name_key(pipeline)
    where = rows.where(
        {"a.id < :before": before_id, "a.workspace_id = :workspace": workspace_id, "a.pipeline_key = :pipeline": key}
    )
    sql = f"""SELECT a.*, u.username FROM audit_records a JOIN users u ON u.id = a.user_id{where}
    ORDER BY a.id DESC LIMIT :limit"""  # noqa: S608  a constant of ours
    values = {"before": before_id, "workspace": workspace_id, "pipeline": key, "limit": limit}
    return [_record(row) for row in rows.query(db, sql, values)]


def _record(row: rows.RowValues) -> AuditRecord:
    del row["pipeline_key"]
    texts = {name: row.pop(name) for name in ("before", "after", "action")}
    return AuditRecord(
        action=AuditAction(texts["action"]),
        before=msgspec.json.decode(texts["before"]) if texts["before"] else None,
        after=msgspec.json.decode(texts["after"]) if texts["after"] else None,
        **row,
    )
