"""Finding pipelines and model versions by what is known of them; pages are cut by key (SECURITY D13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jupyter_wallaroo.store import rows

if TYPE_CHECKING:
    from sqlite_utils import Database

_PIPELINES = """
SELECT p.id FROM pipelines p WHERE p.removed_at IS NULL AND
(:before IS NULL OR p.id < :before) AND (:workspace IS NULL OR p.workspace_id = :workspace)
AND (:created_start IS NULL OR p.created_at >= :created_start)
AND (:created_end IS NULL OR p.created_at < :created_end)
AND (:updated_start IS NULL OR p.updated_at >= :updated_start)
AND (:updated_end IS NULL OR p.updated_at < :updated_end)
AND (:deployed IS NULL OR :deployed = EXISTS (
    SELECT 1 FROM deployments d WHERE d.pipeline_id = p.id AND d.wanted = 1))
AND (:tag IS NULL OR p.id IN (
    SELECT l.pipeline_id FROM tags t JOIN pipeline_tags l ON l.tag_id = t.id WHERE t.tag_key = :tag))
AND (:term IS NULL OR instr(p.name_key, :term) OR p.id IN (
    SELECT l.pipeline_id FROM tags t JOIN pipeline_tags l ON l.tag_id = t.id WHERE instr(t.tag_key, :term)))
ORDER BY p.id DESC LIMIT :limit
"""

_MODEL_VERSIONS = """
SELECT v.id FROM model_versions v WHERE (:before IS NULL OR v.id < :before)
AND (:workspace IS NULL OR v.model_id IN (SELECT id FROM models WHERE workspace_id = :workspace))
AND (:uploaded_start IS NULL OR v.created_at >= :uploaded_start)
AND (:uploaded_end IS NULL OR v.created_at < :uploaded_end)
AND (:deployed IS NULL OR :deployed = (v.id IN (
    SELECT c.model_version_id FROM deployments d, json_each(d.model_config_ids) j
    JOIN model_configs c ON c.id = j.value WHERE d.wanted = 1)))
AND (:tag IS NULL OR v.id IN (
    SELECT l.model_version_id FROM tags t JOIN model_version_tags l ON l.tag_id = t.id WHERE t.tag_key = :tag))
AND (:term IS NULL OR v.model_id IN (SELECT id FROM models WHERE instr(name_key, :term))
    OR instr(lower(v.file_name), :term) OR instr(v.version, :term) OR v.id IN (
    SELECT l.model_version_id FROM tags t JOIN model_version_tags l ON l.tag_id = t.id WHERE instr(t.tag_key, :term)))
ORDER BY v.id DESC LIMIT :limit
"""

Conditions = Mapping[str, str | int | None]
"""What has to hold, by the names in the statements; None holds always."""


def pipelines(db: Database, conditions: Conditions) -> list[int]:
    """Return the ids of the pipelines for which all ``conditions`` hold, the newest first."""
    return [row["id"] for row in rows.query(db, _PIPELINES, conditions)]


def model_versions(db: Database, conditions: Conditions) -> list[int]:
    """Return the ids of the model versions for which all ``conditions`` hold, the newest first."""
    return [row["id"] for row in rows.query(db, _MODEL_VERSIONS, conditions)]
