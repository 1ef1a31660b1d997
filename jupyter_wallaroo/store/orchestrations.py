"""Orchestrations; their archives are blobs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from jupyter_wallaroo.store import rows
from jupyter_wallaroo.types.orchestration import OrchestrationStatus, StoredOrchestration

if TYPE_CHECKING:
    from sqlite_utils import Database

_requirements = msgspec.json.Decoder(list[str]).decode

_SELECT = """SELECT o.*, w.name AS workspace_name, u.username AS owner_name FROM orchestrations o
JOIN workspaces w ON w.id = o.workspace_id JOIN users u ON u.id = o.owner_id"""


class NewOrchestration(Struct, frozen=True, kw_only=True):
    """What a new orchestration's row holds that is not made here."""

    id: str
    name: str | None
    workspace_id: int
    sha: str
    file_name: str
    size_bytes: int
    entry: str
    requirements: list[str]
    owner_id: str


def _orchestration(row: rows.RowValues) -> StoredOrchestration:
    return StoredOrchestration(
        id=row["id"],
        name=row["name"],
        workspace_id=row["workspace_id"],
        workspace_name=row["workspace_name"],
        sha=row["sha"],
        file_name=row["file_name"],
        size_bytes=row["size_bytes"],
        entry=row["entry"],
        requirements=_requirements(row["requirements"]),
        status=OrchestrationStatus(row["status"]),
        error=row["error"],
        log=row["log"],
        owner_id=row["owner_id"],
        owner_name=row["owner_name"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def insert(db: Database, new: NewOrchestration) -> StoredOrchestration:
    """Make an orchestration that is yet to be packaged."""
    present = rows.present()
    values = {
        **msgspec.structs.asdict(new),
        "requirements": msgspec.json.encode(new.requirements).decode(),
        "status": OrchestrationStatus.PENDING_PACKAGING.value,
        "log": "",
        "created_at": present,
        "updated_at": present,
    }
    rows.insert(db, "orchestrations", values)
    found = get(db, new.id)
    assert found is not None, "it was just inserted"
    return found


def get(db: Database, orchestration_id: str) -> StoredOrchestration | None:
    """Return an orchestration by its UUID."""
    row = rows.first(db, f"{_SELECT} WHERE o.id = :id", {"id": orchestration_id})
    return _orchestration(row) if row else None


def every(db: Database, workspace_id: int | None = None) -> list[StoredOrchestration]:
    """Return the orchestrations of a workspace, or all, newest first."""
    sql = f"{_SELECT} WHERE :workspace IS NULL OR o.workspace_id = :workspace ORDER BY o.number DESC"
    return [_orchestration(row) for row in rows.query(db, sql, {"workspace": workspace_id})]


def set_status(
    db: Database, orchestration_id: str, status: OrchestrationStatus, *, error: str | None = None, log: str = ""
) -> None:
    """Note how far an orchestration has come, what went wrong, what the installer said; one that is gone stays so."""
    values = {"status": status.value, "error": error, "log": log, "updated_at": rows.present()}
    row = rows.first(db, "SELECT number FROM orchestrations WHERE id = :id", {"id": orchestration_id})
    if row is not None:
        rows.update(db, "orchestrations", row["number"], values)


def delete(db: Database, orchestration_ids: Iterable[str]) -> None:
    """Remove orchestrations; their archives are freed afterwards, when no other one has the same."""
    for orchestration_id in orchestration_ids:
        db.table("orchestrations").delete_where("id = :id", {"id": orchestration_id})


def known_shas(db: Database) -> set[str]:
    """Return the SHA-256 of every archive that is needed."""
    return {row["sha"] for row in rows.query(db, "SELECT DISTINCT sha FROM orchestrations")}
