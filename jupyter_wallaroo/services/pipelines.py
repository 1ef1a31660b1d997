"""Pipelines: making, versioning, copying, finding."""

from __future__ import annotations

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import MAX_SHOWN, Conflict, NotFound
from jupyter_wallaroo.services import definitions
from jupyter_wallaroo.services.deployable import Deployable
from jupyter_wallaroo.services.deployments import DeploymentService
from jupyter_wallaroo.services.models import ModelService
from jupyter_wallaroo.services.pages import named_page
from jupyter_wallaroo.services.pipeline_news import PipelineNews
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store import changes, listings, pipelines
from jupyter_wallaroo.store.audit import Author
from jupyter_wallaroo.store.changes import PipelineChange, Present, Stale, Wanted
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.deployment import DeploymentId
from jupyter_wallaroo.types.names import check_name
from jupyter_wallaroo.types.pipeline import (
    CopyPipeline,
    CreatePipeline,
    Definition,
    GetPipeline,
    GetPipelineVersion,
    GotPipelineVersion,
    ListedPipeline,
    ListPipelines,
    Pipeline,
    PipelineCopied,
    PipelineCreated,
    PipelineList,
)
from jupyter_wallaroo.types.topic import Topic


class PipelineService:
    """Makes and finds pipelines.

    Parameters
    ----------
    store
        Where they are kept.
    workspaces, models, deployable, deployments
        The services for what a pipeline lives in, names, and becomes.
    news
        Told of every version that is added.
    """

    def __init__(
        self,
        *,
        store: Store,
        workspaces: WorkspaceService,
        models: ModelService,
        deployable: Deployable,
        deployments: DeploymentService,
        news: PipelineNews,
    ) -> None:
        self._store = store
        self._workspaces = workspaces
        self._models = models
        self._deployable = deployable
        self._deployments = deployments
        self._news = news

    async def create(self, caller: Caller, request: CreatePipeline) -> PipelineCreated:
        """Make a pipeline and its first version, or a further version of the one with this name (S1-09, S1-11)."""
        name = check_name("pipeline", request.pipeline_id)
        definition = definitions.read(request.definition)
        workspace = await self._workspaces.require(request.workspace_id)
        for reference in definitions.references(definition):
            await self._models.require_reference(workspace.id, reference)
        author = Author(user_id=caller.user.id, via="pipelines/create")
        change = PipelineChange(workspace_id=workspace.id, name=name, definition=definition)
        (done,) = await self._store.write(changes.commit, author, [change])
        version = done.version
        assert version is not None, "it was added"
        await self._news.tell(version)
        return PipelineCreated(
            pipeline_pk_id=version.pipeline_id,
            pipeline_variant_pk_id=version.id,
            pipeline_variant_version=version.version,
        )

    async def copy(self, caller: Caller, request: CopyPipeline) -> PipelineCopied:
        """Make a new pipeline with the steps of another one of the same workspace (S1-49 … S1-55).

        Raises
        ------
        Conflict
            The name is taken.
        NotFound
            No such pipeline in that workspace, or no such version of it.
        """
        name = check_name("pipeline", request.name)
        workspace = await self._workspaces.require(request.workspace_id)
        source = await self._store.read(pipelines.get, request.source_pipeline)
        if source is None or await self._store.read(pipelines.workspace_id_of, source.id) != workspace.id:
            raise NotFound(f"Workspace {workspace.name!r} has no pipeline with the id {request.source_pipeline}.")
        versions = await self._store.read(pipelines.versions, source.id)
        uuid = request.pipeline_version
        chosen = versions[0] if uuid is None else next((item for item in versions if item.version == uuid), None)
        if chosen is None:
            raise errors.not_found(f"Version of pipeline {source.name!r}", uuid, [item.version for item in versions])
        wanted = (
            None if request.deploy is None else await self._wanted(request, request.deploy, chosen.definition, name)
        )
        change = PipelineChange(
            workspace_id=workspace.id,
            name=name,
            seen=Present(),
            definition=chosen.definition,
            copied_from=chosen.version,
            wanted=wanted,
        )
        try:
            (done,) = await self._deployments.commit(Author(user_id=caller.user.id, via="pipelines/copy"), [change])
        except Stale:
            raise Conflict(f"Workspace {workspace.name!r} has a pipeline named {name!r} already.") from None
        assert done.version is not None, "it was added"
        return PipelineCopied(
            pipeline_pk_id=done.version.pipeline_id,
            pipeline_variant_pk_id=done.version.id,
            pipeline_version=done.version.version if uuid is not None else None,
            deployment=None if done.deployment is None else DeploymentId(id=done.deployment.id),
        )

    async def _wanted(self, request: CopyPipeline, deploy_id: str, definition: Definition, name: str) -> Wanted:
        config = self._deployments.check(deploy_id, request.engine_config, definition, name)
        chosen = await self._deployable.newest_configurations(request.workspace_id, definition)
        return Wanted(deploy_id=deploy_id, engine_config=config, model_config_ids=[item.id for item in chosen])

    async def get(self, caller: Caller, request: GetPipeline) -> ListedPipeline:
        """Return a pipeline by name."""
        workspace = await self._workspaces.require(request.workspace_id)
        (listed,) = await self.listed([(await self.named(workspace.id, request.pipeline_name)).id])
        return listed

    async def list_pipelines(self, caller: Caller, request: ListPipelines) -> PipelineList:
        """Return a page of the pipelines of a workspace, or of all, oldest first."""
        keys, following = await named_page(self._store, self._workspaces, request, listings.pipeline_page)
        return PipelineList(pipelines=await self.listed(keys), next=following)

    async def get_version(self, caller: Caller, request: GetPipelineVersion) -> GotPipelineVersion:
        """Return a pipeline version by its UUID."""
        version = await self._store.read(pipelines.version_by_uuid, request.version)
        pipeline = await self._store.read(pipelines.get, version.pipeline_id) if version else None
        if version is None or pipeline is None:
            raise NotFound(f"Pipeline version {request.version[:MAX_SHOWN]!r} does not exist.")
        return GotPipelineVersion(pipeline_id=pipeline.name, version=version.version, definition=version.definition)

    async def require(self, pipeline_id: int) -> tuple[Pipeline, int]:
        """Return a pipeline by id, and the id of its workspace, or raise `NotFound`."""
        found = await self._store.read(pipelines.get, pipeline_id)
        if found is None:
            raise NotFound(f"Pipeline {pipeline_id} does not exist.", hint="pipelines/list_pipelines shows all.")
        return found, await self._store.read(pipelines.workspace_id_of, pipeline_id)

    async def named(self, workspace_id: int, name: str) -> Pipeline:
        """Return a workspace's pipeline by name, or raise `NotFound` with the nearest names."""
        found = await self._store.read(pipelines.by_name, workspace_id, name)
        if found is None:
            known = await self._store.read(pipelines.names, workspace_id)
            raise errors.not_found("Pipeline", name, known.values())
        return found

    async def listed(self, pipeline_ids: list[int]) -> list[ListedPipeline]:
        """Return all that lists say of pipelines, those that there are, in the order of their ids."""
        return [
            ListedPipeline(
                pipeline=entry.pipeline,
                plateau_topic=str(Topic(workspace_id=entry.workspace.id, pipeline_name=entry.pipeline.name)),
                workspace=entry.workspace,
                deployment=None if entry.deployment is None else self._deployments.state(entry.deployment),
                deployed_version=entry.deployed,
                pipeline_version=entry.newest,
                pipeline_versions=entry.versions,
                tags=entry.tags,
            )
            for entry in await self._store.read(listings.pipelines_by_id, pipeline_ids)
        ]
