"""The tables, as the steps that lead to them. A released step is never changed; a new one is added below it."""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("jupyter_wallaroo")

_FOUNDATION = """
CREATE TABLE users (
    id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, display_name TEXT NOT NULL, created_at TEXT NOT NULL,
    default_workspace_id INTEGER REFERENCES workspaces(id)
) STRICT;
CREATE TABLE workspaces (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE,
    archived INTEGER NOT NULL DEFAULT 0, created_by TEXT NOT NULL REFERENCES users(id), created_at TEXT NOT NULL
) STRICT;
CREATE TABLE models (
    id INTEGER PRIMARY KEY AUTOINCREMENT, workspace_id INTEGER NOT NULL REFERENCES workspaces(id),
    name TEXT NOT NULL, name_key TEXT NOT NULL, owner_id TEXT NOT NULL REFERENCES users(id),
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, UNIQUE (workspace_id, name_key)
) STRICT;
CREATE TABLE model_versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, model_id INTEGER NOT NULL REFERENCES models(id),
    version TEXT NOT NULL UNIQUE, sha TEXT NOT NULL, file_name TEXT NOT NULL, size_bytes INTEGER NOT NULL,
    status TEXT NOT NULL, visibility TEXT NOT NULL, conversion TEXT NOT NULL, signature TEXT,
    created_by TEXT NOT NULL REFERENCES users(id), created_at TEXT NOT NULL
) STRICT;
CREATE INDEX model_versions_by_model ON model_versions(model_id, id);
CREATE INDEX model_versions_by_sha ON model_versions(sha);
CREATE TABLE model_configs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, model_version_id INTEGER NOT NULL REFERENCES model_versions(id),
    config TEXT NOT NULL, created_at TEXT NOT NULL
) STRICT;
CREATE INDEX model_configs_by_version ON model_configs(model_version_id, id);
CREATE TABLE pipelines (
    id INTEGER PRIMARY KEY AUTOINCREMENT, workspace_id INTEGER NOT NULL REFERENCES workspaces(id),
    name TEXT NOT NULL, name_key TEXT NOT NULL, owner_id TEXT NOT NULL REFERENCES users(id),
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, UNIQUE (workspace_id, name_key)
) STRICT;
CREATE TABLE pipeline_versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline_id INTEGER NOT NULL REFERENCES pipelines(id),
    version TEXT NOT NULL UNIQUE, definition TEXT NOT NULL, same_as TEXT,
    created_by TEXT NOT NULL REFERENCES users(id), created_at TEXT NOT NULL
) STRICT;
CREATE INDEX pipeline_versions_by_pipeline ON pipeline_versions(pipeline_id, id);
CREATE TABLE deployments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, pipeline_id INTEGER NOT NULL REFERENCES pipelines(id),
    deploy_id TEXT NOT NULL, pipeline_version_id INTEGER NOT NULL REFERENCES pipeline_versions(id),
    engine_config TEXT NOT NULL, model_config_ids TEXT NOT NULL, wanted INTEGER NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL, UNIQUE (pipeline_id, deploy_id)
) STRICT;
CREATE INDEX deployments_wanted ON deployments(wanted) WHERE wanted = 1;
"""


@migrations()
def foundation(db: Database) -> None:
    """Users, workspaces, models, pipelines and deployments."""
    for statement in _FOUNDATION.split(";"):
        if statement.strip():
            db.conn.execute(statement)
