"""Orchestrations: scripts that come as a zip archive, and are packaged before they can be run (S5-29 to S5-33)."""

from __future__ import annotations

from pathlib import Path

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import Conflict
from jupyter_wallaroo.store import orchestrations
from jupyter_wallaroo.store.blobs import Blobs
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.supervisor.environments import Environments
from jupyter_wallaroo.types.orchestration import OrchestrationStatus, StoredOrchestration


class OrchestrationService:
    """Takes orchestrations in and finds them.

    Parameters
    ----------
    store, archives
        Where rows and archives are kept.
    environments
        Where what they need is installed.
    """

    def __init__(self, store: Store, archives: Blobs, environments: Environments) -> None:
        self._store = store
        self._archives = archives
        self._environments = environments

    def archive(self, orchestration: StoredOrchestration) -> Path:
        """Return where the archive lies."""
        return self._archives.path(orchestration.sha)

    def interpreter(self, orchestration: StoredOrchestration) -> str:
        """Return the Python that has what the orchestration needs, once it is ready."""
        return self._environments.interpreter(orchestration.requirements)

    async def ready(self, orchestration_id: str) -> StoredOrchestration:
        """Return an orchestration that can be run.

        Raises
        ------
        NotFound
            There is none.
        Conflict
            It is not packaged yet, or could not be; says why.
        """
        found = await self._require(orchestration_id)
        if found.status is OrchestrationStatus.READY:
            return found
        label = f"Orchestration {found.name or found.id!r}"
        if found.status is OrchestrationStatus.ERROR:
            raise Conflict(
                f"{label} cannot be run, because it could not be packaged: {found.error}",
                hint="Correct what is wrong and upload it again.",
            )
        raise Conflict(
            f"{label} cannot be run yet: its status is {found.status.value!r}; expected 'ready'.",
            hint="Wait until its status is 'ready', which orchestration/get_by_id shows.",
        )

    async def _require(self, orchestration_id: str) -> StoredOrchestration:
        found = await self._store.read(orchestrations.get, orchestration_id.lower())
        if found is None:
            everything = await self._store.read(orchestrations.every)
            raise errors.not_found("Orchestration", orchestration_id, [item.id for item in everything])
        return found
