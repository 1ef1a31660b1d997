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

_CONNECTIONS = """
CREATE TABLE connections (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE, type TEXT NOT NULL,
    created_by TEXT NOT NULL REFERENCES users(id), created_at TEXT NOT NULL
) STRICT;
CREATE TABLE connection_details (
    connection_id TEXT PRIMARY KEY REFERENCES connections(id) ON DELETE CASCADE,
    key_id TEXT NOT NULL, nonce BLOB NOT NULL, ciphertext BLOB NOT NULL
) STRICT;
CREATE TABLE connection_links (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    connection_id TEXT NOT NULL REFERENCES connections(id) ON DELETE CASCADE,
    workspace_id INTEGER NOT NULL REFERENCES workspaces(id), UNIQUE (connection_id, workspace_id)
) STRICT;
CREATE INDEX connection_links_by_workspace ON connection_links(workspace_id, number);
CREATE TABLE workspace_users (
    number INTEGER PRIMARY KEY AUTOINCREMENT, workspace_id INTEGER NOT NULL REFERENCES workspaces(id),
    user_id TEXT NOT NULL REFERENCES users(id), user_type TEXT NOT NULL, created_at TEXT NOT NULL,
    UNIQUE (workspace_id, user_id)
) STRICT;
"""


@migrations()
def foundation(db: Database) -> None:
    """Users, workspaces, models, pipelines and deployments."""
    _execute(db, _FOUNDATION)


_FRAMEWORKS = """
ALTER TABLE model_versions ADD COLUMN runtime TEXT NOT NULL DEFAULT 'onnx';
ALTER TABLE model_versions ADD COLUMN artifact_sha TEXT;
ALTER TABLE model_versions ADD COLUMN requirements TEXT NOT NULL DEFAULT '[]';
ALTER TABLE model_versions ADD COLUMN sample TEXT;
ALTER TABLE model_versions ADD COLUMN error_summary TEXT;
ALTER TABLE model_versions ADD COLUMN note TEXT;
CREATE INDEX model_versions_unready ON model_versions(status) WHERE status IN ('pending_conversion', 'converting');
"""


@migrations()
def frameworks(db: Database) -> None:
    """Model versions of other frameworks than ONNX: what runs them, what they were converted to, what they need."""
    _execute(db, _FRAMEWORKS)


@migrations()
def connections(db: Database) -> None:
    """Add connections with sealed details and links, and the users of a workspace beside its creator."""
    _execute(db, _CONNECTIONS)


_CHANGES = """
ALTER TABLE pipelines ADD COLUMN removed_at TEXT;
CREATE TABLE releases (
    id INTEGER PRIMARY KEY AUTOINCREMENT, deployment_id INTEGER NOT NULL REFERENCES deployments(id),
    pipeline_version_id INTEGER NOT NULL REFERENCES pipeline_versions(id),
    engine_config TEXT NOT NULL, model_config_ids TEXT NOT NULL, refused INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL
) STRICT;
CREATE INDEX releases_by_deployment ON releases(deployment_id, id);
INSERT INTO releases (deployment_id, pipeline_version_id, engine_config, model_config_ids, created_at)
    SELECT id, pipeline_version_id, engine_config, model_config_ids, updated_at
    FROM deployments ORDER BY updated_at, id;
ALTER TABLE deployments ADD COLUMN release_id INTEGER REFERENCES releases(id);
UPDATE deployments SET release_id = (SELECT id FROM releases WHERE deployment_id = deployments.id);
CREATE TABLE audit_records (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, user_id TEXT NOT NULL REFERENCES users(id),
    action TEXT NOT NULL, via TEXT NOT NULL, workspace_id INTEGER NOT NULL REFERENCES workspaces(id),
    pipeline_id INTEGER REFERENCES pipelines(id), pipeline TEXT, pipeline_key TEXT,
    deployment_id INTEGER REFERENCES deployments(id), model_version_id INTEGER REFERENCES model_versions(id),
    model TEXT, before TEXT, after TEXT
) STRICT;
CREATE INDEX audit_records_by_pipeline ON audit_records(pipeline_key, id);
CREATE INDEX audit_records_by_workspace ON audit_records(workspace_id, id)
"""


