"""Connections, their sealed details, and their links to workspaces."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from jupyter_wallaroo.store import rows
from jupyter_wallaroo.store.secrets import Sealed
from jupyter_wallaroo.types.connection import Connection

if TYPE_CHECKING:
    from sqlite_utils import Database

_READER = """
SELECT 1 FROM connections WHERE id = :id AND created_by = :user
UNION SELECT 1 FROM connection_links l JOIN workspaces w ON w.id = l.workspace_id
WHERE l.connection_id = :id AND w.created_by = :user
UNION SELECT 1 FROM connection_links l JOIN workspace_users u ON u.workspace_id = l.workspace_id
WHERE l.connection_id = :id AND u.user_id = :user
"""


def _connection(row: rows.RowValues, workspace_names: list[str]) -> Connection:
    return Connection(
        id=row["id"],
        name=row["name"],
        type=row["type"],
        created_at=row["created_at"],
        workspace_names=workspace_names,
    )


def insert(db: Database, *, connection_id: str, name: str, kind: str, user_id: str, sealed: Sealed) -> bool:
    """Make a connection with its details; False when the name is taken, and nothing is written."""
    key = rows.name_key(name)
    if rows.first(db, "SELECT 1 FROM connections WHERE name_key = :key", {"key": key}):
        return False
    values = {"id": connection_id, "name": name, "name_key": key, "type": kind}
    rows.insert(db, "connections", {**values, "created_by": user_id, "created_at": rows.present()})
    details = {"key_id": sealed.key_id, "nonce": sealed.nonce, "ciphertext": sealed.ciphertext}
    rows.insert(db, "connection_details", {"connection_id": connection_id, **details})
    return True


def by_name(db: Database, name: str) -> Connection | None:
    """Return a connection by name."""
    return _one(db, rows.first(db, "SELECT * FROM connections WHERE name_key = :key", {"key": rows.name_key(name)}))


def by_id(db: Database, connection_id: str) -> Connection | None:
    """Return a connection by its UUID."""
    return _one(db, rows.first(db, "SELECT * FROM connections WHERE id = :id", {"id": connection_id}))


def _one(db: Database, row: rows.RowValues | None) -> Connection | None:
    return _connection(row, _workspace_names(db, row["id"]).get(row["id"], [])) if row else None


def every(db: Database) -> list[Connection]:
    """Return all connections, oldest first."""
    linked = _workspace_names(db, None)
    sql = "SELECT * FROM connections ORDER BY number"
    return [_connection(row, linked.get(row["id"], [])) for row in rows.query(db, sql)]


def of_workspace(db: Database, workspace_id: int) -> list[Connection]:
    """Return the connections linked to a workspace, the one linked last at the end (S2-10)."""
    linked = _workspace_names(db, None)
    sql = """
    SELECT c.* FROM connections c JOIN connection_links l ON l.connection_id = c.id
    WHERE l.workspace_id = :workspace ORDER BY l.number
    """
    return [_connection(row, linked[row["id"]]) for row in rows.query(db, sql, {"workspace": workspace_id})]


def _workspace_names(db: Database, connection_id: str | None) -> dict[str, list[str]]:
    sql = """
    SELECT l.connection_id, w.name FROM connection_links l JOIN workspaces w ON w.id = l.workspace_id
    WHERE :id IS NULL OR l.connection_id = :id ORDER BY l.number
    """
    found: dict[str, list[str]] = {}
    for row in rows.query(db, sql, {"id": connection_id}):
        found.setdefault(row["connection_id"], []).append(row["name"])
    return found


def names(db: Database) -> list[str]:
    """Return the names of all connections, for "did you mean"."""
    return [row["name"] for row in rows.query(db, "SELECT name FROM connections ORDER BY number")]


def may_read(db: Database, connection_id: str, user_id: str) -> bool:
    """Tell whether a user made the connection or is in a workspace it is linked to (A11)."""
    return rows.first(db, _READER, {"id": connection_id, "user": user_id}) is not None


def sealed(db: Database, connection_id: str) -> Sealed | None:
    """Return a connection's details as they are stored."""
    row = rows.first(db, "SELECT * FROM connection_details WHERE connection_id = :id", {"id": connection_id})
    return Sealed(row["key_id"], row["nonce"], row["ciphertext"]) if row else None


def link(db: Database, connection_id: str, workspace_id: int) -> str:
    """Link a connection to a workspace and return the link's UUID; one that is there keeps its own (A25)."""
    values = {"connection_id": connection_id, "workspace_id": workspace_id}
    sql = "SELECT id FROM connection_links WHERE connection_id = :connection_id AND workspace_id = :workspace_id"
    found = rows.first(db, sql, values)
    if found is not None:
        return str(found["id"])
    link_id = str(uuid.uuid4())
    rows.insert(db, "connection_links", {"id": link_id, **values})
    return link_id


def unlink(db: Database, connection_id: str, workspace_id: int) -> bool:
    """End a link; False when there was none."""
    sql = "connection_id = :connection AND workspace_id = :workspace"
    before = db.conn.total_changes
    db.table("connection_links").delete_where(sql, {"connection": connection_id, "workspace": workspace_id})
    return db.conn.total_changes > before


def delete(db: Database, connection_id: str) -> None:
    """Remove a connection, its details and its links."""
    db.table("connections").delete_where("id = :id", {"id": connection_id})
