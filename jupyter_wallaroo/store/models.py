"""Models, model versions and model configurations."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_wallaroo.store import rows
from jupyter_wallaroo.types.framework import ModelStatus, Runtime
from jupyter_wallaroo.types.model import (
    ConfiguredModelVersion,
    Conversion,
    FileInfo,
    Model,
    ModelConfig,
    ModelReference,
    ModelVersion,
    ModelVersionEntry,
    Signature,
    StoredModel,
)
from jupyter_wallaroo.types.plan import Converted, Sample
from jupyter_wallaroo.types.tag import Tag

if TYPE_CHECKING:
    from sqlite_utils import Database

_conversion = msgspec.json.Decoder(Conversion).decode
_signature = msgspec.json.Decoder(Signature).decode
_tags = msgspec.json.Decoder(list[Tag]).decode

_VERSIONS = """
SELECT v.*, m.name AS model_name, m.workspace_id AS workspace_id, c.id AS config_id, c.config AS config,
(SELECT json_group_array(json_object('id', id, 'tag', tag)) FROM (SELECT t.id, t.tag FROM model_version_tags l
JOIN tags t ON t.id = l.tag_id WHERE l.model_version_id = v.id ORDER BY t.id)) AS tags
FROM model_versions v JOIN models m ON m.id = v.model_id
JOIN model_configs c ON c.id = (SELECT max(id) FROM model_configs WHERE model_version_id = v.id)
"""


def _model(row: rows.RowValues) -> Model:
    return Model(
        id=row["id"],
        name=row["name"],
        owner_id=row["owner_id"],
        workspace_id=row["workspace_id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _configured(row: rows.RowValues) -> ConfiguredModelVersion:
    version = ModelVersion(
        id=row["id"],
        name=row["model_name"],
        workspace_id=row["workspace_id"],
        status=ModelStatus(row["status"]),
        visibility=row["visibility"],
        file_info=FileInfo(version=row["version"], sha=row["sha"], file_name=row["file_name"], size=row["size_bytes"]),
        conversion=_conversion(row["conversion"]),
        signature=_signature(row["signature"]) if row["signature"] else None,
        created_at=row["created_at"],
        created_by=row["created_by"],
        error_summary=row["error_summary"],
        note=row["note"],
        tags=_tags(row["tags"]),
    )
    config = _config(row["config_id"], row["id"], row["runtime"], row["config"])
    return ConfiguredModelVersion(model_version=version, config=config)


def _config(config_id: int, model_version_id: int, runtime: str, text: str) -> ModelConfig:
    settings: dict[str, Any] = msgspec.json.decode(text)
    return ModelConfig(id=config_id, model_version_id=model_version_id, runtime=Runtime(runtime), **settings)


def insert_version(
    db: Database,
    *,
    workspace_id: int,
    name: str,
    user_id: str,
    sha: str,
    file_name: str,
    size_bytes: int,
    visibility: str,
    conversion: Conversion,
    settings: dict[str, Any],
    sample: Sample | None,
    converted: Converted | None,
) -> int:
    """Add a version to the model called ``name``, made when new; return its id.

    ``settings`` are those of its first configuration. It is ready when ``converted`` is given, else waits for it.
    """
    present = rows.present()
    key = {"workspace": workspace_id, "key": rows.name_key(name)}
    model = rows.first(db, "SELECT id FROM models WHERE workspace_id = :workspace AND name_key = :key", key)
    if model is None:
        model_id = rows.insert(
            db,
            "models",
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
        model_id = model["id"]
        rows.update(db, "models", model_id, {"updated_at": present})
    version_id = rows.insert(
        db,
        "model_versions",
        {
            "model_id": model_id,
            "version": str(uuid.uuid4()),
            "sha": sha,
            "file_name": file_name,
            "size_bytes": size_bytes,
            "status": ModelStatus.PENDING,
            "visibility": visibility,
            "conversion": msgspec.json.encode(conversion).decode(),
            "sample": msgspec.json.encode(sample).decode() if sample else None,
            "created_by": user_id,
            "created_at": present,
        },
    )
    insert_config(db, version_id, settings)
    if converted is not None:
        set_ready(db, version_id, converted)
    return version_id


def set_failed(db: Database, version_id: int, error_summary: str) -> None:
    """Say why a version could not be converted."""
    values = {"status": ModelStatus.ERROR, "error_summary": error_summary, "sample": None}
    rows.update(db, "model_versions", version_id, values)


def set_converting(db: Database, version_id: int) -> None:
    """Say that a version's conversion has begun."""
    rows.update(db, "model_versions", version_id, {"status": ModelStatus.CONVERTING})


def set_ready(db: Database, version_id: int, converted: Converted) -> None:
    """Keep what was found out about a version, which can be deployed from now on."""
    found = converted.found
    values = {
        "status": ModelStatus.READY,
        "runtime": found.runtime,
        "signature": msgspec.json.encode(found.signature).decode() if found.signature else None,
        "artifact_sha": converted.artifact_sha,
        "requirements": msgspec.json.encode(converted.requirements).decode(),
        "note": found.note,
        "error_summary": None,
        "sample": None,
    }
    rows.update(db, "model_versions", version_id, values)


def unready(db: Database) -> list[int]:
    """Return the versions whose conversion was not finished, oldest first."""
    sql = "SELECT id FROM model_versions WHERE status IN ('pending_conversion', 'converting') ORDER BY id"
    return [row["id"] for row in rows.query(db, sql)]


def sample(db: Database, version_id: int) -> Sample | None:
    """Return the records that came with a version that is not converted yet."""
    row = rows.first(db, "SELECT sample FROM model_versions WHERE id = :id", {"id": version_id})
    return msgspec.json.decode(row["sample"]) if row and row["sample"] else None


