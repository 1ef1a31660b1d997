"""Pipelines and pipeline versions."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from jupyter_wallaroo.store import rows
from jupyter_wallaroo.types.event import UNDEPLOYED
from jupyter_wallaroo.types.names import instant, now
from jupyter_wallaroo.types.overview import PipelineAtAGlance
from jupyter_wallaroo.types.pipeline import Definition, Pipeline, PipelineVersion

if TYPE_CHECKING:
    from sqlite_utils import Database


def _pipeline(row: rows.RowValues) -> Pipeline:
    return Pipeline(id=row["id"], name=row["name"], created_at=row["created_at"], updated_at=row["updated_at"])


def _version(row: rows.RowValues) -> PipelineVersion:
    return PipelineVersion(
        id=row["id"],
        pipeline_id=row["pipeline_id"],
        version=row["version"],
        definition=msgspec.json.decode(row["definition"]),
        same_as=row["same_as"],
        created_by=row["created_by"],
        created_at=row["created_at"],
    )


def insert_version(db: Database, workspace_id: int, name: str, definition: Definition, user_id: str) -> PipelineVersion:
    """Add a version to the pipeline called ``name``, made when new (A2)."""
    present = instant(now())
    existing = by_name(db, workspace_id, name)
    if existing is None:
        pipeline_id = rows.insert(
            db,
            "pipelines",
            {
                "workspace_id": workspace_id,
                "name": name,
                "name_key": rows.name_key(name),
                "owner_id": user_id,
                "created_at": present,
                "updated_at": present,
            },
        )
    else:
        pipeline_id = existing.id
        rows.update(db, "pipelines", pipeline_id, {"updated_at": present})
    text = msgspec.json.encode(definition).decode()
    sql = "SELECT version, definition FROM pipeline_versions WHERE pipeline_id = :id ORDER BY id DESC LIMIT 1"
    last = rows.first(db, sql, {"id": pipeline_id})
    values = {
        "pipeline_id": pipeline_id,
        "version": str(uuid.uuid4()),
        "definition": text,
        "same_as": last["version"] if last and last["definition"] == text else None,
        "created_by": user_id,
        "created_at": present,
    }
    return _version({**values, "id": rows.insert(db, "pipeline_versions", values)})


def remove(db: Database, pipeline_id: int) -> None:
    """Have a pipeline not be found or listed any more, and its name free; its rows stay, logs and records name them."""
    # A key that no name has: the table's rule of unique names then leaves the old one to a new pipeline.
    values = {"removed_at": rows.present(), "name_key": f"/removed/{pipeline_id}"}
    rows.update(db, "pipelines", pipeline_id, values)


def get(db: Database, pipeline_id: int) -> Pipeline | None:
    """Return a pipeline by id."""
    row = rows.first(db, "SELECT * FROM pipelines WHERE id = :id AND removed_at IS NULL", {"id": pipeline_id})
    return _pipeline(row) if row else None


def workspace_id_of(db: Database, pipeline_id: int) -> int:
    """Return the id of the workspace that holds a pipeline."""
    row = rows.first(db, "SELECT workspace_id FROM pipelines WHERE id = :id", {"id": pipeline_id})
    return int(row["workspace_id"]) if row else 0


def by_name(db: Database, workspace_id: int, name: str) -> Pipeline | None:
    """Return a workspace's pipeline by name."""
    sql = "SELECT * FROM pipelines WHERE workspace_id = :workspace AND name_key = :key"
    row = rows.first(db, sql, {"workspace": workspace_id, "key": rows.name_key(name)})
    return _pipeline(row) if row else None


def by_ids(db: Database, pipeline_ids: list[int]) -> dict[int, tuple[Pipeline, int]]:
    """Return pipelines by id, each with the id of its workspace; those that there are."""
    sql = "SELECT * FROM pipelines WHERE id IN (SELECT value FROM json_each(:ids)) AND removed_at IS NULL"
    return {row["id"]: (_pipeline(row), row["workspace_id"]) for row in rows.query(db, sql, rows.ids(pipeline_ids))}


def names(db: Database, workspace_id: int | None) -> dict[int, str]:
    """Return the names of pipelines by id, oldest first: of one workspace, or all."""
    sql = """
    SELECT id, name FROM pipelines
    WHERE removed_at IS NULL AND (:workspace IS NULL OR workspace_id = :workspace) ORDER BY id
    """
    return {row["id"]: row["name"] for row in rows.query(db, sql, {"workspace": workspace_id})}


def version(db: Database, version_id: int) -> PipelineVersion | None:
    """Return a pipeline version by its number."""
    row = rows.first(db, "SELECT * FROM pipeline_versions WHERE id = :id", {"id": version_id})
    return _version(row) if row else None


def version_by_uuid(db: Database, version_uuid: str) -> PipelineVersion | None:
    """Return a pipeline version by its UUID."""
    row = rows.first(db, "SELECT * FROM pipeline_versions WHERE version = :uuid", {"uuid": version_uuid})
    return _version(row) if row else None


def newest_version(db: Database, pipeline_id: int) -> PipelineVersion | None:
    """Return a pipeline's newest version."""
    sql = "SELECT * FROM pipeline_versions WHERE pipeline_id = :id ORDER BY id DESC LIMIT 1"
    row = rows.first(db, sql, {"id": pipeline_id})
    return _version(row) if row else None


def versions(db: Database, pipeline_id: int) -> list[PipelineVersion]:
    """Return a pipeline's versions, newest first (S2-21)."""
    sql = "SELECT * FROM pipeline_versions WHERE pipeline_id = :id ORDER BY id DESC"
    return [_version(row) for row in rows.query(db, sql, {"id": pipeline_id})]


class VersionLabel(NamedTuple):
    """A version's number and its UUID."""

    id: int
    uuid: str


def versions_of(db: Database, pipeline_ids: list[int]) -> dict[int, list[VersionLabel]]:
    """Return the versions of pipelines by the pipeline's id, newest first."""
    sql = """
    SELECT pipeline_id, id, version FROM pipeline_versions
    WHERE pipeline_id IN (SELECT value FROM json_each(:ids)) ORDER BY id DESC
    """
    found: dict[int, list[VersionLabel]] = {}
    for row in rows.query(db, sql, rows.ids(pipeline_ids)):
        found.setdefault(row["pipeline_id"], []).append(VersionLabel(row["id"], row["version"]))
    return found


def versions_by_id(db: Database, version_ids: list[int]) -> dict[int, PipelineVersion]:
    """Return pipeline versions by number."""
    sql = "SELECT * FROM pipeline_versions WHERE id IN (SELECT value FROM json_each(:ids))"
    return {row["id"]: _version(row) for row in rows.query(db, sql, rows.ids(version_ids))}


def at_a_glance(db: Database, pipeline_ids: list[int]) -> list[PipelineAtAGlance]:
    """Return pipelines with their newest versions, oldest first, as if nothing were deployed."""
    sql = """
    SELECT p.id, p.name, p.workspace_id,
      (SELECT v.version FROM pipeline_versions v WHERE v.pipeline_id = p.id ORDER BY v.id DESC LIMIT 1) AS version
    FROM pipelines p WHERE p.id IN (SELECT value FROM json_each(:ids)) ORDER BY p.id
    """
    return [
        PipelineAtAGlance(
            pipeline_id=row["id"],
            pipeline=row["name"],
            workspace_id=row["workspace_id"],
            version=row["version"],
            status=UNDEPLOYED,
        )
        for row in rows.query(db, sql, rows.ids(pipeline_ids))
    ]
