"""Tags: words that people put on pipelines and model versions to find them again."""

from __future__ import annotations

from msgspec import Struct


class Tag(Struct, frozen=True, kw_only=True):
    """A tag: its number and its words."""

    id: int
    tag: str


class CreateTag(Struct, frozen=True, kw_only=True):
    """``tags/create``; words that are a tag already give that one."""

    tag: str


class ListTags(Struct, frozen=True, kw_only=True):
    """``tags/list``: the page behind the tag with the id ``after``."""

    after: int = 0
    limit: int | None = None


class TaggedPipeline(Struct, frozen=True, kw_only=True):
    """A pipeline that has a tag."""

    id: int
    name: str
    workspace_id: int


class TaggedModel(Struct, frozen=True, kw_only=True):
    """A model version that has a tag."""

    id: int
    name: str
    version: str
    workspace_id: int


class ListedTag(Tag, frozen=True, kw_only=True):
    """A tag with everything that has it, oldest first."""

    created_by: str
    created_at: str
    pipelines: list[TaggedPipeline]
    models: list[TaggedModel]


class TagList(Struct, frozen=True, kw_only=True):
    """``tags/list``'s answer, oldest first; ``next`` is what the next page is ``after``, null behind the last one."""

    tags: list[ListedTag]
    next: int | None


class AssignTag(Struct, frozen=True, kw_only=True):
    """``tags/assign``: to a pipeline or a model version, one of the two; once more is fine."""

    tag_id: int
    pipeline_id: int | None = None
    model_version_id: int | None = None


class RemoveTag(Struct, frozen=True, kw_only=True):
    """``tags/remove``: from a pipeline or a model version, one of the two; fine where it is not."""

    tag_id: int
    pipeline_id: int | None = None
    model_version_id: int | None = None