def stored(db: Database, version_id: int) -> StoredModel | None:
    """Return what it takes to load a version."""
    row = rows.first(db, f"{_VERSIONS} WHERE v.id = :id", {"id": version_id})
    if row is None:
        return None
    return StoredModel(
        configured=_configured(row),
        file_sha=row["artifact_sha"] or row["sha"],
        requirements=msgspec.json.decode(row["requirements"]),
    )


def insert_config(db: Database, model_version_id: int, settings: dict[str, Any]) -> ModelConfig:
    """Add a configuration to a model version; the newest counts."""
    text = msgspec.json.encode(settings).decode()
    values = {"model_version_id": model_version_id, "config": text, "created_at": rows.present()}
    config_id = rows.insert(db, "model_configs", values)
    version_row = rows.first(db, "SELECT runtime FROM model_versions WHERE id = :id", {"id": model_version_id})
    assert version_row is not None, "a configuration's version exists (foreign key)"
    return _config(config_id, model_version_id, version_row["runtime"], text)


def get(db: Database, model_id: int) -> Model | None:
    """Return a model by id."""
    row = rows.first(db, "SELECT * FROM models WHERE id = :id", {"id": model_id})
    return _model(row) if row else None


def by_ids(db: Database, model_ids: list[int]) -> list[Model]:
    """Return models by id, oldest first; those that there are."""
    sql = "SELECT * FROM models WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id"
    return [_model(row) for row in rows.query(db, sql, rows.ids(model_ids))]


def by_name(db: Database, name: str) -> list[Model]:
    """Return the models called ``name`` in any workspace."""
    sql = "SELECT * FROM models WHERE name_key = :key ORDER BY id"
    return [_model(row) for row in rows.query(db, sql, {"key": rows.name_key(name)})]


def names(db: Database, workspace_id: int | None) -> list[str]:
    """Return the names of a workspace's models, or of all, for "did you mean"."""
    sql = "SELECT name FROM models WHERE :workspace IS NULL OR workspace_id = :workspace ORDER BY id"
    return [row["name"] for row in rows.query(db, sql, {"workspace": workspace_id})]


def version(db: Database, version_id: int) -> ConfiguredModelVersion | None:
    """Return a model version by its number."""
    row = rows.first(db, f"{_VERSIONS} WHERE v.id = :id", {"id": version_id})
    return _configured(row) if row else None


def versions(db: Database, model_id: int) -> list[ConfiguredModelVersion]:
    """Return a model's versions, oldest first (S2-21)."""
    sql = f"{_VERSIONS} WHERE v.model_id = :model ORDER BY v.id"
    return [_configured(row) for row in rows.query(db, sql, {"model": model_id})]


def entries(db: Database, model_ids: list[int], *, after: int = 0, limit: int = -1) -> list[ModelVersionEntry]:
    """Return the versions of models as lists show them, oldest first: at most ``limit`` behind the id ``after``."""
    sql = f"""
    SELECT v.id, v.model_id AS models_pk_id, m.name AS model_id, v.version AS model_version, v.sha,
    v.created_by AS owner_id, v.file_name, v.status FROM model_versions v JOIN models m ON m.id = v.model_id
    WHERE v.id IN (SELECT id FROM model_versions WHERE model_id {rows.AMONG} AND id > :after ORDER BY id LIMIT :limit)
    ORDER BY v.id
    """  # noqa: S608  a constant of ours
    asked = {**rows.ids(model_ids), "after": after, "limit": limit}
    return [ModelVersionEntry(**row) for row in rows.query(db, sql, asked)]


def versions_of(db: Database, model_ids: list[int]) -> dict[int, list[ConfiguredModelVersion]]:
    """Return the versions of models by the model's id, oldest first."""
    sql = f"{_VERSIONS} WHERE v.model_id {rows.AMONG} ORDER BY v.id"
    found: dict[int, list[ConfiguredModelVersion]] = {model_id: [] for model_id in model_ids}
    for row in rows.query(db, sql, rows.ids(model_ids)):
        found[row["model_id"]].append(_configured(row))
    return found


def versions_by_id(db: Database, version_ids: list[int]) -> list[ConfiguredModelVersion]:
    """Return model versions by number, newest first."""
    sql = f"{_VERSIONS} WHERE v.id {rows.AMONG} ORDER BY v.id DESC"
    return [_configured(row) for row in rows.query(db, sql, rows.ids(version_ids))]


def referenced(db: Database, workspace_id: int, reference: ModelReference) -> ConfiguredModelVersion | None:
    """Return the version that a reference names by UUID, if it is in the workspace; name and sha are not compared."""
    sql = f"{_VERSIONS} WHERE v.version = :version AND m.workspace_id = :workspace"
    row = rows.first(db, sql, {"version": reference.version, "workspace": workspace_id})
    return _configured(row) if row else None


def config(db: Database, config_id: int) -> ModelConfig | None:
    """Return a configuration by id."""
    sql = (
        "SELECT c.*, v.runtime FROM model_configs c JOIN model_versions v ON v.id = c.model_version_id WHERE c.id = :id"
    )
    row = rows.first(db, sql, {"id": config_id})
    return _config(row["id"], row["model_version_id"], row["runtime"], row["config"]) if row else None


def known_shas(db: Database) -> set[str]:
    """Return the SHA-256 of every file that a version refers to."""
    sql = "SELECT sha FROM model_versions UNION SELECT artifact_sha FROM model_versions WHERE artifact_sha IS NOT NULL"
    return {row["sha"] for row in rows.query(db, sql)}
