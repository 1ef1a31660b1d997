"""Connections: a name, a type and details for reaching other systems, which this server only keeps (S2-01, S2-02)."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Raw, Struct

from jupyter_wallaroo.secret import Secret

ClearDetails = Annotated[Raw | None, Meta(extra_json_schema={"type": ["object", "null"]})]
"""The JSON text of details, put into an answer as it is; its repr shows nothing of it."""

WorkspaceNumber = int | str
"""The id of a workspace; its digits as text are tolerated (A24)."""


class CreateConnection(Struct, frozen=True, kw_only=True):
    """``connections/create``: ``details`` are an object, JSON text of one, or absent, which is ``{}`` (A23)."""

    name: str
    type: str
    details: Secret[Any] | None = None


class ConnectionId(Struct, frozen=True, kw_only=True):
    """The UUID of a new connection (S5-05)."""

    id: str


class GetConnection(Struct, frozen=True, kw_only=True):
    """``connections/get``, by name."""

    name: str


class GetConnectionById(Struct, frozen=True, kw_only=True):
    """``connections/get_by_id``."""

    id: str


class DeleteConnection(Struct, frozen=True, kw_only=True):
    """``connections/delete``, by name."""

    name: str


class ListConnections(Struct, frozen=True, kw_only=True):
    """``connections/list``: all, or those linked to a workspace."""

    workspace_id: WorkspaceNumber | None = None


class LinkConnection(Struct, frozen=True, kw_only=True):
    """``connections/add_to_workspace``."""

    workspace_id: WorkspaceNumber
    connection_id: str


class UnlinkConnection(Struct, frozen=True, kw_only=True):
    """``connections/remove_from_workspace``."""

    workspace_id: WorkspaceNumber
    connection_id: str


class LinkId(Struct, frozen=True, kw_only=True):
    """The UUID of the link between a connection and a workspace (S5-09)."""

    id: str


class Connection(Struct, frozen=True, kw_only=True):
    """One connection (S5-12); ``details`` are null in lists, and for who may not read them (A11)."""

    id: str
    name: str
    type: str
    created_at: str
    workspace_names: list[str]
    """The workspaces it is linked to, in the order of linking."""
    details: ClearDetails = None


class ConnectionList(Struct, frozen=True, kw_only=True):
    """``connections/list``'s answer: a workspace's as they were linked, all as they were created."""

    connections: list[Connection]
