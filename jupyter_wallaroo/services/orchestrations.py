"""Orchestrations: scripts that come as a zip archive, and are packaged before they can be run (S5-29 to S5-33)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import Conflict, InvalidUpload
from jupyter_wallaroo.services.packaging import PackagingService
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store import orchestrations
from jupyter_wallaroo.store.blobs import Blobs, Incoming
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.store.orchestrations import NewOrchestration
from jupyter_wallaroo.supervisor import inspection, requirements
from jupyter_wallaroo.supervisor.environments import Environments
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.event import DELETED, Notify, OrchestrationChanged
from jupyter_wallaroo.types.names import check_name
from jupyter_wallaroo.types.orchestration import (
    AllOrchestrations,
    DeleteOrchestrations,
    FreedBytes,
    GetOrchestration,
    ListAllOrchestrations,
    ListedOrchestration,
    ListOrchestrations,
    Orchestration,
    OrchestrationDetails,
    OrchestrationId,
    OrchestrationStatus,
    StoredOrchestration,
    UploadOrchestration,
)
from jupyter_wallaroo.types.plan import InspectOrchestration, OrchestrationContents

if TYPE_CHECKING:
    from sqlite_utils import Database

MAX_FILE_NAME = 100
LOOKED_INTO_AT_ONCE = 4
"""Archives that processes of ours look into at once; more wait."""


class OrchestrationTasks(Protocol):
    """The tasks of orchestrations, as whoever runs them knows them."""

    async def of(
        self, orchestration_ids: Sequence[str], request: ListAllOrchestrations
    ) -> Mapping[str, Sequence[Struct]]:
        """Return the tasks of orchestrations by their UUIDs, as ``task/list`` has them; ``request`` says which."""
        ...

    def release(self, db: Database, orchestration_ids: Sequence[str]) -> Sequence[str]:
        """Forget the tasks of orchestrations that are about to be deleted, in the same transaction.

        Return those orchestrations that have a task which is active: then nothing is deleted.
        """
        ...


class NoTasks:
    """Nobody runs any."""

    async def of(
        self, orchestration_ids: Sequence[str], request: ListAllOrchestrations
    ) -> Mapping[str, Sequence[Struct]]:
        """Return none."""
        return {}

    def release(self, db: Database, orchestration_ids: Sequence[str]) -> Sequence[str]:
        """Return none."""
        return ()


class OrchestrationService:
    """Takes orchestrations in, finds them and lets them go.

    Parameters
    ----------
    store, archives
        Where rows and archives are kept.
    workspaces
        Finds workspaces.
    environments, packaging
        Where what they need is installed, and what does that.
    work_directory
        An empty directory for the process that looks into archives.
    notify
        Told of every change.
    """

    def __init__(
        self,
        *,
        store: Store,
        archives: Blobs,
        workspaces: WorkspaceService,
        environments: Environments,
        packaging: PackagingService,
        work_directory: Path,
        notify: Notify,
    ) -> None:
        self.tasks: OrchestrationTasks = NoTasks()
        self._store = store
        self._archives = archives
        self._workspaces = workspaces
        self._environments = environments
        self._packaging = packaging
        self._work_directory = work_directory
        self._notify = notify
        self._looking = asyncio.Semaphore(LOOKED_INTO_AT_ONCE)

    def begin_upload(self) -> Incoming:
        """Open a file for an upload; it may wait for the disk."""
        return self._archives.begin()

    async def check_upload(self, request: UploadOrchestration) -> str | None:
        """Refuse an upload that cannot be taken, before its bytes come; return the orchestration's name, if any."""
        name = check_name("orchestration", request.name) if request.name is not None else None
        await self._workspaces.require(request.workspace_id)
        return name

    async def finish_upload(
        self, caller: Caller, request: UploadOrchestration, incoming: Incoming, file_name: str
    ) -> OrchestrationId:
        """Make an orchestration of an archive that has come in whole; nothing is kept when it is refused.

        Raises
        ------
        InvalidUpload
            It is no archive, holds what is not taken, has no ``main.py``, or asks for what is not installed.
        """
        name = await self.check_upload(request)
        sha = await asyncio.to_thread(incoming.complete)
        label = Path(file_name).name[:MAX_FILE_NAME].strip(". ") or f"{name or 'orchestration'}.zip"
        if not incoming.size_bytes:
            raise InvalidUpload(f"The uploaded file {label!r} is empty: expected a zip archive with a main.py.")
        contents = await self._contents(incoming.path, repr(label))
        new = NewOrchestration(
            id=str(uuid.uuid4()),
            name=name,
            workspace_id=request.workspace_id,
            sha=sha,
            file_name=label,
            size_bytes=incoming.size_bytes,
            entry=contents.entry,
            requirements=await asyncio.to_thread(requirements.from_file, contents.requirements),
            owner_id=caller.user.id,
        )

        def take_in(db: Database) -> StoredOrchestration:
            incoming.keep(sha)  # in the writing thread, so that nobody frees the same archive in between
            return orchestrations.insert(db, new)

        self._notify(OrchestrationChanged.of(await self._store.write(take_in)))
        self._packaging.enter(new.id)
        return OrchestrationId(id=new.id)

    async def _contents(self, path: Path, label: str) -> OrchestrationContents:
        async with self._looking:
            request = InspectOrchestration(path=str(path), label=label)
            return await inspection.inspect_orchestration(request, self._work_directory)

    async def list_orchestrations(self, caller: Caller, request: ListOrchestrations) -> list[Orchestration]:
        """Return the orchestrations of a workspace, newest first."""
        workspace = await self._workspaces.require(request.workspace_id)
        return [_listed(found) for found in await self._store.read(orchestrations.every, workspace.id)]

    async def list_all(self, caller: Caller, request: ListAllOrchestrations) -> AllOrchestrations:
        """Return the orchestrations of some workspaces or of all, newest first, each with its tasks."""
        workspaces = {number: await self._workspaces.require(number) for number in request.workspace_ids}
        everything = await self._store.read(orchestrations.every)
        found = [item for item in everything if not workspaces or item.workspace_id in workspaces]
        for number in {item.workspace_id for item in found} - set(workspaces):
            workspaces[number] = await self._workspaces.require(number)
        tasks = await self.tasks.of([item.id for item in found], request)
        return AllOrchestrations(
            orchestrations=[
                ListedOrchestration(
                    orchestration=_listed(item),
                    tasks=list(tasks.get(item.id, ())),
                    workspace=workspaces[item.workspace_id],
                )
                for item in found
            ]
        )

    async def get(self, caller: Caller, request: GetOrchestration) -> OrchestrationDetails:
        """Return an orchestration by its UUID."""
        found = await self.require(request.id)
        return OrchestrationDetails(**_facts(found), entry=found.entry, requirements=found.requirements, log=found.log)

    async def delete(self, caller: Caller, request: DeleteOrchestrations) -> FreedBytes:
        """Delete orchestrations with their tasks and archives, all or none; return what is free again.

        Raises
        ------
        NotFound
            One does not exist.
        Conflict
            One has an active task.
        """
        found = [await self.require(orchestration_id) for orchestration_id in request.orchestrations]
        ids = [item.id for item in found]
        sizes = {item.sha: item.size_bytes for item in found}
        if not request.confirm_delete:
            others = [item for item in await self._store.read(orchestrations.every) if item.id not in ids]
            return FreedBytes(bytes=sum(size for sha, size in sizes.items() if sha not in {o.sha for o in others}))

        def remove(db: Database) -> None:
            if needed := self.tasks.release(db, ids):
                names = ", ".join(item.label for item in found if item.id in needed)
                raise Conflict(
                    f"Nothing was deleted: {names} has active tasks.", hint="Kill them first: task/list shows them."
                )
            orchestrations.delete(db, ids)

        def free(db: Database) -> int:
            unneeded = sizes.keys() - orchestrations.known_shas(db)
            for sha in unneeded:
                self._archives.path(sha).unlink(missing_ok=True)
            return sum(sizes[sha] for sha in unneeded)

        await self._store.write(remove)
        for item in found:
            self._notify(OrchestrationChanged.of(item, status=DELETED))
        return FreedBytes(bytes=await self._store.write(free))

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
        found = await self.require(orchestration_id)
        if found.status is OrchestrationStatus.READY:
            if await asyncio.to_thread(self._environments.has, found.requirements):
                return found
            self._packaging.enter(found.id)
            raise Conflict(
                f"{found.label} cannot be run yet: its environment is gone and is made again.",
                hint="Wait until its status is 'ready' again.",
            )
        if found.status is OrchestrationStatus.ERROR:
            raise Conflict(
                f"{found.label} cannot be run, because it could not be packaged: {found.error}",
                hint="Correct what is wrong and upload it again.",
            )
        raise Conflict(
            f"{found.label} cannot be run yet: its status is {found.status.value!r}; expected 'ready'.",
            hint="Wait until its status is 'ready', which orchestration/get_by_id shows.",
        )

    async def require(self, orchestration_id: str) -> StoredOrchestration:
        """Return an orchestration by its UUID, or raise `NotFound` naming those there are."""
        found = await self._store.read(orchestrations.get, orchestration_id.lower())
        if found is None:
            everything = await self._store.read(orchestrations.every)
            raise errors.not_found("Orchestration", orchestration_id, [item.id for item in everything])
        return found


def _listed(found: StoredOrchestration) -> Orchestration:
    return Orchestration(**_facts(found))


def _facts(found: StoredOrchestration) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "workspace_id": found.workspace_id,
        "workspace_name": found.workspace_name,
        "sha": found.sha,
        "file_name": found.file_name,
        "file_size": found.size_bytes,
        "owner_id": found.owner_id,
        "created_by": found.owner_name,
        "status": found.status,
        "error": found.error,
        "created_at": found.created_at,
        "updated_at": found.updated_at,
    }