@migrations()
def changes(db: Database) -> None:
    """Add the audit records, what each deployment ran and runs, and pipelines that are removed."""
    _execute(db, _CHANGES)


_TAGS = """
CREATE TABLE tags (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tag TEXT NOT NULL, tag_key TEXT NOT NULL UNIQUE,
    created_by TEXT NOT NULL REFERENCES users(id), created_at TEXT NOT NULL
) STRICT;
CREATE TABLE pipeline_tags (
    pipeline_id INTEGER NOT NULL REFERENCES pipelines(id), tag_id INTEGER NOT NULL REFERENCES tags(id),
    PRIMARY KEY (pipeline_id, tag_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX pipeline_tags_by_tag ON pipeline_tags(tag_id, pipeline_id);
CREATE TABLE model_version_tags (
    model_version_id INTEGER NOT NULL REFERENCES model_versions(id), tag_id INTEGER NOT NULL REFERENCES tags(id),
    PRIMARY KEY (model_version_id, tag_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX model_version_tags_by_tag ON model_version_tags(tag_id, model_version_id)
"""


@migrations()
def tags(db: Database) -> None:
    """Add tags, and what has them."""
    _execute(db, _TAGS)


_ASSAYS = """
CREATE TABLE assays (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE,
    pipeline_id INTEGER NOT NULL REFERENCES pipelines(id), active INTEGER NOT NULL, status TEXT NOT NULL,
    definition TEXT NOT NULL, kept TEXT, next_run_ms INTEGER, last_run_ms INTEGER,
    created_by TEXT NOT NULL REFERENCES users(id), created_at TEXT NOT NULL, updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX assays_by_pipeline ON assays(pipeline_id, id);
CREATE INDEX assays_due ON assays(next_run_ms) WHERE active = 1;
CREATE TABLE assay_analyses (
    id INTEGER PRIMARY KEY AUTOINCREMENT, assay_id INTEGER NOT NULL REFERENCES assays(id) ON DELETE CASCADE,
    window_start_ms INTEGER NOT NULL, window_end_ms INTEGER NOT NULL, status TEXT NOT NULL,
    analyzed_at TEXT NOT NULL, elapsed_ms INTEGER NOT NULL, paths TEXT NOT NULL,
    UNIQUE (assay_id, window_start_ms)
) STRICT;
"""


@migrations()
def assays(db: Database) -> None:
    """Add assays, when each runs next, and what it found in each window, at most once."""
    _execute(db, _ASSAYS)


_ORCHESTRATIONS = """
CREATE TABLE orchestrations (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces(id), sha TEXT NOT NULL, file_name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, entry TEXT NOT NULL, requirements TEXT NOT NULL, status TEXT NOT NULL, error TEXT,
    log TEXT NOT NULL, owner_id TEXT NOT NULL REFERENCES users(id), created_at TEXT NOT NULL, updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX orchestrations_by_workspace ON orchestrations(workspace_id, number);
CREATE INDEX orchestrations_by_sha ON orchestrations(sha);
"""


@migrations()
def orchestrations(db: Database) -> None:
    """Add orchestrations: what was uploaded, and how far its packaging has come."""
    _execute(db, _ORCHESTRATIONS)


