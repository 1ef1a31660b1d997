"""Models: uploads, versions, configurations."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import InvalidModel, InvalidRequest, NotFound
from jupyter_wallaroo.services.conversion import ConversionService
from jupyter_wallaroo.services.pages import cut, named_page, page_limit
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store import changes, listings, models
from jupyter_wallaroo.store.audit import Author
from jupyter_wallaroo.store.blobs import Blobs, Incoming
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.listing import Page
from jupyter_wallaroo.types.model import (
    ConfiguredModelVersion,
    GetModel,
    GetModelConfig,
    GetModelVersion,
    GotModelConfig,
    GotModelVersion,
    InsertedModels,
    InsertModelConfig,
    ListedModel,
    ListModels,
    ListModelVersions,
    Model,
    ModelDetails,
    ModelList,
    ModelReference,
    ModelUploaded,
    ModelVersionEntry,
    StoredModel,
    UploadedId,
    UploadedModels,
    UploadModel,
    WorkspaceLabel,
)
from jupyter_wallaroo.types.names import check_name

MAX_SAMPLE_ROWS = 1000
"""Rows of the sample that comes with an upload."""


class ModelService:
    """Takes model files in and keeps what is known of them.

    Parameters
    ----------
    store, blobs
        Where rows and files are kept.
    workspaces
        Finds workspaces.
    conversions
        Looks into files and converts them.
    """

    def __init__(
        self, store: Store, blobs: Blobs, workspaces: WorkspaceService, conversions: ConversionService
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._workspaces = workspaces
        self._conversions = conversions

    def begin_upload(self) -> Incoming:
        """Open a file for an upload; it may wait for the disk."""
        return self._blobs.begin()

    async def check_upload(self, request: UploadModel) -> str:
        """Refuse an upload that cannot be taken, before its bytes come; return the model's name."""
        name = check_name("model", request.name)
        self._conversions.check(request.conversion)
        if request.sample is not None and len(request.sample) > MAX_SAMPLE_ROWS:
            raise InvalidRequest(f"'sample' has {len(request.sample)} rows; at most {MAX_SAMPLE_ROWS} are taken.")
        await self._workspaces.require(request.workspace_id)
        return name

    async def finish_upload(
        self, caller: Caller, request: UploadModel, incoming: Incoming, file_name: str, *, waits: bool
    ) -> ModelUploaded:
        """Make a model version of a file that has come in whole; nothing is kept when it is refused.

        Parameters
        ----------
        incoming, file_name
            The file, and what the client calls it.
        waits
            Whether it is converted before this returns, or in the background.

        Raises
        ------
        InvalidModel
            The file is empty, has another SHA-256 than the request says, or is not what its framework says.
        """
        name = await self.check_upload(request)
        sha = await asyncio.to_thread(incoming.complete)
        label = Path(file_name).name[:100] or name
        if not incoming.size_bytes:
            raise InvalidModel(f"The uploaded file {label!r} is empty: expected a model.")
        if request.sha is not None and request.sha.lower() != sha:
            raise InvalidModel(
                f"The uploaded file {label!r} has the SHA-256 {sha}; expected {request.sha.lower()}.",
                hint="The file was changed or cut on its way; send it again.",
            )
        schemas = {"input_schema": request.input_schema, "output_schema": request.output_schema}
        converted = None
        if waits:
            converted = await self._conversions.convert(
                incoming.path, label, request.conversion, sample=request.sample, **schemas
            )
        await asyncio.to_thread(incoming.keep, sha)
        key = await self._store.write(
            models.insert_version,
            workspace_id=request.workspace_id,
            name=name,
            user_id=caller.user.id,
            sha=sha,
            file_name=label,
            size_bytes=incoming.size_bytes,
            visibility=request.visibility,
            conversion=request.conversion,
            settings=schemas,
            sample=request.sample,
            converted=converted,
        )
        await self._conversions.tell(key)
        if converted is None:
            self._conversions.enqueue(key)
        uploaded = UploadedModels(models=[UploadedId(id=key)])
        return ModelUploaded(insert_models=InsertedModels(returning=[uploaded]))

    async def list_models(self, caller: Caller, request: ListModels) -> ModelList:
        """Return a page of the models of a workspace, or of all, oldest first."""
        keys, following = await named_page(self._store, self._workspaces, request, listings.model_page)
        return ModelList(models=await self._listed(keys), next=following)

    async def _listed(self, model_ids: list[int]) -> list[ListedModel]:
        return [
            ListedModel(
                id=entry.model.id,
                name=entry.model.name,
                owner_id=entry.model.owner_id,
                created_at=entry.model.created_at,
                updated_at=entry.model.updated_at,
                model=entry.model,
                model_versions=entry.versions,
                workspace=WorkspaceLabel(id=entry.workspace.id, name=entry.workspace.name),
            )
            for entry in await self._store.read(listings.models_by_id, model_ids)
        ]

    async def get(self, caller: Caller, request: GetModel) -> ModelDetails:
        """Return a model with its versions, oldest first."""
        (listed,) = await self._listed([(await self._require(request.id)).id])
        return ModelDetails(
            id=listed.id,
            name=listed.name,
            owner_id=listed.owner_id,
            created_at=listed.created_at,
            updated_at=listed.updated_at,
            models=await self._store.read(models.entries, [listed.id]),
            workspace=listed.workspace,
        )

    async def list_versions(self, caller: Caller, request: ListModelVersions) -> Page[ModelVersionEntry]:
        """Return a page of the versions of a model, oldest first; by name, of every model called so."""
        limit = page_limit(request.limit)
        if request.models_pk_id is not None:
            found = [await self._require(request.models_pk_id)]
        elif request.model_id is not None:
            found = await self._store.read(models.by_name, request.model_id)
            if not found:
                names = await self._store.read(models.names, None)
                raise errors.not_found("Model", request.model_id, names)
        else:
            raise InvalidRequest("Expected 'models_pk_id' (the model's number) or 'model_id' (its name); got neither.")
        keys = [model.id for model in found]
        read = await self._store.read(models.entries, keys, after=request.after or 0, limit=limit + 1)
        entries, following = cut(read, limit, lambda entry: entry.id)
        return Page(entries=entries, next=following)

    async def get_version(self, caller: Caller, request: GetModelVersion) -> GotModelVersion:
        """Return a model version with its newest configuration."""
        return GotModelVersion(model_version=await self.require_version(request.model_version_id))

    async def get_config(self, caller: Caller, request: GetModelConfig) -> GotModelConfig:
        """Return the newest configuration of a model version."""
        return GotModelConfig(model_config=(await self.require_version(request.model_id)).config)

    async def insert_config(self, caller: Caller, request: InsertModelConfig) -> GotModelConfig:
        """Add a configuration to a model version.

        Raises
        ------
        InvalidRequest
            ``tensor_fields`` has another number of names than the model has inputs.
        """
        configured = await self.require_version(request.model_version_id)
        signature = configured.model_version.signature
        fields = request.tensor_fields
        if fields is not None and signature is not None and len(fields) != len(signature.inputs):
            names = [spec.name for spec in signature.inputs]
            raise InvalidRequest(
                f"'tensor_fields' has {len(fields)} names; model {configured.model_version.name!r} has "
                f"{len(names)} inputs: {names}.",
                hint="Give one column name per input, in that order.",
            )
        settings: dict[str, Any] = {
            "tensor_fields": request.tensor_fields,
            "filter_threshold": request.filter_threshold,
            "input_schema": request.input_schema or configured.config.input_schema,
            "output_schema": request.output_schema or configured.config.output_schema,
            "batch_config": request.batch_config,
            "dynamic_batching_config": msgspec.to_builtins(request.dynamic_batching_config),
            "continuous_batching_config": request.continuous_batching_config,
            "openai": request.openai_config,
        }
        author = Author(user_id=caller.user.id, via="models/insert_model_config")
        config = await self._store.write(changes.configure, author, request.model_version_id, settings)
        return GotModelConfig(model_config=config)

    async def _require(self, model_id: int) -> Model:
        found = await self._store.read(models.get, model_id)
        if found is None:
            raise NotFound(f"Model {model_id} does not exist.", hint="models/list shows the models of a workspace.")
        return found

    async def require_version(self, version_id: int) -> ConfiguredModelVersion:
        """Return a model version by its number, or raise `NotFound`."""
        found = await self._store.read(models.version, version_id)
        if found is None:
            raise NotFound(
                f"Model version {version_id} does not exist.", hint="models/list_versions shows a model's versions."
            )
        return found

    async def require_stored(self, version_id: int) -> StoredModel:
        """Return what it takes to load a version that a deployment refers to."""
        stored = await self._store.read(models.stored, version_id)
        assert stored is not None, "versions are never deleted"
        return stored

    async def require_reference(self, workspace_id: int, reference: ModelReference) -> ConfiguredModelVersion:
        """Return the version that a step names; name, version and sha must agree (S1-10).

        Raises
        ------
        NotFound
            No such version in the workspace.
        InvalidRequest
            The version has another name or SHA-256; says which field is off.
        """
        found = await self._store.read(models.referenced, workspace_id, reference)
        if found is None:
            names = await self._store.read(models.names, workspace_id)
            if reference.name not in names:
                raise errors.not_found("Model", reference.name, names)
            raise NotFound(
                f"Model {reference.name!r} has no version {reference.version!r} in workspace {workspace_id}.",
                hint="models/list_versions shows a model's versions.",
                details={"field": "version"},
            )
        info = found.model_version
        for field, got, expected in (
            ("name", reference.name, info.name),
            ("sha", reference.sha, info.file_info.sha),
        ):
            if got != expected:
                raise InvalidRequest(
                    f"Model version {reference.version}: field {field!r} is {got!r}; expected {expected!r}.",
                    details={"field": field},
                )
        return found
