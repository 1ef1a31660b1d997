"""Tags: made once, put on pipelines and model versions."""

from __future__ import annotations

from jupyter_wallaroo.errors import InvalidRequest, NotFound
from jupyter_wallaroo.services.models import ModelService
from jupyter_wallaroo.services.pages import cut, page_limit
from jupyter_wallaroo.services.pipelines import PipelineService
from jupyter_wallaroo.store import tags
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.config import Nothing
from jupyter_wallaroo.types.names import check_name
from jupyter_wallaroo.types.tag import AssignTag, CreateTag, ListTags, RemoveTag, Tag, TagList


class TagService:
    """Makes tags, and puts them on things.

    Parameters
    ----------
    store
        Where they are kept.
    pipelines, models
        Find what is tagged.
    """

    def __init__(self, store: Store, pipelines: PipelineService, models: ModelService) -> None:
        self._store = store
        self._pipelines = pipelines
        self._models = models

    async def create(self, caller: Caller, request: CreateTag) -> Tag:
        """Make a tag, or return the one with these words: a notebook that is run again finds its own."""
        return await self._store.write(tags.insert, check_name("tag", request.tag), caller.user.id)

    async def list_tags(self, caller: Caller, request: ListTags) -> TagList:
        """Return a page of tags with what has them, oldest first."""
        limit = page_limit(request.limit)
        read = await self._store.read(tags.page, request.after, limit + 1)
        found, following = cut(read, limit, lambda tag: tag.id)
        return TagList(tags=found, next=following)

    async def assign(self, caller: Caller, request: AssignTag) -> Nothing:
        """Put a tag on a pipeline or a model version.

        Raises
        ------
        NotFound
            The tag or what it is to be put on does not exist.
        InvalidRequest
            Neither or both of the two are named.
        """
        await self._check(request)
        if request.pipeline_id is not None:
            await self._store.write(tags.assign_to_pipeline, request.tag_id, request.pipeline_id)
        elif request.model_version_id is not None:
            await self._store.write(tags.assign_to_model, request.tag_id, request.model_version_id)
        return Nothing()

    async def remove(self, caller: Caller, request: RemoveTag) -> Nothing:
        """Take a tag from a pipeline or a model version; raises as `assign` does."""
        await self._check(request)
        if request.pipeline_id is not None:
            await self._store.write(tags.remove_from_pipeline, request.tag_id, request.pipeline_id)
        elif request.model_version_id is not None:
            await self._store.write(tags.remove_from_model, request.tag_id, request.model_version_id)
        return Nothing()

    async def _check(self, request: AssignTag | RemoveTag) -> None:
        if (request.pipeline_id is None) == (request.model_version_id is None):
            given = "neither" if request.pipeline_id is None else "both"
            raise InvalidRequest(f"Expected 'pipeline_id' or 'model_version_id'; got {given}.")
        if await self._store.read(tags.get, request.tag_id) is None:
            raise NotFound(f"Tag {request.tag_id} does not exist.", hint="tags/list shows all.")
        if request.pipeline_id is not None:
            await self._pipelines.require(request.pipeline_id)
        elif request.model_version_id is not None:
            await self._models.require_version(request.model_version_id)
