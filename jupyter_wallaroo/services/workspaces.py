"""Workspaces."""

from __future__ import annotations

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import Conflict
from jupyter_wallaroo.store import users, workspaces
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.names import check_name
from jupyter_wallaroo.types.workspace import (
    CreateWorkspace,
    GetWorkspace,
    ListWorkspaces,
    Workspace,
    WorkspaceContents,
    WorkspaceCreated,
    WorkspaceList,
)


class WorkspaceService:
    """Makes and finds workspaces.

    Parameters
    ----------
    store
        Where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, caller: Caller, request: CreateWorkspace) -> WorkspaceCreated:
        """Make a workspace.

        Raises
        ------
        Conflict
            The name is taken.
        """
        name = check_name("workspace", request.workspace_name)
        key = await self._store.write(workspaces.insert, name, caller.user.id)
        if key is None:
            raise Conflict(
                f"A workspace named {name!r} exists already.",
                hint="Choose another name, or find its id with workspaces/list.",
            )
        return WorkspaceCreated(workspace_id=key)

    async def list_workspaces(self, caller: Caller, request: ListWorkspaces) -> WorkspaceList:
        """Return all workspaces, or those a user created, with what they hold."""
        found = await self._store.read(workspaces.with_contents, user_id=request.user_id)
        return WorkspaceList(workspaces=[item for item in found if caller.only_workspace_id in (None, item.id)])

    async def get(self, caller: Caller, request: GetWorkspace) -> WorkspaceContents:
        """Return one workspace with what it holds; without id and name, the caller's default one."""
        if request.name is not None:
            found = await self.named(request.name)
        else:
            found = await self.required_or_default(caller, request.id)
        (whole,) = await self._store.read(workspaces.with_contents, workspace_id=found.id)
        return whole

    async def require(self, workspace_id: int) -> Workspace:
        """Return a workspace by id, or raise `NotFound` naming those there are."""
        found = await self._store.read(workspaces.get, workspace_id)
        if found is None:
            raise errors.not_found("Workspace", workspace_id, await self._store.read(workspaces.names))
        return found

    async def required_or_default(self, caller: Caller, workspace_id: int | None) -> Workspace:
        """Return a workspace by id, or the caller's default one when none is given."""
        if workspace_id is None:
            workspace_id = caller.only_workspace_id
        default = await self._store.read(users.default_workspace_id, caller.user.id)
        return await self.require(default if workspace_id is None else workspace_id)

    async def named(self, name: str) -> Workspace:
        """Return a workspace by name, or raise `NotFound` with the nearest names."""
        found = await self._store.read(workspaces.by_name, name)
        if found is None:
            raise errors.not_found("Workspace", name, await self._store.read(workspaces.names))
        return found

    async def id_for(self, workspace_id: int | None, name: str | None) -> int | None:
        """Return the id of the workspace meant by an id or a name, None when neither is given."""
        if workspace_id is not None:
            return (await self.require(workspace_id)).id
        return (await self.named(name)).id if name is not None else None
