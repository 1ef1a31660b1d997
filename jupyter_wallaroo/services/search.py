"""Searching pipelines and model versions by words, tags, times and whether they are deployed."""

from __future__ import annotations

from jupyter_wallaroo.services.pages import cut, page_limit
from jupyter_wallaroo.services.pipelines import PipelineService
from jupyter_wallaroo.store import models, search
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.store.rows import name_key
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.names import instant, moment
from jupyter_wallaroo.types.search import ModelVersionsFound, PipelinesFound, SearchModels, SearchPipelines


class SearchService:
    """Finds pipelines and model versions in all workspaces, or in one.

    Parameters
    ----------
    store
        Where they are kept.
    pipelines
        Says what is known of pipelines that were found.
    """

    def __init__(self, store: Store, pipelines: PipelineService) -> None:
        self._store = store
        self._pipelines = pipelines

    async def pipelines(self, caller: Caller, request: SearchPipelines) -> PipelinesFound:
        """Return a page of the pipelines for which everything holds, the newest first.

        Raises
        ------
        InvalidRequest
            A time or a limit that cannot be.
        """
        limit = page_limit(request.limit)
        conditions = {
            **_shared(request, limit),
            "created_start": _stored("created_start", request.created_start),
            "created_end": _stored("created_end", request.created_end),
            "updated_start": _stored("updated_start", request.updated_start),
            "updated_end": _stored("updated_end", request.updated_end),
        }
        keys, following = cut(await self._store.read(search.pipelines, conditions), limit, int)
        return PipelinesFound(pipelines=await self._pipelines.listed(keys), next=following)

    async def models(self, caller: Caller, request: SearchModels) -> ModelVersionsFound:
        """Return a page of the model versions for which everything holds, the newest first; raises as `pipelines`."""
        limit = page_limit(request.limit)
        conditions = {
            **_shared(request, limit),
            "uploaded_start": _stored("uploaded_start", request.uploaded_start),
            "uploaded_end": _stored("uploaded_end", request.uploaded_end),
        }
        keys, following = cut(await self._store.read(search.model_versions, conditions), limit, int)
        return ModelVersionsFound(model_versions=await self._store.read(models.versions_by_id, keys), next=following)


def _shared(request: SearchPipelines | SearchModels, limit: int) -> dict[str, str | int | bool | None]:
    return {
        "term": name_key(request.search_term) if request.search_term else None,
        "tag": name_key(request.tag) if request.tag is not None else None,
        "deployed": request.deployed or None,
        "undeployed": request.deployed is False or None,
        "workspace": request.workspace_id,
        "before": request.before,
        "limit": limit + 1,
    }


def _stored(field: str, text: str | None) -> str | None:
    """Return an instant of a request as instants are stored: such texts have the order of time."""
    return None if text is None else instant(moment(field, text))
