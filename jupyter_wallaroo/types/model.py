"""Models, their versions and their configurations.

On the wire, as in the vendor's API, ``models/get`` takes the id of a *model* (a name in a workspace) while uploads
return, and ``model_version_id`` takes, the id of a *model version* (one file).
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct, field

from jupyter_wallaroo.types.framework import Framework, ModelStatus, Runtime
from jupyter_wallaroo.types.listing import ListNamed
from jupyter_wallaroo.types.tag import Tag


class ModelReference(Struct, frozen=True, kw_only=True):
    """The triple by which a pipeline step names one uploaded file (S1-10).

    ``version`` is a UUID, ``sha`` the file's SHA-256 in hex.
    """

    name: str
    version: str
    sha: str


class Conversion(Struct, frozen=True, kw_only=True):
    """How an upload is to be read: its framework and what it needs."""

    framework: str = Framework.ONNX
    requirements: list[str] = []
    python_version: str = "3.8"
    arch: str | None = None
    accel: Any = None
    framework_config: dict[str, Any] | None = None


class UploadModel(Struct, frozen=True, kw_only=True):
    """The ``metadata`` of an upload, or the query of ``models/upload_stream``."""

    name: str
    workspace_id: int
    visibility: str = "private"
    conversion: Conversion = Conversion()
    image_path: str | None = None
    input_schema: str | None = None
    output_schema: str | None = None
    sha: str | None = None
    """Beyond the vendor's fields: when given, the upload is refused unless the bytes have this SHA-256."""
    sample: list[dict[str, Any]] | None = None
    """Beyond the vendor's fields: records that a model converted to ONNX must answer as the original does."""


class UploadedId(Struct, frozen=True, kw_only=True):
    """The id of an uploaded model version."""

    id: int


class UploadedModels(Struct, frozen=True, kw_only=True):
    """One upload's model versions (there is one)."""

    models: list[UploadedId]


class InsertedModels(Struct, frozen=True, kw_only=True):
    """The list the vendor's client looks into."""

    returning: list[UploadedModels]


class ModelUploaded(Struct, frozen=True, kw_only=True):
    """An upload's answer: ``insert_models.returning[0].models[0].id``."""

    insert_models: InsertedModels


class TensorSpec(Struct, frozen=True, kw_only=True):
    """One input or output of a model.

    ``dtype`` is a numpy name (``float32``, ``int64``, ``bool``) or ``string``; ``shape`` has ``None`` where any length
    goes, the first being the rows.
    """

    name: str
    dtype: str
    shape: list[int | None]


class Signature(Struct, frozen=True, kw_only=True):
    """What a model takes and gives, read from its file."""

    inputs: list[TensorSpec]
    outputs: list[TensorSpec]


class DynamicBatching(Struct, frozen=True, kw_only=True):
    """How requests of a model are run together (contract/deployment_config.md).

    A request waits up to ``max_batch_delay_ms`` until ``batch_size_target`` rows are waiting; one run has at most
    ``batch_size_limit`` rows, None leaves that to the engine.
    """

    max_batch_delay_ms: Annotated[int, Meta(ge=0, le=60_000)] = 10
    batch_size_target: Annotated[int, Meta(ge=1)] = 4
    batch_size_limit: Annotated[int, Meta(ge=1)] | None = None


class ModelConfig(Struct, frozen=True, kw_only=True):
    """How a model version is to be run; a version may have several, the newest counts."""

    id: int
    model_version_id: int
    runtime: Runtime
    tensor_fields: list[str] | None = None
    filter_threshold: float | None = None
    input_schema: str | None = None
    output_schema: str | None = None
    batch_config: str | None = None
    dynamic_batching_config: dict[str, Any] | None = None
    continuous_batching_config: dict[str, Any] | None = None
    openai: dict[str, Any] | None = None
    sidekick_uri: str | None = None
    queue_depth: int | None = None


class FileInfo(Struct, frozen=True, kw_only=True):
    """The stored file of a model version: ``version`` is its UUID, ``size`` bytes."""

    version: str
    sha: str
    file_name: str
    size: int


