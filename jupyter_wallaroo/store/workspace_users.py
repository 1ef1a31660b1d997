"""Who is in a workspace: whoever made it, and whom its owners added."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_wallaroo.store import rows
from jupyter_wallaroo.types.workspace import UserType, WorkspaceUser

if TYPE_CHECKING:
    from sqlite_utils import Database

_USERS = """
SELECT u.id, u.username, :owner AS user_type, 0 AS place
FROM workspaces w JOIN users u ON u.id = w.created_by WHERE w.id = :workspace
UNION ALL
SELECT u.id, u.username, m.user_type, m.number
FROM workspace_users m JOIN users u ON u.id = m.user_id WHERE m.workspace_id = :workspace
ORDER BY place
"""


def of_workspace(db: Database, workspace_id: int) -> list[WorkspaceUser]:
    """Return the users of a workspace, its creator first."""
    parameters = {"workspace": workspace_id, "owner": UserType.OWNER.value}
    return [
        WorkspaceUser(
            user_id=row["id"], user_type=UserType(row["user_type"]), email=row["username"], username=row["username"]
        )
        for row in rows.query(db, _USERS, parameters)
    ]


def add(db: Database, workspace_id: int, user_id: str, user_type: UserType) -> None:
    """Have a user in a workspace, as an owner or a collaborator; whoever is in it becomes what is said."""
    values = {"workspace_id": workspace_id, "user_id": user_id}
    sql = "SELECT number FROM workspace_users WHERE workspace_id = :workspace_id AND user_id = :user_id"
    found = rows.first(db, sql, values)
    if found is not None:
        rows.update(db, "workspace_users", found["number"], {"user_type": user_type.value})
    else:
        rows.insert(db, "workspace_users", {**values, "user_type": user_type.value, "created_at": rows.present()})


def remove(db: Database, workspace_id: int, user_id: str) -> int:
    """Take a user out of a workspace and return how many rows that were."""
    before = db.conn.total_changes
    sql = "workspace_id = :workspace AND user_id = :user"
    db.table("workspace_users").delete_where(sql, {"workspace": workspace_id, "user": user_id})
    return db.conn.total_changes - before
