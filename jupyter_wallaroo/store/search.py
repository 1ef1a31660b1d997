"""Finding pipelines and model versions by what is known of them; pages are cut by key (SECURITY D13)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jupyter_wallaroo.store import rows

if TYPE_CHECKING:
    from sqlite_utils import Database

_RUNNING = """SELECT c.model_version_id FROM deployments d, json_each(d.model_config_ids) j
JOIN model_configs c ON c.id = j.value WHERE d.wanted = 1"""

_PIPELINES = {
    "before": "p.id < :before",
    "workspace": "p.workspace_id = :workspace",
    "created_start": "p.created_at >= :created_start",
    "created_end": "p.created_at < :created_end",
    "updated_start": "p.updated_at >= :updated_start",
    "updated_end": "p.updated_at < :updated_end",
    "deployed": "p.id IN (SELECT pipeline_id FROM deployments WHERE wanted = 1)",
    "undeployed": "p.id NOT IN (SELECT pipeline_id FROM deployments WHERE wanted = 1)",
    "tag": """p.id IN (
        SELECT l.pipeline_id FROM tags t JOIN pipeline_tags l ON l.tag_id = t.id WHERE t.tag_key = :tag)""",
    "term": """(instr(p.name_key, :term) OR p.id IN (
        SELECT l.pipeline_id FROM tags t JOIN pipeline_tags l ON l.tag_id = t.id WHERE instr(t.tag_key, :term)))""",
}

_MODEL_VERSIONS = {
    "before": "v.id < :before",
    "workspace": "v.model_id IN (SELECT id FROM models WHERE workspace_id = :workspace)",
    "uploaded_start": "v.created_at >= :uploaded_start",
    "uploaded_end": "v.created_at < :uploaded_end",
    "deployed": f"v.id IN ({_RUNNING})",
    "undeployed": f"v.id NOT IN ({_RUNNING})",
    "tag": """v.id IN (
        SELECT l.model_version_id FROM tags t JOIN model_version_tags l ON l.tag_id = t.id WHERE t.tag_key = :tag)""",
    "term": """(v.model_id IN (SELECT id FROM models WHERE instr(name_key, :term))
        OR instr(lower(v.file_name), :term) OR instr(v.version, :term) OR v.id IN (
        SELECT l.model_version_id FROM tags t JOIN model_version_tags l ON l.tag_id = t.id
        WHERE instr(t.tag_key, :term)))""",
}

Conditions = Mapping[str, str | int | bool | None]
"""What has to hold, by the names above, and ``limit``; None holds always."""


def pipelines(db: Database, conditions: Conditions) -> list[int]:
    """Return the ids of the pipelines for which all ``conditions`` hold, the newest first."""
    return _newest(
        db, "p.id FROM pipelines p", {"p.removed_at IS NULL": True} | _held(_PIPELINES, conditions), conditions
    )


def model_versions(db: Database, conditions: Conditions) -> list[int]:
    """Return the ids of the model versions for which all ``conditions`` hold, the newest first."""
    return _newest(db, "v.id FROM model_versions v", _held(_MODEL_VERSIONS, conditions), conditions)


def _held(known: Mapping[str, str], conditions: Conditions) -> dict[str, object]:
    return {sql: conditions[name] for name, sql in known.items()}


def _newest(db: Database, what: str, held: Mapping[str, object], conditions: Conditions) -> list[int]:
    sql = f"SELECT {what}{rows.where(held)} ORDER BY 1 DESC LIMIT :limit"
    return [row["id"] for row in rows.query(db, sql, conditions)]
