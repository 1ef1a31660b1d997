"""Connections: stored for whoever may use them; this server never opens one (S2-02, SECURITY D9)."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import msgspec

from jupyter_wallaroo import errors, strict_json
from jupyter_wallaroo.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unavailable
from jupyter_wallaroo.secret import Secret
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store import connections
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.store.secrets import Keyring, Sealed, Unreadable
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.connection import (
    Connection,
    ConnectionId,
    ConnectionList,
    CreateConnection,
    DeleteConnection,
    GetConnection,
    GetConnectionById,
    LinkConnection,
    LinkId,
    ListConnections,
    UnlinkConnection,
    WorkspaceNumber,
)
from jupyter_wallaroo.types.event import ConnectionAction, ConnectionChanged, Notify
from jupyter_wallaroo.types.names import MAX_DIGITS, check_name

MAX_TYPE_LENGTH = 100
UNREADABLE_RETRY_S = 60


class ConnectionService:
    """Makes, finds and links connections.

    Who made a connection or is in a workspace it is linked to may use it: read its details, link it on, unlink it and
    delete it. Everybody sees that it is there (A11).

    Parameters
    ----------
    store
        Where they are kept.
    keyring
        Seals details before they come near the database.
    workspaces
        Finds workspaces.
    notify
        Told of every connection that comes, goes or is linked otherwise.
    """

    def __init__(self, store: Store, keyring: Keyring, workspaces: WorkspaceService, notify: Notify) -> None:
        self._store = store
        self._keyring = keyring
        self._workspaces = workspaces
        self._notify = notify

    async def create(self, caller: Caller, request: CreateConnection) -> ConnectionId:
        """Make a connection.

        Raises
        ------
        Conflict
            The name is taken, by a connection in whatever workspace (S2-03).
        InvalidRequest
            The name cannot be one, or the details are not an object.
        """
        name = check_name("connection", request.name)
        if len(request.type) > MAX_TYPE_LENGTH:
            raise InvalidRequest(f"'type': expected at most {MAX_TYPE_LENGTH} characters; got {len(request.type)}.")
        connection_id = str(uuid.uuid4())
        sealed = await asyncio.to_thread(self._seal, connection_id, name, request.details or Secret({}))
        made = await self._store.write(
            connections.insert,
            connection_id=connection_id,
            name=name,
            kind=request.type,
            user_id=caller.user.id,
            sealed=sealed,
        )
        if not made:
            raise Conflict(
                f"A connection named {name!r} exists already.",
                hint="Connection names are unique over the whole server: choose another name.",
            )
        made_now = ConnectionChanged(
            connection_id=connection_id,
            connection=name,
            type=request.type,
            workspace_id=None,
            action=ConnectionAction.CREATED,
        )
        self._notify(made_now)
        return ConnectionId(id=connection_id)

    async def get(self, caller: Caller, request: GetConnection) -> Connection:
        """Return a connection by name, with its details if the caller may read them."""
        return await self._opened(caller, await self._named(request.name))

    async def get_by_id(self, caller: Caller, request: GetConnectionById) -> Connection:
        """Return a connection by its UUID, with its details if the caller may read them."""
        return await self._opened(caller, await self._identified(request.id))

    async def list_connections(self, caller: Caller, request: ListConnections) -> ConnectionList:
        """Return all connections, or those of a workspace, without details."""
        if request.workspace_id is None:
            return ConnectionList(connections=await self._store.read(connections.every))
        workspace_id = await self._workspace(request.workspace_id)
        return ConnectionList(connections=await self._store.read(connections.of_workspace, workspace_id))

    async def add_to_workspace(self, caller: Caller, request: LinkConnection) -> LinkId:
        """Link a connection to a workspace, whose users may use it from then on; again, it is the same link (A25).

        Raises
        ------
        Forbidden
            The caller may not use the connection: linking it to a room of their own must not open it.
        """
        workspace_id = await self._workspace(request.workspace_id)
        connection = await self._usable(caller, await self._identified(request.connection_id))
        link_id = await self._store.write(connections.link, connection.id, workspace_id)
        self._notify(ConnectionChanged.of(connection, ConnectionAction.ADDED, workspace_id=workspace_id))
        return LinkId(id=link_id)

    async def remove_from_workspace(self, caller: Caller, request: UnlinkConnection) -> None:
        """End the link between a connection and a workspace.

        Raises
        ------
        NotFound
            There is none.
        """
        workspace_id = await self._workspace(request.workspace_id)
        connection = await self._usable(caller, await self._identified(request.connection_id))
        if not await self._store.write(connections.unlink, connection.id, workspace_id):
            raise NotFound(
                f"Connection {connection.name!r} is not linked to workspace {workspace_id}.",
                hint=f"It is linked to: {', '.join(map(repr, connection.workspace_names)) or 'no workspace'}.",
            )
        self._notify(ConnectionChanged.of(connection, ConnectionAction.REMOVED, workspace_id=workspace_id))

    async def delete(self, caller: Caller, request: DeleteConnection) -> None:
        """Remove a connection, its details and its links."""
        connection = await self._usable(caller, await self._named(request.name))
        await self._store.write(connections.delete, connection.id)
        self._notify(ConnectionChanged.of(connection, ConnectionAction.DELETED))

    def _seal(self, connection_id: str, name: str, given: Secret[Any]) -> Sealed:
        details = _details(given)
        try:
            return self._keyring.seal(connection_id, details)
        except Unreadable as error:
            raise Unavailable(
                f"The details of connection {name!r} cannot be encrypted: {error.reason}.",
                hint="Put the key file of the data directory in order; nothing was stored.",
                retry_after_s=UNREADABLE_RETRY_S,
            ) from None

    async def _opened(self, caller: Caller, connection: Connection) -> Connection:
        if not await self._store.read(connections.may_read, connection.id, caller.user.id):
            return connection
        sealed = await self._store.read(connections.sealed, connection.id)
        if sealed is None:
            raise NotFound(f"Connection {connection.name!r} does not exist any more.")
        try:
            details = await asyncio.to_thread(self._keyring.unseal, connection.id, sealed)
        except Unreadable as error:
            raise Unavailable(
                f"The details of connection {connection.name!r} cannot be read: {error.reason}.",
                hint="Put the key file back from a backup of the data directory, or delete the connection and create "
                "it again.",
                retry_after_s=UNREADABLE_RETRY_S,
            ) from None
        return msgspec.structs.replace(connection, details=msgspec.Raw(details.reveal()))

    async def _usable(self, caller: Caller, connection: Connection) -> Connection:
        if await self._store.read(connections.may_read, connection.id, caller.user.id):
            return connection
        raise Forbidden(
            f"{caller.user.username!r} may not use connection {connection.name!r}.",
            hint="Ask whoever made it to link it to a workspace that you are in.",
        )

    async def _named(self, name: str) -> Connection:
        found = await self._store.read(connections.by_name, name)
        if found is None:
            raise errors.not_found("Connection", name, await self._store.read(connections.names))
        return found

    async def _identified(self, connection_id: str) -> Connection:
        found = await self._store.read(connections.by_id, connection_id.lower())
        if found is None:
            raise errors.not_found("Connection", connection_id, await self._store.read(connections.names))
        return found

    async def _workspace(self, given: WorkspaceNumber) -> int:
        """Return the id of an existing workspace; its digits as text are tolerated (A24)."""
        if isinstance(given, str):
            if not (given.isascii() and given.isdigit() and len(given) <= MAX_DIGITS):
                raise InvalidRequest(f"'workspace_id': expected a whole number; got the text {given!r:.60}.")
            given = int(given)
        return (await self._workspaces.require(given)).id


def _details(given: Secret[Any]) -> Secret[bytes]:
    """Return details as the JSON text that is kept; what is wrong with them is said without saying what they are."""
    value = given.reveal()
    if isinstance(value, str):
        try:
            value = strict_json.decode_document(value.encode())
        except InvalidRequest as error:
            reason = error.message.replace("The request body", "The text")
            raise InvalidRequest(
                f"'details': expected an object, or JSON text of one. {reason}", hint=error.hint
            ) from None
    if not isinstance(value, dict):
        raise InvalidRequest(f"'details': expected an object, or JSON text of one; got {type(value).__name__}.")
    return Secret(msgspec.json.encode(value))
