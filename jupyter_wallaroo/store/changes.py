"""The one way by which pipelines and deployments change: in one transaction, each change with its audit record.

REST's single calls, ``pipelines/apply`` and ``pipelines/rollback`` all end here, so that they leave the same records
(X-02). A change is prepared outside of the transaction; `PipelineChange.seen` says from what, and when that is not so
any more nothing at all is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from jupyter_wallaroo.errors import NotFound
from jupyter_wallaroo.store import audit, deployments, models, pipelines
from jupyter_wallaroo.store.audit import Author
from jupyter_wallaroo.store.deployments import Deployment
from jupyter_wallaroo.types.audit import AuditAction
from jupyter_wallaroo.types.deployment import EngineConfig, without_variables
from jupyter_wallaroo.types.model import ModelConfig
from jupyter_wallaroo.types.pipeline import Definition, Pipeline, PipelineVersion

if TYPE_CHECKING:
    from sqlite_utils import Database


class Present(Struct, frozen=True, kw_only=True):
    """What there is of a pipeline: itself, its newest version, its deployments, the last changed first."""

    pipeline: Pipeline | None = None
    version: PipelineVersion | None = None
    deployments: list[Deployment] = []

    @property
    def running(self) -> Deployment | None:
        """The deployment that is wanted to run, the last changed one if there are several."""
        return next((item for item in self.deployments if item.wanted), None)


class Wanted(Struct, frozen=True, kw_only=True):
    """What is to run; ``pipeline_version_id`` None: the newest version, made by the same change or there already."""

    deploy_id: str
    pipeline_version_id: int | None = None
    engine_config: EngineConfig
    model_config_ids: list[int]
    rolls_back: bool = False


class PipelineChange(Struct, frozen=True, kw_only=True):
    """What is to happen to one pipeline; all of it or nothing.

    ``seen`` is what the change was prepared from, None when it does not matter.
    """

    workspace_id: int
    name: str
    seen: Present | None = None
    definition: Definition | None = None
    """A new version; of a new pipeline, where there is none with the name."""
    copied_from: str | None = None
    """The UUID of the version that the definition is a copy of."""
    wanted: Wanted | None = None
    unwanted: list[int] = []
    """Deployments to end."""
    removes: bool = False


class Changed(Struct, frozen=True, kw_only=True):
    """What has happened to one pipeline; ``version`` is its newest, None when it is removed or there is none.

    ``removed`` is what was the newest of a pipeline that is no more.
    """

    version: PipelineVersion | None
    removed: PipelineVersion | None
    deployed: Deployment | None
    undeployed: list[int]


class Stale(Exception):
    """A pipeline is not what a change was prepared from; nothing was written."""


def present(db: Database, workspace_id: int, name: str) -> Present:
    """Return what there is of the pipeline called ``name``."""
    pipeline = pipelines.by_name(db, workspace_id, name)
    if pipeline is None:
        return Present()
    newest = pipelines.newest_version(db, pipeline.id)
    return Present(pipeline=pipeline, version=newest, deployments=deployments.of_pipeline(db, pipeline.id))


def commit(db: Database, author: Author, changes: list[PipelineChange]) -> list[Changed]:
    """Make all changes, or none.

    Raises
    ------
    Stale
        One was prepared from something that is not so any more.
    NotFound
        A pipeline that is to run was removed meanwhile.
    """
    return [_commit(db, author, change) for change in changes]


def _commit(db: Database, author: Author, change: PipelineChange) -> Changed:
    before = present(db, change.workspace_id, change.name)
    if change.seen is not None and before != change.seen:
        raise Stale(change.name)
    if before.pipeline is not None:
        change = msgspec.structs.replace(change, name=before.pipeline.name)
    version = before.version if change.definition is None else _add_version(db, author, change, before)
    undeployed = [item for item in before.deployments if item.wanted and item.id in change.unwanted]
    for item in undeployed:
        _end(db, author, change, item)
    deployed = None if change.wanted is None else _want(db, author, change, change.wanted, version)
    removed = before.version if change.removes else None
    if change.removes and before.pipeline is not None:
        pipelines.remove(db, before.pipeline.id)
        _record(db, author, change, AuditAction.REMOVE, before.pipeline.id, before=_version_state(before.version))
        version = None
    return Changed(version=version, removed=removed, deployed=deployed, undeployed=[item.id for item in undeployed])


def _add_version(db: Database, author: Author, change: PipelineChange, before: Present) -> PipelineVersion:
    assert change.definition is not None
    added = pipelines.insert_version(db, change.workspace_id, change.name, change.definition, author.user_id)
    after = _version_state(added)
    action = AuditAction.CREATE if before.pipeline is None else AuditAction.VERSION
    if change.copied_from is not None:
        action = AuditAction.COPY
        after = {**(after or {}), "copied_from": change.copied_from}
    _record(db, author, change, action, added.pipeline_id, before=_version_state(before.version), after=after)
    return added


def _want(
    db: Database, author: Author, change: PipelineChange, wanted: Wanted, newest: PipelineVersion | None
) -> Deployment:
    asked = wanted.pipeline_version_id
    version = newest if asked is None else pipelines.version(db, asked)
    if version is None or newest is None or version.pipeline_id != newest.pipeline_id:
        raise NotFound(f"Pipeline {change.name!r} was removed meanwhile: nothing was deployed.")
    known = deployments.of_pipeline(db, version.pipeline_id)
    before = next((item for item in known if item.deploy_id == wanted.deploy_id and item.wanted), None)
    before_state = None if before is None else _deployment_state(db, before)
    stored = deployments.want(
        db,
        pipeline_id=version.pipeline_id,
        deploy_id=wanted.deploy_id,
        pipeline_version_id=version.id,
        engine_config=wanted.engine_config,
        model_config_ids=wanted.model_config_ids,
    )
    action = AuditAction.ROLLBACK if wanted.rolls_back else AuditAction.DEPLOY
    after = _deployment_state(db, stored)
    number = version.pipeline_id
    _record(db, author, change, action, number, deployment_id=stored.id, before=before_state, after=after)
    return stored


def _end(db: Database, author: Author, change: PipelineChange, ending: Deployment) -> None:
    state = _deployment_state(db, ending)
    deployments.unwant(db, ending.id)
    _record(db, author, change, AuditAction.UNDEPLOY, ending.pipeline_id, deployment_id=ending.id, before=state)


def _record(
    db: Database,
    author: Author,
    change: PipelineChange,
    action: AuditAction,
    pipeline_id: int,
    *,
    deployment_id: int | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.add(
        db,
        author,
        action,
        workspace_id=change.workspace_id,
        pipeline=(pipeline_id, change.name),
        deployment_id=deployment_id,
        before=before,
        after=after,
    )


def _version_state(version: PipelineVersion | None) -> dict[str, Any] | None:
    return None if version is None else {"version": version.version, "definition": version.definition}


def _deployment_state(db: Database, deployment: Deployment) -> dict[str, Any]:
    version = pipelines.version(db, deployment.pipeline_version_id)
    assert version is not None, "a deployment's version exists (foreign key)"
    return {
        "deployment": deployment.name,
        "version": version.version,
        "engine_config": without_variables(deployment.engine_config),
        "model_config_ids": deployment.model_config_ids,
    }


def refuse(db: Database, author: Author, deployment_id: int, refused: int, running: int) -> None:
    """Note that a release did not come up and another one goes on; nothing, if something else is wanted meanwhile."""
    stored = deployments.get(db, deployment_id)
    pipeline = pipelines.get(db, stored.pipeline_id) if stored else None
    if stored is None or pipeline is None or not stored.wanted or stored.release_id != refused:
        return
    kept = deployments.refuse(db, stored, running)
    audit.add(
        db,
        author,
        AuditAction.REFUSE,
        workspace_id=pipelines.workspace_id_of(db, pipeline.id),
        pipeline=(pipeline.id, pipeline.name),
        deployment_id=stored.id,
        before=_deployment_state(db, stored),
        after=_deployment_state(db, kept),
    )


def configure(db: Database, author: Author, model_version_id: int, settings: dict[str, Any]) -> ModelConfig:
    """Add a configuration to a model version; the newest counts."""
    before = models.version(db, model_version_id)
    assert before is not None, "a configuration's version exists (foreign key)"
    found = before.model_version
    added = models.insert_config(db, model_version_id, settings)
    audit.add(
        db,
        author,
        AuditAction.CONFIGURE,
        workspace_id=found.workspace_id,
        model=(found.id, found.name),
        before=_settings(before.config),
        after=_settings(added),
    )
    return added


def _settings(config: ModelConfig) -> dict[str, Any]:
    """Return a configuration without what is not set in it."""
    named = {name: getattr(config, name) for name in config.__struct_fields__}
    return {name: value for name, value in named.items() if value is not None}
