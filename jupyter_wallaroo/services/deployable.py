"""What a deployment is to run: the version that a request names, and a configuration for each model of its steps."""

from __future__ import annotations

from jupyter_wallaroo.errors import MAX_SHOWN, Conflict, InvalidRequest, NotFound
from jupyter_wallaroo.services import definitions
from jupyter_wallaroo.services.models import ModelService
from jupyter_wallaroo.store import models, pipelines
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.deployment import DeployPipeline
from jupyter_wallaroo.types.framework import ModelStatus
from jupyter_wallaroo.types.model import ConfiguredModelVersion, ModelConfig, ModelVersion
from jupyter_wallaroo.types.pipeline import Definition, Pipeline, PipelineVersion


class Deployable:
    """Finds what can be deployed, or says why not.

    Parameters
    ----------
    store
        Where it is kept.
    models
        Finds model versions.
    """

    def __init__(self, store: Store, models: ModelService) -> None:
        self._store = store
        self._models = models

    async def version(self, request: DeployPipeline) -> tuple[Pipeline, PipelineVersion]:
        """Return the pipeline and version that a request names by number or by UUID (A4).

        Raises
        ------
        NotFound
            The version does not exist, or its pipeline was removed.
        InvalidRequest
            The ids do not belong together.
        """
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
        if pipeline is None:
            raise NotFound(f"The pipeline of version {version.version} was removed: it cannot be deployed.")
        return pipeline, version

    async def configurations(
        self, request: DeployPipeline, pipeline: Pipeline, version: PipelineVersion, workspace_id: int
    ) -> list[ModelConfig]:
        """Return the configuration that each model of the steps is to run with, in the order of the steps.

        Raises
        ------
        InvalidRequest
            The request has to name the models of the steps and does not (S1-20).
        Conflict
            A model is not ready.
        """
        given = await self._given(request, workspace_id)
        is_strict = request.strict_models if request.strict_models is not None else request.pipeline_id is not None
        chosen = []
        for configured in await self._ready(workspace_id, version.definition):
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

    async def newest_configurations(self, workspace_id: int, definition: Definition) -> list[ModelConfig]:
        """Return the newest configuration of each model of a definition's steps, in the order of the steps.

        Raises
        ------
        Conflict
            A model is not ready.
        """
        return [configured.config for configured in await self._ready(workspace_id, definition)]

    async def _ready(self, workspace_id: int, definition: Definition) -> list[ConfiguredModelVersion]:
        needed = [
            await self._models.require_reference(workspace_id, reference)
            for reference in definitions.references(definition)
        ]
        for configured in needed:
            _check_ready(configured.model_version)
        return needed

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


def _check_ready(version: ModelVersion) -> None:
    """Refuse to deploy a version that is not converted yet, or could not be."""
    if version.status is ModelStatus.ERROR:
        raise Conflict(
            f"Model {version.name!r} (version {version.file_info.version}) cannot be deployed: {version.error_summary}",
            hint="Upload a corrected version.",
        )
    if version.status is not ModelStatus.READY:
        raise Conflict(
            f"Model {version.name!r} (version {version.file_info.version}) cannot be deployed yet: its status is "
            f"{version.status.value!r}.",
            hint="Deploy it when models/get_version_by_id says 'ready'.",
        )
