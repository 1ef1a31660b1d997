"""Who is in a workspace, and so may use the connections that are linked to it."""

from __future__ import annotations

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import Forbidden, InvalidRequest
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store import users, workspace_users
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.config import Nothing
from jupyter_wallaroo.types.user import User
from jupyter_wallaroo.types.workspace import (
    AddWorkspaceUser,
    AffectedRows,
    ListWorkspaceUsers,
    RemoveWorkspaceUser,
    UserType,
    Workspace,
    WorkspaceUserList,
)


class WorkspaceUserService:
    """Adds users to workspaces, which their owners may do, and removes them.

    Parameters
    ----------
    store
        Where they are kept.
    workspaces
        Finds workspaces.
    """

    def __init__(self, store: Store, workspaces: WorkspaceService) -> None:
        self._store = store
        self._workspaces = workspaces

    async def list_users(self, caller: Caller, request: ListWorkspaceUsers) -> WorkspaceUserList:
        """Return the users of a workspace, its creator first."""
        workspace = await self._workspaces.require(request.workspace_id)
        return WorkspaceUserList(users=await self._store.read(workspace_users.of_workspace, workspace.id))

    async def add_user(self, caller: Caller, request: AddWorkspaceUser) -> Nothing:
        """Have a user of this server in a workspace; one who is in it becomes what the request says.

        Raises
        ------
        Forbidden
            The caller is not an owner of the workspace.
        NotFound
            No such user ever called this server.
        """
        workspace = await self._workspaces.require(request.workspace_id)
        user_type = _user_type(request.user_type)
        await self._require_owner(caller, workspace)
        user = await self._user(request.email, request.user_id)
        if user.id != workspace.created_by:
            await self._store.write(workspace_users.add, workspace.id, user.id, user_type)
        elif user_type is not UserType.OWNER:
            raise _stays_owner(user, workspace)
        return Nothing()

    async def remove_user(self, caller: Caller, request: RemoveWorkspaceUser) -> AffectedRows:
        """Take a user out of a workspace; everybody may leave.

        Raises
        ------
        Forbidden
            The caller is neither that user nor an owner of the workspace.
        InvalidRequest
            The user made the workspace.
        """
        workspace = await self._workspaces.require(request.workspace_id)
        user = await self._user(request.email, request.user_id)
        if user.id != caller.user.id:
            await self._require_owner(caller, workspace)
        if user.id == workspace.created_by:
            raise _stays_owner(user, workspace)
        return AffectedRows(affected_rows=await self._store.write(workspace_users.remove, workspace.id, user.id))

    async def _require_owner(self, caller: Caller, workspace: Workspace) -> None:
        for user in await self._store.read(workspace_users.of_workspace, workspace.id):
            if user.user_id == caller.user.id and user.user_type is UserType.OWNER:
                return
        raise Forbidden(
            f"{caller.user.username!r} is not an owner of workspace {workspace.name!r}.",
            hint="Ask one of its owners: workspaces/list_users names them.",
        )

    async def _user(self, email: str | None, user_id: str | None) -> User:
        """Return the user meant by an address, an id, or both, which the vendor's client sends."""
        known = await self._store.read(users.by_ids, None)
        if user_id is not None:
            if user_id not in known:
                raise errors.not_found("User", user_id, (user.email for user in known.values()))
            if email is not None and email != known[user_id].email:
                raise InvalidRequest(f"'email' is {email!r:.100}, but user {user_id!r} is {known[user_id].email!r}.")
            return known[user_id]
        if email is None:
            raise InvalidRequest("Expected the 'email' or the 'user_id' of a user; got neither.")
        for user in known.values():
            if user.email == email:
                return user
        raise errors.not_found("User", email, (user.email for user in known.values()))


def _user_type(given: str | None) -> UserType:
    if given is None:
        return UserType.COLLABORATOR
    try:
        return UserType(given.upper())
    except ValueError:
        raise InvalidRequest(f"'user_type': expected owner or collaborator; got {given!r:.60}.") from None


def _stays_owner(user: User, workspace: Workspace) -> InvalidRequest:
    return InvalidRequest(f"User {user.email!r} made workspace {workspace.name!r} and stays its owner.")
