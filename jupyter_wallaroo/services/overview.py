"""Pipelines at a glance: one look at the store and one at the processes, however many there are."""

from __future__ import annotations

import msgspec

from jupyter_wallaroo.services import definitions
from jupyter_wallaroo.services.pages import named_page
from jupyter_wallaroo.services.pipelines import PipelineService
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store import deployments, listings, pipelines, users
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.supervisor.supervisor import Supervisor
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.overview import (
    GetOverview,
    ListPipelineVersions,
    Overview,
    PipelineVersionEntry,
    PipelineVersionList,
)


class OverviewService:
    """Tells what lists on a screen show.

    Parameters
    ----------
    store
        Where pipelines are kept.
    workspaces, pipelines
        Find what is asked about.
    supervisor
        Knows how each pipeline runs.
    """

    def __init__(
        self, store: Store, workspaces: WorkspaceService, pipelines: PipelineService, supervisor: Supervisor
    ) -> None:
        self._store = store
        self._workspaces = workspaces
        self._pipelines = pipelines
        self._supervisor = supervisor

    async def pipelines(self, caller: Caller, request: GetOverview) -> Overview:
        """Return a page of the pipelines of a workspace, or of all, and how each runs.

        Raises
        ------
        NotFound
            No such workspace.
        InvalidRequest
            A limit that cannot be.
        """
        keys, following = await named_page(self._store, self._workspaces, request, listings.pipeline_page)
        stored = await self._store.read(pipelines.at_a_glance, keys)
        running = {item.spec.pipeline_id: item.news() for item in self._supervisor.deployments}
        return Overview(
            next=following,
            pipelines=[
                msgspec.structs.replace(
                    item,
                    status=news.status,
                    deployment_id=news.deployment_id,
                    deployment=news.deployment,
                    pipeline_version=news.pipeline_version,
                    replicas_running=news.replicas_running,
                    replicas_wanted=news.replicas_wanted,
                    reason=news.reason,
                )
                if (news := running.get(item.pipeline_id)) is not None
                else item
                for item in stored
            ],
        )

    async def versions(self, caller: Caller, request: ListPipelineVersions) -> PipelineVersionList:
        """Return the versions of a pipeline: who made each, and whether it ran or runs.

        Raises
        ------
        NotFound
            No such pipeline.
        """
        pipeline, _ = await self._pipelines.require(request.pipeline_id)
        stored = await self._store.read(pipelines.versions, pipeline.id)
        ran = {item.pipeline_version_id for item in await self._store.read(deployments.releases, pipeline.id)}
        runs = {
            item.pipeline_version_id
            for item in await self._store.read(deployments.of_pipeline, pipeline.id)
            if item.wanted
        }
        known = await self._store.read(users.by_ids, list({item.created_by for item in stored}))
        return PipelineVersionList(
            versions=[
                PipelineVersionEntry(
                    id=item.id,
                    version=item.version,
                    created_at=item.created_at,
                    author=known[item.created_by].username,
                    models=list(dict.fromkeys(model.name for model in definitions.references(item.definition))),
                    was_deployed=item.id in ran,
                    is_deployed=item.id in runs,
                )
                for item in stored
            ]
        )
