"""What a stored deployment means to the supervisor: files, processes, resources."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from jupyter_wallaroo.services import definitions, resources
from jupyter_wallaroo.services.models import ModelService
from jupyter_wallaroo.store import models, pipelines
from jupyter_wallaroo.store.blobs import Blobs
from jupyter_wallaroo.store.data_directory import DataDirectory
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.store.deployments import Deployment
from jupyter_wallaroo.supervisor.environments import Environments
from jupyter_wallaroo.supervisor.spec import DeploymentSpec, Resources, SidekickSpec
from jupyter_wallaroo.types.deployment import EngineConfig
from jupyter_wallaroo.types.framework import Framework, Runtime
from jupyter_wallaroo.types.model import DynamicBatching, ModelConfig, StoredModel
from jupyter_wallaroo.types.plan import PlannedModel


class Specs:
    """Puts together what is to run.

    Parameters
    ----------
    store, blobs, directory
        Where rows, model files and logs are kept.
    models
        Finds model versions.
    environments
        Where the Python of a model with requirements is.
    defaults
        What a deployment gets that asks for nothing.
    """

    def __init__(
        self,
        *,
        store: Store,
        blobs: Blobs,
        directory: DataDirectory,
        models: ModelService,
        environments: Environments,
        defaults: Resources,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._directory = directory
        self._models = models
        self._environments = environments
        self._defaults = defaults

    async def of(self, stored: Deployment) -> DeploymentSpec:
        """Return what the supervisor has to run for a stored deployment."""
        pipeline = await self._store.read(pipelines.get, stored.pipeline_id)
        version = await self._store.read(pipelines.version, stored.pipeline_version_id)
        assert pipeline is not None and version is not None, "a deployment's rows exist (foreign keys)"
        different = list(dict.fromkeys(stored.model_config_ids))
        numbers = [different.index(config_id) for config_id in stored.model_config_ids]
        found = [await self._stored(config_id) for config_id in different]
        planned = [self._planned(model, config) for model, config in found]
        return DeploymentSpec(
            id=stored.id,
            release_id=stored.release_id,
            name=stored.name,
            pipeline_id=pipeline.id,
            pipeline_name=pipeline.name,
            pipeline_version_id=version.id,
            pipeline_version=version.version,
            models=planned,
            steps=definitions.compiled(version.definition, numbers),
            sidekicks=[
                self._sidekick(model, plan, stored.engine_config)
                for (model, _), plan in zip(found, planned, strict=True)
                if plan.runtime is Runtime.FLIGHT
            ],
            resources=resources.resources(stored.engine_config, self._defaults),
            journal_directory=str(self._directory.pipeline_journal(pipeline.id)),
        )

    async def _stored(self, config_id: int) -> tuple[StoredModel, ModelConfig]:
        config = await self._store.read(models.config, config_id)
        assert config is not None, "configurations are never deleted"
        return await self._models.require_stored(config.model_version_id), config

    def _planned(self, model: StoredModel, config: ModelConfig) -> PlannedModel:
        version = model.configured.model_version
        return PlannedModel(
            name=version.name,
            version=version.file_info.version,
            sha=version.file_info.sha,
            path=str(self._blobs.path(model.file_sha)),
            file_sha=model.file_sha,
            framework=Framework(version.conversion.framework),
            runtime=config.runtime,
            signature=version.signature,
            tensor_fields=config.tensor_fields,
            input_schema=config.input_schema,
            output_schema=config.output_schema,
            settings=(version.conversion.framework_config or {}).get("config") or {},
            batching=_batching(config.dynamic_batching_config),
        )

    def _sidekick(self, model: StoredModel, plan: PlannedModel, config: EngineConfig) -> SidekickSpec:
        uid = f"{plan.name}-{model.configured.model_version.id}"
        return SidekickSpec(
            uid=uid,
            model=plan,
            interpreter=self._environments.interpreter(model.requirements),
            resources=resources.sidekick(config, uid, self._defaults),
            variables=resources.sidekick_variables(config, uid),
        )


def _batching(stored: dict[str, Any] | None) -> DynamicBatching | None:
    """Return how requests are run together; what was stored before it was checked counts only if it makes sense."""
    with contextlib.suppress(msgspec.ValidationError):
        return msgspec.convert(stored, DynamicBatching | None)
    return None
