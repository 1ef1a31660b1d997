"""Workspaces: rooms that hold models and pipelines."""

from __future__ import annotations

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
