"""Pipelines and their versions ("variants" where the seed says so, A32)."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from jupyter_wallaroo.types.deployment import DeploymentId
from jupyter_wallaroo.types.listing import ListNamed
from jupyter_wallaroo.types.tag import Tag
from jupyter_wallaroo.types.workspace import Workspace

Definition = dict[str, Any]
"""``{"id": free text, "steps": [{step type: {…}}, …]}`` or ``{}`` (contract/steps.md)."""


class CreatePipeline(Struct, frozen=True, kw_only=True):
    """``pipelines/create``: here ``pipeline_id`` is the pipeline's *name* (S1-04, A5)."""

    pipeline_id: str
    workspace_id: int
    definition: Definition | str | None = None


class PipelineCreated(Struct, frozen=True, kw_only=True):
    """``pipelines/create``'s answer: exactly these keys (S1-07)."""

    pipeline_pk_id: int
    pipeline_variant_pk_id: int
    pipeline_variant_version: str


class CopyPipeline(Struct, frozen=True, kw_only=True):
    """``pipelines/copy`` (S1-49, S1-50)."""

    name: str
    workspace_id: int
    source_pipeline: int
    deploy: str | None = None
    engine_config: dict[str, Any] | str | None = None
    pipeline_version: str | None = None


class PipelineCopied(Struct, frozen=True, kw_only=True):
    """``pipelines/copy``'s answer: the last two are ``null`` for a plain copy (S1-51)."""

    pipeline_pk_id: int
    pipeline_variant_pk_id: int
    pipeline_version: str | None
    deployment: DeploymentId | None


class Pipeline(Struct, frozen=True, kw_only=True):
    """A pipeline; ``updated_at`` moves when a version is added, not when it is undeployed (S2-31)."""

    id: int
    name: str
    created_at: str
    updated_at: str


class PipelineVersion(Struct, frozen=True, kw_only=True):
    """One version of a pipeline; ``same_as`` is the UUID of the version it merely repeats (A13)."""

    id: int
    pipeline_id: int
    version: str
    definition: Definition
    created_at: str
    created_by: str
    same_as: str | None = None


class GetPipeline(Struct, frozen=True, kw_only=True):
    """``pipelines/get_pipeline_by_name`` and the URL look-ups."""

    pipeline_name: str
    workspace_id: int


class PipelineState(Struct, frozen=True, kw_only=True):
    """What is deployed of a pipeline: ``name`` is ``{deploy_id}-{id}``."""

    id: int
    name: str
    pipeline_version_id: int
    maximum_replicas: int
    prewarmed_replicas: int
    engine_config: dict[str, Any]


class ListedPipeline(Struct, frozen=True, kw_only=True):
    """A pipeline with its workspace, newest version and, when deployed, its deployment."""

    pipeline: Pipeline
    plateau_topic: str
    workspace: Workspace
    deployment: PipelineState | None
    pipeline_version: PipelineVersion
    pipeline_versions: list[str]
    """UUIDs, newest first (S2-21)."""
    tags: list[Tag] = []
    deployed_version: str | None = None
    """Beyond the vendor's fields: the UUID of the deployed version; after a rollback not the newest."""


class ListPipelines(ListNamed, frozen=True, kw_only=True):
    """``pipelines/list_pipelines``."""


class PipelineList(Struct, frozen=True, kw_only=True):
    """``pipelines/list_pipelines``'s answer, oldest first; ``next`` is null behind the last page."""

    pipelines: list[ListedPipeline]
    next: int | None = None


class GetPipelineVersion(Struct, frozen=True, kw_only=True):
    """``pipelines/get_version``: by UUID."""

    version: str


class GotPipelineVersion(Struct, frozen=True, kw_only=True):
    """``pipelines/get_version``'s answer: ``pipeline_id`` is the name."""

    pipeline_id: str
    version: str
    definition: Definition


class PipelineUrl(Struct, frozen=True, kw_only=True):
    """An absolute URL that takes inferences (S1-36)."""

    url: str


class GetDirectAccess(Struct, frozen=True, kw_only=True):
    """``admin/get_pipeline_direct_access``: of a pipeline by name."""

    workspace_id: int
    pipeline_name: str


class DirectAccess(Struct, frozen=True, kw_only=True):
    """Where a pipeline's replicas answer themselves on the server's machine, and the token that opens this port only.

    ``token`` is None where they do not, and ``url`` then the server's own; ``loopback`` tells the server's loopback
    from any other, see `types.loopback`.
    """

    url: str
    token: str | None
    loopback: str

    def __repr__(self) -> str:
        """Return everything but the token."""
        return f"DirectAccess(url={self.url!r}, token={'None' if self.token is None else repr('*****')})"
