"""In which workspaces a thing is, whatever it is named by."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from jupyter_wallaroo.store import rows

if TYPE_CHECKING:
    from sqlite_utils import Database


class Key(Enum):
    """What a field of a request names a thing by; the value finds its workspaces."""

    PIPELINE = "SELECT workspace_id FROM pipelines WHERE id = :key"
    PIPELINE_VERSION = """SELECT workspace_id FROM pipelines p JOIN pipeline_versions v ON v.pipeline_id = p.id
        WHERE v.id = :key"""
    PIPELINE_VERSION_UUID = """SELECT workspace_id FROM pipelines p JOIN pipeline_versions v ON v.pipeline_id = p.id
        WHERE v.version = :key"""
    DEPLOYMENT = """SELECT workspace_id FROM pipelines p JOIN deployments d ON d.pipeline_id = p.id
        WHERE d.id = :key"""
    MODEL = "SELECT workspace_id FROM models WHERE id = :key"
    MODEL_VERSION = """SELECT workspace_id FROM models m JOIN model_versions v ON v.model_id = m.id
        WHERE v.id = :key"""
    MODEL_CONFIG = """SELECT workspace_id FROM models m JOIN model_versions v ON v.model_id = m.id
        JOIN model_configs c ON c.model_version_id = v.id WHERE c.id = :key"""
    ASSAY = "SELECT workspace_id FROM pipelines p JOIN assays a ON a.pipeline_id = p.id WHERE a.id = :key"
    CONNECTION = "SELECT workspace_id FROM connection_links WHERE connection_id = lower(:key)"
    CONNECTION_NAME = """SELECT workspace_id FROM connection_links l JOIN connections c ON c.id = l.connection_id
        WHERE c.name = :key"""
    ORCHESTRATION = "SELECT workspace_id FROM orchestrations WHERE id = lower(:key)"
    TASK = "SELECT workspace_id FROM tasks WHERE id = lower(:key)"
    TASK_RUN = "SELECT workspace_id FROM tasks t JOIN task_runs r ON r.task_id = t.id WHERE r.id = lower(:key)"


def workspaces_of(db: Database, key: Key, value: int | str) -> set[int]:
    """Return the ids of the workspaces that a thing is in, none when it does not exist."""
    return {row["workspace_id"] for row in rows.query(db, key.value, {"key": value})}
