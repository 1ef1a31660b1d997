"""What lists say of pipelines and models: all about a page of them in a few statements, however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from jupyter_wallaroo.store import deployments, models, pipelines, rows, workspaces
from jupyter_wallaroo.store.deployments import Deployment
from jupyter_wallaroo.types.model import ConfiguredModelVersion, Model
from jupyter_wallaroo.types.pipeline import Pipeline, PipelineVersion
from jupyter_wallaroo.types.tag import Tag
from jupyter_wallaroo.types.workspace import Workspace

if TYPE_CHECKING:
    from sqlite_utils import Database


class Asked(Struct, frozen=True, kw_only=True):
    """A page, oldest first: at most ``limit`` behind the id ``after``; of a workspace and of a name, if any."""

    workspace_id: int | None
    name: str | None
    after: int
    limit: int


class PipelineEntry(Struct, frozen=True, kw_only=True):
    """A pipeline; ``versions`` are the UUIDs of its versions, newest first, ``deployed`` the one that is to run."""

    pipeline: Pipeline
    workspace: Workspace
    newest: PipelineVersion
    versions: list[str]
    deployment: Deployment | None
    deployed: str | None
    tags: list[Tag]


class ModelEntry(Struct, frozen=True, kw_only=True):
    """A model with its versions, oldest first."""

    model: Model
    workspace: Workspace
    versions: list[ConfiguredModelVersion]


def pipeline_page(db: Database, asked: Asked) -> list[int]:
    """Return the ids of a page of pipelines."""
    return _page(db, "pipelines", asked, " AND removed_at IS NULL")


def model_page(db: Database, asked: Asked) -> list[int]:
    """Return the ids of a page of models."""
    return _page(db, "models", asked)


def _page(db: Database, table: str, asked: Asked, also: str = "") -> list[int]:
    values = {
        "workspace": asked.workspace_id,
        "key": None if asked.name is None else rows.name_key(asked.name),
        "after": asked.after,
        "limit": asked.limit,
    }
    where = rows.where(
        {"id > :after": asked.after, "workspace_id = :workspace": asked.workspace_id, "name_key = :key": asked.name}
    )
    sql = f"SELECT id FROM {table}{where}{also} ORDER BY id LIMIT :limit"  # noqa: S608  constants of ours
    return [row["id"] for row in rows.query(db, sql, values)]


def pipelines_by_id(db: Database, pipeline_ids: list[int]) -> list[PipelineEntry]:
    """Return what lists say of pipelines, in the order of their ids; of those that there are."""
    found = pipelines.by_ids(db, pipeline_ids)
    versions = pipelines.versions_of(db, pipeline_ids)
    newest = pipelines.versions_by_id(db, [known[0].id for known in versions.values()])
    running = {item.pipeline_id: item for item in reversed(deployments.wanted_of(db, pipeline_ids))}
    tagged = _tags(db, pipeline_ids)
    where = _workspaces(db, (workspace_id for _, workspace_id in found.values()))
    entries = []
    for key in pipeline_ids:
        if key not in found:
            continue
        pipeline, workspace_id = found[key]
        deployment = running.get(key)
        deployed = [item.uuid for item in versions[key] if deployment and item.id == deployment.pipeline_version_id]
        entries.append(
            PipelineEntry(
                pipeline=pipeline,
                workspace=where[workspace_id],
                newest=newest[versions[key][0].id],
                versions=[item.uuid for item in versions[key]],
                deployment=deployment,
                deployed=deployed[0] if deployed else None,
                tags=tagged[key],
            )
        )
    return entries


def models_by_id(db: Database, model_ids: list[int]) -> list[ModelEntry]:
    """Return what lists say of models, in the order of their ids; of those that there are."""
    found = {model.id: model for model in models.by_ids(db, model_ids)}
    versions = models.versions_of(db, model_ids)
    where = _workspaces(db, (model.workspace_id for model in found.values()))
    return [
        ModelEntry(model=found[key], workspace=where[found[key].workspace_id], versions=versions[key])
        for key in model_ids
        if key in found
    ]


def _workspaces(db: Database, workspace_ids: Iterable[int]) -> dict[int, Workspace]:
    return {item.id: item for item in workspaces.by_ids(db, list(set(workspace_ids)))}


def _tags(db: Database, pipeline_ids: list[int]) -> defaultdict[int, list[Tag]]:
    sql = """
    SELECT l.pipeline_id, t.id, t.tag FROM pipeline_tags l JOIN tags t ON t.id = l.tag_id
    WHERE l.pipeline_id IN (SELECT value FROM json_each(:ids)) ORDER BY t.id
    """
    found: defaultdict[int, list[Tag]] = defaultdict(list)
    for row in rows.query(db, sql, rows.ids(pipeline_ids)):
        found[row["pipeline_id"]].append(Tag(id=row["id"], tag=row["tag"]))
    return found
