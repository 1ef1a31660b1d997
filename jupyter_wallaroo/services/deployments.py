"""Deployments: what is to run, how it runs, where it answers."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from jupyter_wallaroo.errors import MAX_SHOWN, InvalidRequest, NotFound
from jupyter_wallaroo.services import definitions, resources
from jupyter_wallaroo.services.models import ModelService
from jupyter_wallaroo.store import deployments, models, pipelines
from jupyter_wallaroo.store.blobs import Blobs
from jupyter_wallaroo.store.data_directory import DataDirectory
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.supervisor import status
from jupyter_wallaroo.supervisor.spec import DeploymentSpec, Resources
from jupyter_wallaroo.supervisor.supervisor import Supervisor
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.config import Nothing
from jupyter_wallaroo.types.deployment import (
    DeploymentId,
    DeploymentStatus,
    DeployPipeline,
    EngineConfig,
    GetDeployment,
    UndeployPipeline,
)
from jupyter_wallaroo.types.model import ConfiguredModelVersion, ModelConfig
from jupyter_wallaroo.types.names import MAX_DIGITS, check_deploy_id
from jupyter_wallaroo.types.pipeline import (
    Definition,
    GetPipeline,
    Pipeline,
    PipelineState,
    PipelineUrl,
    PipelineVersion,
)
from jupyter_wallaroo.types.plan import PlannedModel


class DeploymentService:
    """Decides what runs; the supervisor runs it.

    Parameters
    ----------
    store, blobs, directory
        Where rows, model files and logs are kept.
    models
        Finds model versions.
    supervisor
        Runs what is wanted.
    defaults
        What a deployment gets that asks for nothing.
    internal_url
        The server's own address on this machine, which ``/v1/api`` follows.
    """

    def __init__(
        self,
        *,
        store: Store,
        blobs: Blobs,
        directory: DataDirectory,
        models: ModelService,
        supervisor: Supervisor,
        defaults: Resources,
        internal_url: str,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._directory = directory
        self._models = models
        self._supervisor = supervisor
        self._defaults = defaults
        self._internal_url = internal_url
        self._changing = asyncio.Lock()  # what is wanted and what runs change together, one deployment at a time

    async def restore(self) -> list[DeploymentSpec]:
        """Return everything that was wanted when the server last ended."""
        return [await self._spec(stored) for stored in await self._store.read(deployments.wanted)]

    async def deploy(self, caller: Caller, request: DeployPipeline) -> DeploymentId:
        """Have a pipeline version run; returns before it does (S1-23).

        Raises
        ------
        NotFound
            The pipeline, its version or a model does not exist.
        InvalidRequest
            The ids do not belong together, a model of the steps is not named (S1-20), or the configuration is wrong.
        """
        pipeline, version = await self._version(request)
        workspace_id = await self._store.read(pipelines.workspace_id_of, pipeline.id)
        config = self.check(request.deploy_id, request.engine_config, version.definition, pipeline.name)
        chosen = await self._configurations(request, pipeline, version, workspace_id)
        async with self._changing:
            stored = await self._store.write(
                deployments.want,
                pipeline_id=pipeline.id,
                deploy_id=request.deploy_id,
                pipeline_version_id=version.id,
                engine_config=config,
                model_config_ids=[item.id for item in chosen],
            )
            self._supervisor.apply(await self._spec(stored))
        return DeploymentId(id=stored.id)

    def check(
        self, deploy_id: str, engine_config: EngineConfig | str | None, definition: Definition, pipeline: str
    ) -> EngineConfig:
        """Refuse a deployment that cannot be, before anything is written; return its configuration."""
        check_deploy_id(deploy_id)
        definitions.check_runnable(definition, pipeline)
        config = resources.engine_config(engine_config)
        resources.resources(config, self._defaults)
        return config

    async def _version(self, request: DeployPipeline) -> tuple[Pipeline, PipelineVersion]:
        """Return the pipeline and version that a request names by number or by UUID (A4)."""
        version = None
        if request.pipeline_version_pk_id is not None:
            version = await self._store.read(pipelines.version, request.pipeline_version_pk_id)
            if version is None:
                raise NotFound(f"Pipeline version {request.pipeline_version_pk_id} does not exist.")
        if request.pipeline_version is not None:
            by_uuid = await self._store.read(pipelines.version_by_uuid, request.pipeline_version)
            if by_uuid is None:
                raise NotFound(f"Pipeline version {request.pipeline_version[:MAX_SHOWN]!r} does not exist.")
            if version is not None and version.id != by_uuid.id:
                raise InvalidRequest(
                    f"'pipeline_version_pk_id' {version.id} is version {version.version!r}, "
                    f"but 'pipeline_version' is {by_uuid.version!r}."
                )
            version = by_uuid
        if version is None:
            raise InvalidRequest("Expected 'pipeline_version_pk_id' (a number) or 'pipeline_version' (a UUID).")
        if request.pipeline_id is not None and request.pipeline_id != version.pipeline_id:
            raise InvalidRequest(
                f"Pipeline version {version.id} belongs to pipeline {version.pipeline_id}; "
                f"'pipeline_id' is {request.pipeline_id}."
            )
        pipeline = await self._store.read(pipelines.get, version.pipeline_id)
        assert pipeline is not None, "a version's pipeline exists (foreign key)"
        return pipeline, version

    async def _configurations(
        self, request: DeployPipeline, pipeline: Pipeline, version: PipelineVersion, workspace_id: int
    ) -> list[ModelConfig]:
        """Return the configuration that each model of the steps is to run with, in the order of the steps."""
        needed = [
            await self._models.require_reference(workspace_id, reference)
            for reference in definitions.references(version.definition)
        ]
        given = await self._given(request, workspace_id)
        is_strict = request.strict_models if request.strict_models is not None else request.pipeline_id is not None
        chosen = []
        for configured in needed:
            config = given.get(configured.model_version.id)
            if config is None and is_strict:
                raise InvalidRequest(
                    f"Pipeline {pipeline.name!r} has a step with model {configured.model_version.name!r} (version "
                    f"{configured.model_version.file_info.version}), which none of 'model_configs', 'model_ids' and "
                    "'models' names.",
                    hint='Name every model of the steps in one of the three, or send "strict_models": false.',
                )
            chosen.append(config or configured.config)
        return chosen

    async def _given(self, request: DeployPipeline, workspace_id: int) -> dict[int, ModelConfig]:
        """Return the configurations a request names, by the id of their model version."""
        found: dict[int, ModelConfig] = {}
        for config_id in request.model_configs or []:
            config = await self._store.read(models.config, config_id)
            if config is None:
                raise NotFound(f"Model configuration {config_id} does not exist.")
            found[config.model_version_id] = config
        for version_id in request.model_ids or []:
            found[version_id] = (await self._models.require_version(version_id)).config
        for reference in request.models or []:
            configured = await self._models.require_reference(workspace_id, reference)
            found[configured.model_version.id] = configured.config
        return found

    async def _spec(self, stored: deployments.Deployment) -> DeploymentSpec:
        pipeline = await self._store.read(pipelines.get, stored.pipeline_id)
        version = await self._store.read(pipelines.version, stored.pipeline_version_id)
        assert pipeline is not None and version is not None, "a deployment's rows exist (foreign keys)"
        planned = []
        for config_id in stored.model_config_ids:
            config = await self._store.read(models.config, config_id)
            assert config is not None, "configurations are never deleted"
            planned.append(self._planned(await self._models.require_version(config.model_version_id), config))
        return DeploymentSpec(
            id=stored.id,
            name=stored.name,
            pipeline_id=pipeline.id,
            pipeline_name=pipeline.name,
            pipeline_version_id=version.id,
            pipeline_version=version.version,
            models=planned,
            resources=resources.resources(stored.engine_config, self._defaults),
            journal_directory=str(self._directory.pipeline_journal(pipeline.id)),
        )

    def _planned(self, configured: ConfiguredModelVersion, config: ModelConfig) -> PlannedModel:
        version = configured.model_version
        assert version.signature is not None, "an uploaded ONNX model has a signature"
        return PlannedModel(
            name=version.name,
            version=version.file_info.version,
            sha=version.file_info.sha,
            path=str(self._blobs.path(version.file_info.sha)),
            runtime=config.runtime,
            signature=version.signature,
            tensor_fields=config.tensor_fields,
        )

    async def undeploy(self, caller: Caller, request: UndeployPipeline) -> Nothing:
        """End a deployment; requests under way still finish (S1-45 … S1-48).

        Raises
        ------
        NotFound
            Nothing is deployed under the ids.
        InvalidRequest
            Neither id is given, or they do not belong together.
        """
        if request.deployment_id is not None:
            stored = await self._store.read(deployments.get, request.deployment_id)
            if stored is None:
                raise NotFound(f"Deployment {request.deployment_id} does not exist.")
            if request.pipeline_id is not None and request.pipeline_id != stored.pipeline_id:
                raise InvalidRequest(
                    f"Deployment {stored.id} belongs to pipeline {stored.pipeline_id}; "
                    f"'pipeline_id' is {request.pipeline_id}."
                )
            ending = [stored]
        elif request.pipeline_id is not None:
            ending = await self._store.read(deployments.of_pipeline, request.pipeline_id)
            if not ending:
                raise NotFound(f"Pipeline {request.pipeline_id} is not deployed.")
        else:
            raise InvalidRequest("Expected 'deployment_id' or 'pipeline_id'; got neither.")
        async with self._changing:
            for item in ending:
                await self._store.write(deployments.unwant, item.id)
                self._supervisor.remove(item.id)
        return Nothing()

    async def status(self, caller: Caller, request: GetDeployment) -> DeploymentStatus:
        """Return how a deployment is, computed from its processes.

        Raises
        ------
        NotFound
            The name is unknown or undeployed (S1-34).
        """
        _, _, number = request.name.rpartition("-")
        running = self._supervisor.get(int(number)) if number.isdecimal() and len(number) <= MAX_DIGITS else None
        if running is None or running.spec.name != request.name:
            raise NotFound(
                f"Deployment {request.name[:MAX_SHOWN]!r} is not deployed.",
                hint="The name is '{deploy_id}-{deployment id}', with the id that pipelines/deploy returned.",
            )
        return status.of(running)

    async def state_of(self, pipeline_id: int) -> PipelineState | None:
        """Return what is deployed of a pipeline, None when nothing is."""
        stored = await self._running(pipeline_id)
        if stored is None:
            return None
        wanted = resources.resources(stored.engine_config, self._defaults).replicas
        return PipelineState(
            id=stored.id,
            name=stored.name,
            pipeline_version_id=stored.pipeline_version_id,
            maximum_replicas=wanted,
            prewarmed_replicas=wanted,
            engine_config=stored.engine_config,
        )

    async def _running(self, pipeline_id: int) -> deployments.Deployment | None:
        found = await self._store.read(deployments.of_pipeline, pipeline_id)
        return next((item for item in found if item.wanted), None)

    async def external_url(self, caller: Caller, request: GetPipeline) -> PipelineUrl:
        """Return the address that takes inferences, as the caller reaches this server (S1-35 … S1-38)."""
        return PipelineUrl(url=await self._infer_url(caller.api_url, request))

    async def internal_url(self, caller: Caller, request: GetPipeline) -> PipelineUrl:
        """Return the address that takes inferences from programs on this machine."""
        return PipelineUrl(url=await self._infer_url(self._internal_url, request))

    async def _infer_url(self, api_url: str, request: GetPipeline) -> str:
        pipeline = await self._store.read(pipelines.by_name, request.workspace_id, request.pipeline_name)
        stored = await self._running(pipeline.id) if pipeline else None
        if stored is None or pipeline is None:
            raise NotFound(
                f"Pipeline {request.pipeline_name!r} of workspace {request.workspace_id} is not deployed: "
                "it has no inference URL.",
                hint="Deploy it first.",
            )
        return f"{api_url}/pipelines/infer/{quote(stored.name)}/{quote(pipeline.name)}"