class ModelVersion(Struct, frozen=True, kw_only=True):
    """One uploaded file of a model. Only a ``ready`` one can be deployed."""

    id: int
    name: str
    workspace_id: int
    status: ModelStatus
    visibility: str
    file_info: FileInfo
    conversion: Conversion
    signature: Signature | None
    created_at: str
    created_by: str
    image_path: str | None = None
    error_summary: str | None = None
    """Why the status is ``error``."""
    note: str | None = None
    """Beyond the vendor's fields: what became of the file, such as that it was converted to ONNX."""
    task_id: str | None = None
    tags: list[Tag] = []


class ConfiguredModelVersion(Struct, frozen=True, kw_only=True):
    """A model version with its newest configuration."""

    model_version: ModelVersion
    config: ModelConfig


class GetModelVersion(Struct, frozen=True, kw_only=True):
    """``models/get_version_by_id``."""

    model_version_id: int


class GotModelVersion(Struct, frozen=True, kw_only=True):
    """``models/get_version_by_id``'s answer."""

    model_version: ConfiguredModelVersion


class StoredModel(Struct, frozen=True, kw_only=True):
    """What a deployment has to know of a version beyond what clients see.

    ``file_sha`` is the SHA-256 of the file to load: the uploaded one, or the ONNX model it was converted to.
    """

    configured: ConfiguredModelVersion
    file_sha: str
    requirements: list[str]


class GetModel(Struct, frozen=True, kw_only=True):
    """``models/get``: by the id of the model."""

    id: int


class WorkspaceLabel(Struct, frozen=True, kw_only=True):
    """A workspace by id and name."""

    id: int
    name: str


class ModelVersionEntry(Struct, frozen=True, kw_only=True):
    """A model version as lists show it: ``model_id`` is the model's name, ``model_version`` the version's UUID."""

    id: int
    models_pk_id: int
    model_id: str
    model_version: str
    sha: str
    owner_id: str
    file_name: str
    status: str
    image_path: str | None = None


class ModelDetails(Struct, frozen=True, kw_only=True):
    """``models/get``'s answer; ``models`` are its versions, oldest first (S2-21)."""

    id: int
    name: str
    owner_id: str
    created_at: str
    updated_at: str
    models: list[ModelVersionEntry]
    workspace: WorkspaceLabel


class Model(Struct, frozen=True, kw_only=True):
    """A model: a name in a workspace."""

    id: int
    name: str
    owner_id: str
    workspace_id: int
    created_at: str
    updated_at: str


class ListModels(ListNamed, frozen=True, kw_only=True):
    """``models/list``."""


class ListedModel(Struct, frozen=True, kw_only=True):
    """One model as 2023 clients read it (flat) and as 2026 clients do (nested): a superset of both."""

    id: int
    name: str
    owner_id: str
    created_at: str
    updated_at: str
    model: Model
    model_versions: list[ConfiguredModelVersion]
    workspace: WorkspaceLabel


class ModelList(Struct, frozen=True, kw_only=True):
    """``models/list``'s answer, oldest first; ``next`` is null behind the last page."""

    models: list[ListedModel]
    next: int | None = None


class ListModelVersions(Struct, frozen=True, kw_only=True):
    """``models/list_versions``: by the model's name or id.

    Beyond the vendor's fields: ``limit``, and ``after``, the ``id`` of the last version of the page before. Without
    ``limit`` the answer has all.
    """

    model_id: str | None = None
    models_pk_id: int | None = None
    after: int | None = None
    limit: int | None = None


class GetModelConfig(Struct, frozen=True, kw_only=True):
    """``models/get_config_by_id``: ``model_id`` is the id of a model *version* (contract/rest.md)."""

    model_id: int


class GotModelConfig(Struct, frozen=True, kw_only=True):
    """A model configuration."""

    model_config: ModelConfig


class InsertModelConfig(Struct, frozen=True, kw_only=True):
    """``models/insert_model_config``: a new configuration for a model version."""

    model_version_id: int
    tensor_fields: list[str] | None = None
    filter_threshold: float | None = None
    input_schema: str | None = None
    output_schema: str | None = None
    batch_config: str | None = None
    dynamic_batching_config: DynamicBatching | None = None
    continuous_batching_config: dict[str, Any] | None = None
    openai_config: dict[str, Any] | None = field(default=None)
