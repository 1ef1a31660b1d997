"""Packaging: what an orchestration needs is installed in the background, in an environment for these requirements.

What a kill cut off begins again at the next start; so does an orchestration whose environment is no longer there,
because Python was replaced or somebody removed it.
"""

from __future__ import annotations

import asyncio
import logging

from jupyter_wallaroo.errors import WallarooError
from jupyter_wallaroo.services.queue import Lane, Queue
from jupyter_wallaroo.store import orchestrations
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.supervisor.environments import Environments, InstallationFailed
from jupyter_wallaroo.types.event import Notify, OrchestrationChanged
from jupyter_wallaroo.types.orchestration import OrchestrationStatus, StoredOrchestration

AT_ONCE = 2
"""Uploads packaged at once, so that one with nothing to install rarely waits for one with much."""

_log = logging.getLogger(__name__)


class PackagingService:
    """Packages orchestrations.

    Parameters
    ----------
    store
        Where they are kept.
    environments
        Where what they need is installed.
    notify
        Told of every change of an orchestration.
    """

    def __init__(self, store: Store, environments: Environments, notify: Notify) -> None:
        self._store = store
        self._environments = environments
        self._notify = notify
        self._queue = Queue(interactive=AT_ONCE, background=1)

    @property
    def is_busy(self) -> bool:
        """Whether anything is being packaged, so that a Hub must not cull the server."""
        return self._queue.is_busy

    async def start(self) -> None:
        """Go on with what was left when the server last ended, oldest first."""
        for found in reversed(await self._store.read(orchestrations.every)):
            if await asyncio.to_thread(self._is_to_be_packaged, found):
                self.enter(found.id, Lane.BACKGROUND)

    def enter(self, orchestration_id: str, lane: Lane = Lane.INTERACTIVE) -> None:
        """Package an orchestration when its turn comes."""
        self._queue.enter(orchestration_id, lane, lambda: self._package(orchestration_id))

    async def stop(self) -> None:
        """End what is being packaged; it begins again at the next start."""
        await self._queue.stop()

    def _is_to_be_packaged(self, found: StoredOrchestration) -> bool:
        if found.status is OrchestrationStatus.READY:
            return not self._environments.has(found.requirements)
        return found.status is not OrchestrationStatus.ERROR

    async def _package(self, orchestration_id: str) -> None:
        found = await self._store.read(orchestrations.get, orchestration_id)
        if found is None:
            return
        await self._note(orchestration_id, OrchestrationStatus.PACKAGING)
        try:
            await self._environments.make(found.requirements)
            log = await asyncio.to_thread(self._environments.log, found.requirements)
        except InstallationFailed as error:
            await self._note(orchestration_id, OrchestrationStatus.ERROR, error=str(error), log=error.log)
        except WallarooError as error:
            await self._note(orchestration_id, OrchestrationStatus.ERROR, error=str(error))
        except Exception as error:  # noqa: BLE001  told as its status: nobody else would learn of it
            _log.exception("wallaroo: orchestration %s could not be packaged", orchestration_id)
            reason = f"The packaging failed ({type(error).__name__}); the server's log has the details."
            await self._note(orchestration_id, OrchestrationStatus.ERROR, error=reason)
        else:
            await self._note(orchestration_id, OrchestrationStatus.READY, log=log)

    async def _note(
        self, orchestration_id: str, status: OrchestrationStatus, *, error: str | None = None, log: str = ""
    ) -> None:
        await self._store.write(orchestrations.set_status, orchestration_id, status, error=error, log=log)
        found = await self._store.read(orchestrations.get, orchestration_id)
        if found is not None:
            self._notify(OrchestrationChanged.of(found))