_RUNS = """
CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces(id), owner_id TEXT NOT NULL REFERENCES users(id),
    run_type TEXT NOT NULL, selection TEXT NOT NULL, background INTEGER NOT NULL, folder TEXT,
    definition TEXT NOT NULL, definition_hash TEXT NOT NULL, plan TEXT NOT NULL, given TEXT NOT NULL,
    status TEXT NOT NULL, outcome TEXT, reason TEXT, failed_steps TEXT NOT NULL,
    created_at TEXT NOT NULL, started_at TEXT, ended_at TEXT
) STRICT;
CREATE INDEX runs_by_workspace ON runs(workspace_id, number);
CREATE INDEX runs_not_ended ON runs(number) WHERE ended_at IS NULL;
CREATE TABLE run_steps (
    run_number INTEGER NOT NULL REFERENCES runs(number) ON DELETE CASCADE, key TEXT NOT NULL,
    position INTEGER NOT NULL, status TEXT NOT NULL, reason TEXT, traceback TEXT, message TEXT,
    outputs TEXT NOT NULL, notebook_sha TEXT, started_at TEXT, ended_at TEXT,
    PRIMARY KEY (run_number, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE step_results (
    key TEXT PRIMARY KEY, run_number INTEGER NOT NULL REFERENCES runs(number) ON DELETE CASCADE,
    outputs TEXT NOT NULL, created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX step_results_by_run ON step_results(run_number)
"""


@migrations()
def runs(db: Database) -> None:
    """Add runs of step graphs, how their steps went, and what steps left for others."""
    _execute(db, _RUNS)


_SESSIONS = """
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, project TEXT NOT NULL, pipeline TEXT NOT NULL, owner_id TEXT NOT NULL REFERENCES users(id),
    status TEXT NOT NULL, reason TEXT, gateway TEXT, server TEXT, kernelspecs TEXT NOT NULL, created_at TEXT NOT NULL,
    UNIQUE (project, pipeline)
) STRICT;
"""


@migrations()
def sessions(db: Database) -> None:
    """Add sessions, one for each pipeline of a project, with the processes that each was last known to have."""
    _execute(db, _SESSIONS)


_TASKS = """
CREATE TABLE tasks (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT,
    orchestration_id TEXT NOT NULL REFERENCES orchestrations(id), orch_sha TEXT NOT NULL,
    workspace_id INTEGER NOT NULL REFERENCES workspaces(id), owner_id TEXT NOT NULL REFERENCES users(id),
    run_type TEXT NOT NULL, arguments TEXT NOT NULL, timeout_s INTEGER, debug INTEGER NOT NULL,
    schedule TEXT, time_zone TEXT, next_fire_ms INTEGER,
    killed INTEGER NOT NULL DEFAULT 0, paused INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL
) STRICT;
CREATE INDEX tasks_by_workspace ON tasks(workspace_id, number);
CREATE INDEX tasks_due ON tasks(next_fire_ms) WHERE next_fire_ms IS NOT NULL;
CREATE TABLE task_runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    task_id TEXT NOT NULL REFERENCES tasks(id), fire_ms INTEGER NOT NULL, missed INTEGER NOT NULL,
    orch_sha TEXT NOT NULL, state TEXT NOT NULL, reason TEXT, exit_code INTEGER,
    created_at TEXT NOT NULL, started_at TEXT, updated_at TEXT NOT NULL,
    UNIQUE (task_id, fire_ms)
) STRICT;
CREATE INDEX task_runs_by_task ON task_runs(task_id, number);
CREATE INDEX task_runs_open ON task_runs(state) WHERE state IN ('queued', 'running');
"""


@migrations()
def tasks(db: Database) -> None:
    """Add tasks, when each fires next, and their runs, each firing at most once."""
    _execute(db, _TASKS)


@migrations()
def tasks_by_orchestration(db: Database) -> None:
    """Have the tasks of an orchestration found without a look at all others."""
    _execute(db, "CREATE INDEX tasks_by_orchestration ON tasks(orchestration_id, number)")


_PAGES = """
CREATE INDEX models_by_workspace ON models(workspace_id, id);
CREATE INDEX models_by_name ON models(name_key, id);
CREATE INDEX pipelines_by_workspace ON pipelines(workspace_id, id);
CREATE INDEX pipelines_by_name ON pipelines(name_key, id)
"""


@migrations()
def pages(db: Database) -> None:
    """Have pages found without a look at, or a sorting of, what is on others."""
    _execute(db, _PAGES)


def _execute(db: Database, statements: str) -> None:
    for statement in statements.split(";"):
        if statement.strip():
            db.conn.execute(statement)
