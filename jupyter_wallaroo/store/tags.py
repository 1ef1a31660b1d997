"""Tags, and what has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from jupyter_wallaroo.store import rows
from jupyter_wallaroo.types.tag import ListedTag, Tag, TaggedModel, TaggedPipeline

if TYPE_CHECKING:
    from sqlite_utils import Database

# What has a tag comes as one text: thousands of things are read several times as fast as rows are.
_LISTED = """
SELECT g.*,
(SELECT json_group_array(json_object('id', id, 'name', name, 'workspace_id', workspace_id)) FROM (
    SELECT p.id, p.name, p.workspace_id FROM pipeline_tags l JOIN pipelines p ON p.id = l.pipeline_id
    WHERE l.tag_id = g.id AND p.removed_at IS NULL ORDER BY p.id)) AS pipelines,
(SELECT json_group_array(json_object('id', id, 'name', name, 'version', version, 'workspace_id', workspace_id)) FROM (
    SELECT v.id, m.name, v.version, m.workspace_id FROM model_version_tags l
    JOIN model_versions v ON v.id = l.model_version_id JOIN models m ON m.id = v.model_id
    WHERE l.tag_id = g.id ORDER BY v.id)) AS models
FROM tags g WHERE g.id > :after ORDER BY g.id LIMIT :limit
"""
_pipelines = msgspec.json.Decoder(list[TaggedPipeline]).decode
_models = msgspec.json.Decoder(list[TaggedModel]).decode


def insert(db: Database, tag: str, user_id: str) -> Tag:
    """Make a tag, or return the one with these words."""
    key = rows.name_key(tag)
    existing = rows.first(db, "SELECT id, tag FROM tags WHERE tag_key = :key", {"key": key})
    if existing is not None:
        return Tag(id=existing["id"], tag=existing["tag"])
    values = {"tag": tag, "tag_key": key, "created_by": user_id, "created_at": rows.present()}
    return Tag(id=rows.insert(db, "tags", values), tag=tag)


def get(db: Database, tag_id: int) -> Tag | None:
    """Return a tag by id."""
    row = rows.first(db, "SELECT id, tag FROM tags WHERE id = :id", {"id": tag_id})
    return Tag(id=row["id"], tag=row["tag"]) if row else None


def page(db: Database, after: int, limit: int) -> list[ListedTag]:
    """Return tags with what has them, oldest first: at most ``limit``, behind the one with the id ``after``."""
    return [
        ListedTag(
            id=row["id"],
            tag=row["tag"],
            created_by=row["created_by"],
            created_at=row["created_at"],
            pipelines=_pipelines(row["pipelines"]),
            models=_models(row["models"]),
        )
        for row in rows.query(db, _LISTED, {"after": after, "limit": limit})
    ]


def of_pipeline(db: Database, pipeline_id: int) -> list[Tag]:
    """Return a pipeline's tags, oldest first."""
    sql = """
    SELECT t.id, t.tag FROM pipeline_tags l JOIN tags t ON t.id = l.tag_id WHERE l.pipeline_id = :id ORDER BY t.id
    """
    return [Tag(**row) for row in rows.query(db, sql, {"id": pipeline_id})]


def assign_to_pipeline(db: Database, tag_id: int, pipeline_id: int) -> None:
    """Put a tag on a pipeline; once more is fine."""
    db.conn.execute("INSERT OR IGNORE INTO pipeline_tags (pipeline_id, tag_id) VALUES (?, ?)", (pipeline_id, tag_id))


def assign_to_model(db: Database, tag_id: int, model_version_id: int) -> None:
    """Put a tag on a model version; once more is fine."""
    sql = "INSERT OR IGNORE INTO model_version_tags (model_version_id, tag_id) VALUES (?, ?)"
    db.conn.execute(sql, (model_version_id, tag_id))


def remove_from_pipeline(db: Database, tag_id: int, pipeline_id: int) -> None:
    """Take a tag from a pipeline."""
    where = "tag_id = :tag AND pipeline_id = :pipeline"
    db.table("pipeline_tags").delete_where(where, {"tag": tag_id, "pipeline": pipeline_id})


def remove_from_model(db: Database, tag_id: int, model_version_id: int) -> None:
    """Take a tag from a model version."""
    where = "tag_id = :tag AND model_version_id = :version"
    db.table("model_version_tags").delete_where(where, {"tag": tag_id, "version": model_version_id})
