"""Orchestrations: scripts with their requirements, uploaded as a zip archive (S5-29 to S5-33)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct

from jupyter_wallaroo.types.workspace import Workspace

MAX_ARCHIVE_BYTES = 200 * 2**20
"""The most bytes of an archive, and of what it unpacks to (SECURITY C3)."""


class OrchestrationStatus(StrEnum):
    """How far an orchestration has come; only a ready one can be run."""

    PENDING_PACKAGING = "pending_packaging"
    PACKAGING = "packaging"
    READY = "ready"
    ERROR = "error"


class UploadOrchestration(Struct, frozen=True, kw_only=True):
    """The ``metadata`` of ``orchestration/upload``."""

    workspace_id: int
    name: str | None = None


class OrchestrationId(Struct, frozen=True, kw_only=True):
    """The UUID of a new orchestration (S5-32)."""

    id: str


class GetOrchestration(Struct, frozen=True, kw_only=True):
    """``orchestration/get_by_id``."""

    id: str


class DownloadOrchestration(Struct, frozen=True, kw_only=True):
    """The query of ``orchestration/download``: ``token`` is Jupyter's, for those that cannot send a header."""

    id: str
    token: str | None = None


class ListOrchestrations(Struct, frozen=True, kw_only=True):
    """``orchestration/list``."""

    workspace_id: int


class ListAllOrchestrations(Struct, frozen=True, kw_only=True):
    """``orchestration/list_all``: those of some workspaces, or of all when none is named.

    The other fields are about the tasks that come with each: by the status of their last run, those that were killed
    or not, and those that ran between two instants.
    """

    workspace_ids: list[int] = []
    task_run_status: list[str] = []
    killed: bool | None = None
    time_range: list[Any] | None = None


class DeleteOrchestrations(Struct, frozen=True, kw_only=True):
    """``orchestration/delete_orchestrations``; with ``confirm_delete`` false, it is only said what would be freed."""

    orchestrations: list[str]
    confirm_delete: bool = True


class FreedBytes(Struct, frozen=True, kw_only=True):
    """How many bytes on disk are free again."""

    bytes: int


class Orchestration(Struct, frozen=True, kw_only=True):
    """An orchestration in a list: ``sha`` and ``file_size`` (bytes) are those of the archive.

    ``image_path`` and ``task_id`` are the vendor's; here they are empty. ``error`` says why the status is "error".
    """

    id: str
    name: str | None
    workspace_id: int
    workspace_name: str
    sha: str
    file_name: str
    file_size: int
    image_path: str = ""
    owner_id: str
    created_by: str
    task_id: str | None = None
    status: OrchestrationStatus
    error: str | None
    created_at: str
    updated_at: str


class OrchestrationDetails(Orchestration, frozen=True, kw_only=True):
    """One orchestration, with its script's path, what it needs installed, and what the installer said."""

    entry: str
    requirements: list[str]
    log: str


class ListedOrchestration(Struct, frozen=True, kw_only=True):
    """An orchestration with its tasks, as ``task/list`` has them, and its workspace."""

    orchestration: Orchestration
    tasks: list[Any]
    workspace: Workspace


class AllOrchestrations(Struct, frozen=True, kw_only=True):
    """``orchestration/list_all``'s answer, newest first."""

    orchestrations: list[ListedOrchestration]


class StoredOrchestration(Struct, frozen=True, kw_only=True):
    """An orchestration as the store has it.

    ``sha`` is that of the archive; ``entry`` is the path of ``main.py`` in it and ``requirements`` are those of its
    ``requirements.txt``, as arguments of the installer. ``log`` is what that said.
    """

    id: str
    name: str | None
    workspace_id: int
    workspace_name: str
    sha: str
    file_name: str
    size_bytes: int
    entry: str
    requirements: list[str]
    status: OrchestrationStatus
    error: str | None
    log: str
    owner_id: str
    owner_name: str
    created_at: str
    updated_at: str

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"Orchestration {self.name or self.id!r}"
