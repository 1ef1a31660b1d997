"""Sessions, and the processes they were last known to have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jupyter_wallaroo.store import rows
from jupyter_wallaroo.types.session import Part, SessionStatus, StoredSession

if TYPE_CHECKING:
    from sqlite_utils import Database

_SELECT = "SELECT s.*, u.username AS owner FROM sessions s JOIN users u ON u.id = s.owner_id"


def _session(row: rows.RowValues) -> StoredSession:
    return StoredSession(
        id=row["id"],
        project=row["project"],
        pipeline=row["pipeline"],
        owner_id=row["owner_id"],
        owner=row["owner"],
        status=SessionStatus(row["status"]),
        created_at=row["created_at"],
        kernelspecs=msgspec.json.decode(row["kernelspecs"], type=list[str]),
        gateway=_part(row["gateway"]),
        server=_part(row["server"]),
        reason=row["reason"],
    )


def _part(text: str | None) -> Part | None:
    return None if text is None else msgspec.json.decode(text, type=Part)


def put(
    db: Database, *, session_id: str, project: str, pipeline: str, owner_id: str, kernelspecs: list[str]
) -> StoredSession:
    """Write down a session that is to be launched, in place of the one that the pipeline had (S4-05, S4-07)."""
    key = {"project": project, "pipeline": pipeline}
    db.conn.execute("DELETE FROM sessions WHERE project = :project AND pipeline = :pipeline", key)
    values = {
        "id": session_id,
        **key,
        "owner_id": owner_id,
        "status": SessionStatus.LAUNCHING,
        "kernelspecs": msgspec.json.encode(kernelspecs).decode(),
        "created_at": rows.present(),
    }
    rows.insert(db, "sessions", values)
    found = rows.first(db, f"{_SELECT} WHERE s.id = :id", {"id": session_id})
    assert found is not None, "it was just written"
    return _session(found)


def note(
    db: Database,
    session_id: str,
    *,
    status: SessionStatus,
    reason: str | None = None,
    gateway: Part | None = None,
    server: Part | None = None,
) -> None:
    """Write down how a session is meant to be, and which its processes are."""
    values = {
        "status": status,
        "reason": reason,
        "gateway": _text(gateway),
        "server": _text(server),
    }
    rows.update(db, "sessions", session_id, values)


def _text(part: Part | None) -> str | None:
    return None if part is None else msgspec.json.encode(part).decode()


def every(db: Database) -> list[StoredSession]:
    """Return all sessions, oldest first."""
    return [_session(row) for row in rows.query(db, f"{_SELECT} ORDER BY s.created_at, s.id")]


def delete(db: Database, session_id: str) -> None:
    """Forget a session."""
    db.conn.execute("DELETE FROM sessions WHERE id = :id", {"id": session_id})
