"""Deployments: what is wanted to run. How it runs is not stored: the supervisor knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from jupyter_wallaroo.store import rows
from jupyter_wallaroo.types.deployment import EngineConfig

if TYPE_CHECKING:
    from sqlite_utils import Database


class Deployment(Struct, frozen=True, kw_only=True):
    """A stored deployment; ``wanted`` is False once it is undeployed."""

    id: int
    pipeline_id: int
    deploy_id: str
    pipeline_version_id: int
    engine_config: EngineConfig
    model_config_ids: list[int]
    wanted: bool

    @property
    def name(self) -> str:
        """``{deploy_id}-{id}``, the name in URLs and status calls."""
        return f"{self.deploy_id}-{self.id}"


def _deployment(row: rows.RowValues) -> Deployment:
    return Deployment(
        id=row["id"],
        pipeline_id=row["pipeline_id"],
        deploy_id=row["deploy_id"],
        pipeline_version_id=row["pipeline_version_id"],
        engine_config=msgspec.json.decode(row["engine_config"]),
        model_config_ids=msgspec.json.decode(row["model_config_ids"]),
        wanted=bool(row["wanted"]),
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
    return _deployment({**values, "id": key})


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


def wanted(db: Database) -> list[Deployment]:
    """Return everything that is to run, oldest first."""
    return [_deployment(row) for row in rows.query(db, "SELECT * FROM deployments WHERE wanted = 1 ORDER BY id")]
