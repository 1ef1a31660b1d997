"""Deployments: what is wanted to run, and what ran before. How it runs is not stored: the supervisor knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from jupyter_wallaroo.store import rows
from jupyter_wallaroo.types.deployment import EngineConfig

if TYPE_CHECKING:
    from sqlite_utils import Database


class Deployment(Struct, frozen=True, kw_only=True):
    """A stored deployment; ``wanted`` is False once it is undeployed, ``release_id`` is the `Release` that counts."""

    id: int
    pipeline_id: int
    deploy_id: str
    pipeline_version_id: int
    engine_config: EngineConfig
    model_config_ids: list[int]
    wanted: bool
    release_id: int

    @property
    def name(self) -> str:
        """``{deploy_id}-{id}``, the name in URLs and status calls."""
        return f"{self.deploy_id}-{self.id}"


class Release(Struct, frozen=True, kw_only=True):
    """What a deployment was told to run, once."""

    id: int
    pipeline_version_id: int
    engine_config: EngineConfig
    model_config_ids: list[int]


def _deployment(row: rows.RowValues) -> Deployment:
    return Deployment(
        id=row["id"],
        pipeline_id=row["pipeline_id"],
        deploy_id=row["deploy_id"],
        pipeline_version_id=row["pipeline_version_id"],
        engine_config=msgspec.json.decode(row["engine_config"]),
        model_config_ids=msgspec.json.decode(row["model_config_ids"]),
        wanted=bool(row["wanted"]),
        release_id=row["release_id"],
    )


def want(
    db: Database,
    *,
    pipeline_id: int,
    deploy_id: str,
    pipeline_version_id: int,
    engine_config: EngineConfig,
    model_config_ids: list[int],
) -> Deployment:
    """Note that a pipeline version is to run; the same pipeline under the same name keeps its id (S1-24)."""
    sql = "SELECT id FROM deployments WHERE pipeline_id = :pipeline AND deploy_id = :deploy"
    existing = rows.first(db, sql, {"pipeline": pipeline_id, "deploy": deploy_id})
    present = rows.present()
    values = {
        "pipeline_id": pipeline_id,
        "deploy_id": deploy_id,
        "pipeline_version_id": pipeline_version_id,
        "engine_config": msgspec.json.encode(engine_config).decode(),
        "model_config_ids": msgspec.json.encode(model_config_ids).decode(),
        "wanted": 1,
        "updated_at": present,
    }
    if existing is None:
        key = rows.insert(db, "deployments", {**values, "created_at": present})
    else:
        key = existing["id"]
        rows.update(db, "deployments", key, values)
    names = ("pipeline_version_id", "engine_config", "model_config_ids")
    told = {"deployment_id": key, "created_at": present} | {name: values[name] for name in names}
    release_id = rows.insert(db, "releases", told)
    rows.update(db, "deployments", key, {"release_id": release_id})
    return _deployment({**values, "id": key, "release_id": release_id})


def releases(db: Database, pipeline_id: int) -> list[Release]:
    """Return what a pipeline's deployments were told to run and did not refuse, the last first."""
    sql = """
    SELECT r.* FROM releases r JOIN deployments d ON d.id = r.deployment_id
    WHERE d.pipeline_id = :id AND NOT r.refused ORDER BY r.id DESC
    """
    return [
        Release(
            id=row["id"],
            pipeline_version_id=row["pipeline_version_id"],
            engine_config=msgspec.json.decode(row["engine_config"]),
            model_config_ids=msgspec.json.decode(row["model_config_ids"]),
        )
        for row in rows.query(db, sql, {"id": pipeline_id})
    ]


def refuse(db: Database, refused: Deployment, release_id: int) -> Deployment:
    """Note that what a deployment was told last did not come up, so that it goes on with an earlier release."""
    rows.update(db, "releases", refused.release_id, {"refused": 1})
    row = rows.first(db, "SELECT * FROM releases WHERE id = :id", {"id": release_id})
    assert row is not None, "releases are never deleted"
    kept = {name: row[name] for name in ("pipeline_version_id", "engine_config", "model_config_ids")}
    rows.update(db, "deployments", refused.id, {**kept, "release_id": release_id, "updated_at": rows.present()})
    found = get(db, refused.id)
    assert found is not None, "deployments are never deleted"
    return found


def unwant(db: Database, deployment_id: int) -> None:
    """Note that a deployment is not to run any more; its row stays."""
    rows.update(db, "deployments", deployment_id, {"wanted": 0, "updated_at": rows.present()})


def get(db: Database, deployment_id: int) -> Deployment | None:
    """Return a deployment by id."""
    row = rows.first(db, "SELECT * FROM deployments WHERE id = :id", {"id": deployment_id})
    return _deployment(row) if row else None


def of_pipeline(db: Database, pipeline_id: int) -> list[Deployment]:
    """Return a pipeline's deployments, the last changed first."""
    sql = "SELECT * FROM deployments WHERE pipeline_id = :id ORDER BY updated_at DESC, id DESC"
    return [_deployment(row) for row in rows.query(db, sql, {"id": pipeline_id})]


def wanted_of(db: Database, pipeline_ids: list[int]) -> list[Deployment]:
    """Return what is to run of pipelines, the last changed first."""
    sql = """
    SELECT * FROM deployments WHERE wanted = 1 AND pipeline_id IN (SELECT value FROM json_each(:ids))
    ORDER BY updated_at DESC, id DESC
    """
    return [_deployment(row) for row in rows.query(db, sql, rows.ids(pipeline_ids))]


def wanted(db: Database) -> list[Deployment]:
    """Return everything that is to run, oldest first."""
    return [_deployment(row) for row in rows.query(db, "SELECT * FROM deployments WHERE wanted = 1 ORDER BY id")]
