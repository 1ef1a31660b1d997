"""Searching pipelines and model versions, page by page, the newest first."""

from __future__ import annotations

from msgspec import Struct

from jupyter_wallaroo.types.model import ConfiguredModelVersion
from jupyter_wallaroo.types.pipeline import ListedPipeline


class SearchPipelines(Struct, frozen=True, kw_only=True):
    """``pipelines/search``: everything that is given has to hold.

    ``search_term`` is found in the name or in a tag, in any case; ``tag`` is a whole one. Times are ISO 8601, starts
    inclusive, ends exclusive. ``before`` is the ``next`` of the page before.
    """

    search_term: str | None = None
    tag: str | None = None
    deployed: bool | None = None
    created_start: str | None = None
    created_end: str | None = None
    updated_start: str | None = None
    updated_end: str | None = None
    workspace_id: int | None = None
    before: int | None = None
    limit: int | None = None


class PipelinesFound(Struct, frozen=True, kw_only=True):
    """``pipelines/search``'s answer; ``next`` is null behind the last page."""

    pipelines: list[ListedPipeline]
    next: int | None


class SearchModels(Struct, frozen=True, kw_only=True):
    """``models/search``: of model versions, everything that is given has to hold.

    ``search_term`` is found in the model's name, the file's name, the version's UUID or a tag, in any case; ``tag`` is
    a whole one. ``deployed``: whether a deployment runs it. Times are ISO 8601, starts inclusive, ends exclusive.
    ``before`` is the ``next`` of the page before.
    """

    search_term: str | None = None
    tag: str | None = None
    deployed: bool | None = None
    uploaded_start: str | None = None
    uploaded_end: str | None = None
    workspace_id: int | None = None
    before: int | None = None
    limit: int | None = None


class ModelVersionsFound(Struct, frozen=True, kw_only=True):
    """``models/search``'s answer; ``next`` is null behind the last page."""

    model_versions: list[ConfiguredModelVersion]
    next: int | None
