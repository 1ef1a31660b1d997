"""Workspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jupyter_wallaroo.store import rows
from jupyter_wallaroo.types.workspace import Workspace, WorkspaceContents

if TYPE_CHECKING:
    from sqlite_utils import Database


def _workspace(row: rows.RowValues) -> Workspace:
    return Workspace(
        id=row["id"],
        name=row["name"],
        archived=bool(row["archived"]),
        created_by=row["created_by"],
        created_at=row["created_at"],
    )


def insert(db: Database, name: str, user_id: str) -> int | None:
    """Make a workspace and return its id, or None when the name is taken."""
    key = rows.name_key(name)
    if rows.first(db, "SELECT 1 FROM workspaces WHERE name_key = :key", {"key": key}):
        return None
    values = {"name": name, "name_key": key, "created_by": user_id, "created_at": rows.present()}
    return rows.insert(db, "workspaces", values)


def get(db: Database, workspace_id: int) -> Workspace | None:
    """Return a workspace by id."""
    row = rows.first(db, "SELECT * FROM workspaces WHERE id = :id", {"id": workspace_id})
    return _workspace(row) if row else None


def by_name(db: Database, name: str) -> Workspace | None:
    """Return a workspace by name."""
    row = rows.first(db, "SELECT * FROM workspaces WHERE name_key = :key", {"key": rows.name_key(name)})
    return _workspace(row) if row else None


def by_ids(db: Database, workspace_ids: list[int]) -> list[Workspace]:
    """Return workspaces by id, oldest first; those that there are."""
    sql = "SELECT * FROM workspaces WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id"
    return [_workspace(row) for row in rows.query(db, sql, rows.ids(workspace_ids))]


def with_contents(
    db: Database, *, user_id: str | None = None, workspace_id: int | None = None
) -> list[WorkspaceContents]:
    """Return workspaces with what they hold, oldest first: all, or those that a user created, or one."""
    sql = """
    SELECT * FROM workspaces WHERE (:user IS NULL OR created_by = :user) AND (:workspace IS NULL OR id = :workspace)
    ORDER BY id
    """
    models = _ids_by_workspace(
        db, "SELECT json_group_array(id) AS ids, workspace_id FROM models WHERE TRUE", workspace_id
    )
    held = "SELECT json_group_array(id) AS ids, workspace_id FROM pipelines WHERE removed_at IS NULL"
    pipelines = _ids_by_workspace(db, held, workspace_id)
    return [
        WorkspaceContents(
            id=row["id"],
            name=row["name"],
            archived=bool(row["archived"]),
            created_by=row["created_by"],
            created_at=row["created_at"],
            models=models.get(row["id"], []),
            pipelines=pipelines.get(row["id"], []),
        )
        for row in rows.query(db, sql, {"user": user_id, "workspace": workspace_id})
    ]


def _ids_by_workspace(db: Database, sql: str, workspace_id: int | None) -> dict[int, list[int]]:
    if workspace_id is not None:
        sql += " AND workspace_id = :workspace"
    found = rows.query(db, f"{sql} GROUP BY workspace_id", {"workspace": workspace_id})
    return {row["workspace_id"]: sorted(msgspec.json.decode(row["ids"], type=list[int])) for row in found}


def names(db: Database) -> list[str]:
    """Return the names of all workspaces, for "did you mean"."""
    return [row["name"] for row in rows.query(db, "SELECT name FROM workspaces ORDER BY id")]
