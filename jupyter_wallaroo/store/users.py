"""Users and their default workspaces."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING

from jupyter_wallaroo.store import rows
from jupyter_wallaroo.types.names import instant, now
from jupyter_wallaroo.types.user import User

if TYPE_CHECKING:
    from sqlite_utils import Database


def _user(row: rows.RowValues) -> User:
    return User(
        id=row["id"],
        username=row["username"],
        email=row["username"],
        firstName=row["display_name"],
        createdTimestamp=int(datetime.fromisoformat(row["created_at"]).timestamp() * 1000),
    )


def ensure(db: Database, username: str, display_name: str) -> User:
    """Return the user called ``username``, made with a default workspace when new."""
    found = rows.first(db, "SELECT * FROM users WHERE username = :username", {"username": username})
    if found is not None:
        return _user(found)
    created_at = instant(now())
    user_id = str(uuid.uuid4())
    values = {"id": user_id, "username": username, "display_name": display_name, "created_at": created_at}
    rows.insert(db, "users", values)
    workspace = _free_name(db, f"{username} - Default Workspace")
    key = rows.insert(
        db,
        "workspaces",
        {"name": workspace, "name_key": rows.name_key(workspace), "created_by": user_id, "created_at": created_at},
    )
    rows.update(db, "users", user_id, {"default_workspace_id": key})
    return _user({**values})


def _free_name(db: Database, name: str) -> str:
    sql = "SELECT 1 FROM workspaces WHERE name_key = :key"
    number = 1
    candidate = name
    while rows.first(db, sql, {"key": rows.name_key(candidate)}):
        number += 1
        candidate = f"{name} {number}"
    return candidate


def default_workspace_id(db: Database, user_id: str) -> int:
    """Return the id of a user's default workspace."""
    row = rows.first(db, "SELECT default_workspace_id AS id FROM users WHERE id = :id", {"id": user_id})
    return int(row["id"]) if row else 0


def by_ids(db: Database, user_ids: list[str] | None) -> dict[str, User]:
    """Return users by id: all, or those asked for that exist."""
    found = {row["id"]: _user(row) for row in rows.query(db, "SELECT * FROM users ORDER BY created_at")}
    return found if user_ids is None else {key: found[key] for key in user_ids if key in found}
