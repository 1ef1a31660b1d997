"""Workspaces: rooms that hold models and pipelines."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class CreateWorkspace(Struct, frozen=True, kw_only=True):
    """``workspaces/create``."""

    workspace_name: str


class WorkspaceCreated(Struct, frozen=True, kw_only=True):
    """The id of a new workspace."""

    workspace_id: int


class ListWorkspaces(Struct, frozen=True, kw_only=True):
    """``workspaces/list``: all, or those a user created."""

    user_id: str | None = None


class GetWorkspace(Struct, frozen=True, kw_only=True):
    """``workspaces/get``: by id, by name, or (neither given) the caller's default workspace."""

    id: int | None = None
    name: str | None = None


class Workspace(Struct, frozen=True, kw_only=True):
    """One workspace."""

    id: int
    name: str
    archived: bool
    created_by: str
    created_at: str


class WorkspaceContents(Workspace, frozen=True, kw_only=True):
    """One workspace with the ids of what it holds."""

    models: list[int]
    pipelines: list[int]


class WorkspaceList(Struct, frozen=True, kw_only=True):
    """``workspaces/list``'s answer, oldest first."""

    workspaces: list[WorkspaceContents]


class UserType(StrEnum):
    """What somebody is in a workspace, as the vendor's API writes it."""

    OWNER = "OWNER"
    COLLABORATOR = "COLLABORATOR"


class ListWorkspaceUsers(Struct, frozen=True, kw_only=True):
    """``workspaces/list_users``."""

    workspace_id: int


class AddWorkspaceUser(Struct, frozen=True, kw_only=True):
    """``workspaces/add_user``: by ``email`` or ``user_id``; ``user_type`` is owner or collaborator in any case."""

    workspace_id: int
    email: str | None = None
    user_id: str | None = None
    user_type: str | None = None


class RemoveWorkspaceUser(Struct, frozen=True, kw_only=True):
    """``workspaces/remove_user``: by ``email`` or ``user_id``."""

    workspace_id: int
    email: str | None = None
    user_id: str | None = None


class WorkspaceUser(Struct, frozen=True, kw_only=True):
    """One user of a workspace."""

    user_id: str
    user_type: UserType
    email: str
    username: str


class WorkspaceUserList(Struct, frozen=True, kw_only=True):
    """``workspaces/list_users``' answer: who made the workspace first, then the others as they were added."""

    users: list[WorkspaceUser]


class AffectedRows(Struct, frozen=True, kw_only=True):
    """``workspaces/remove_user``'s answer: 1 when the user was one of the workspace's, else 0."""

    affected_rows: int
