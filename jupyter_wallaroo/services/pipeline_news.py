"""What changed among the pipelines: told to whoever listens, and remembered by name."""

from __future__ import annotations

from jupyter_wallaroo.store import pipelines
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.event import Notify, PipelineAction, PipelineChanged
from jupyter_wallaroo.types.pipeline import PipelineVersion


class PipelineNews:
    """Tells of new pipelines and versions, and of pipelines that are no more.

    Parameters
    ----------
    store
        Where they are kept.
    notify
        Told of each.
    """

    def __init__(self, store: Store, notify: Notify) -> None:
        self._store = store
        self._notify = notify
        self.names: dict[int, str] = {}
        """The name of every pipeline by its id, for those who cannot wait for the store; names never change."""

    async def learn(self) -> None:
        """Learn the names of the pipelines there are."""
        self.names = await self._store.read(pipelines.names, None)

    async def tell(self, version: PipelineVersion) -> None:
        """Note a version that was added, and tell whoever listens."""
        pipeline = await self._store.read(pipelines.get, version.pipeline_id)
        assert pipeline is not None, "a version's pipeline exists (foreign key)"
        self.names[pipeline.id] = pipeline.name
        is_first = len((await self._store.read(pipelines.versions_of, [pipeline.id]))[pipeline.id]) == 1
        self._notify(
            PipelineChanged(
                pipeline_id=pipeline.id,
                pipeline=pipeline.name,
                workspace_id=await self._store.read(pipelines.workspace_id_of, pipeline.id),
                version=version.version,
                action=PipelineAction.CREATED if is_first else PipelineAction.VERSION_ADDED,
            )
        )

    def tell_removed(self, newest: PipelineVersion, workspace_id: int) -> None:
        """Tell whoever listens that a pipeline is no more; `newest` was its newest version.

        Its name stays known: what is told of its end comes later than this.
        """
        self._notify(
            PipelineChanged(
                pipeline_id=newest.pipeline_id,
                pipeline=self.names[newest.pipeline_id],
                workspace_id=workspace_id,
                version=newest.version,
                action=PipelineAction.REMOVED,
            )
        )
