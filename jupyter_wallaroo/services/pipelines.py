"""Pipelines: making, versioning, copying, finding."""

from __future__ import annotations

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import MAX_SHOWN, Conflict, NotFound
from jupyter_wallaroo.services import definitions
from jupyter_wallaroo.services.deployments import DeploymentService
from jupyter_wallaroo.services.models import ModelService
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store import pipelines
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.deployment import DeployPipeline
from jupyter_wallaroo.types.names import check_name
from jupyter_wallaroo.types.pipeline import (
    CopyPipeline,
    CreatePipeline,
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
from jupyter_wallaroo.types.workspace import Workspace


class PipelineService:
    """Makes and finds pipelines.

    Parameters
    ----------
    store
        Where they are kept.
    workspaces, models, deployments
        The services for what a pipeline lives in, names, and becomes.
    """

    def __init__(
        self, store: Store, workspaces: WorkspaceService, models: ModelService, deployments: DeploymentService
    ) -> None:
        self._store = store
        self._workspaces = workspaces
        self._models = models
        self._deployments = deployments

    async def create(self, caller: Caller, request: CreatePipeline) -> PipelineCreated:
        """Make a pipeline and its first version, or a further version of the one with this name (S1-09, S1-11)."""
        name = check_name("pipeline", request.pipeline_id)
        definition = definitions.read(request.definition)
        workspace = await self._workspaces.require(request.workspace_id)
        for reference in definitions.references(definition):
            await self._models.require_reference(workspace.id, reference)
        version = await self._store.write(pipelines.insert_version, workspace.id, name, definition, caller.user.id)
        assert version is not None, "only a name that must be new can be refused"
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
        wanted = request.pipeline_version
        chosen = versions[0] if wanted is None else next((item for item in versions if item.version == wanted), None)
        if chosen is None:
            raise errors.not_found(f"Version of pipeline {source.name!r}", wanted, [item.version for item in versions])
        if request.deploy is not None:
            self._deployments.check(request.deploy, request.engine_config, chosen.definition, name)
        version = await self._store.write(
            pipelines.insert_version, workspace.id, name, chosen.definition, caller.user.id, must_be_new=True
        )
        if version is None:
            raise Conflict(f"Workspace {workspace.name!r} has a pipeline named {name!r} already.")
        deployment = None
        if request.deploy is not None:
            deploy = DeployPipeline(
                deploy_id=request.deploy,
                pipeline_id=version.pipeline_id,
                pipeline_version_pk_id=version.id,
                engine_config=request.engine_config,
                strict_models=False,
            )
            deployment = await self._deployments.deploy(caller, deploy)
        return PipelineCopied(
            pipeline_pk_id=version.pipeline_id,
            pipeline_variant_pk_id=version.id,
            pipeline_version=version.version if wanted is not None else None,
            deployment=deployment,
        )

    async def get(self, caller: Caller, request: GetPipeline) -> ListedPipeline:
        """Return a pipeline by name."""
        workspace = await self._workspaces.require(request.workspace_id)
        return await self._listed(await self.named(workspace.id, request.pipeline_name), workspace)

    async def list_pipelines(self, caller: Caller, request: ListPipelines) -> PipelineList:
        """Return the pipelines of a workspace, or all."""
        workspace_id = await self._workspaces.id_for(request.workspace_id, request.workspace_name)
        listed = []
        for pipeline in await self._store.read(pipelines.in_workspace, workspace_id):
            own = await self._store.read(pipelines.workspace_id_of, pipeline.id)
            listed.append(await self._listed(pipeline, await self._workspaces.require(own)))
        return PipelineList(pipelines=listed)

    async def get_version(self, caller: Caller, request: GetPipelineVersion) -> GotPipelineVersion:
        """Return a pipeline version by its UUID."""
        version = await self._store.read(pipelines.version_by_uuid, request.version)
        pipeline = await self._store.read(pipelines.get, version.pipeline_id) if version else None
        if version is None or pipeline is None:
            raise NotFound(f"Pipeline version {request.version[:MAX_SHOWN]!r} does not exist.")
        return GotPipelineVersion(pipeline_id=pipeline.name, version=version.version, definition=version.definition)

    async def named(self, workspace_id: int, name: str) -> Pipeline:
        """Return a workspace's pipeline by name, or raise `NotFound` with the nearest names."""
        found = await self._store.read(pipelines.by_name, workspace_id, name)
        if found is None:
            everything = await self._store.read(pipelines.in_workspace, workspace_id)
            raise errors.not_found("Pipeline", name, [item.name for item in everything])
        return found

    async def _listed(self, pipeline: Pipeline, workspace: Workspace) -> ListedPipeline:
        versions = await self._store.read(pipelines.versions, pipeline.id)
        return ListedPipeline(
            pipeline=pipeline,
            plateau_topic=f"workspace-{workspace.id}-pipeline-{pipeline.name}-inference",
            workspace=workspace,
            deployment=await self._deployments.state_of(pipeline.id),
            pipeline_version=versions[0],
            pipeline_versions=[version.version for version in versions],
        )
