"""Orchestrations: scripts with their requirements, uploaded as a zip archive (S5-29 to S5-33)."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class OrchestrationStatus(StrEnum):
    """How far an orchestration has come; only a ready one can be run."""

    PENDING_PACKAGING = "pending_packaging"
    PACKAGING = "packaging"
    READY = "ready"
    ERROR = "error"


class StoredOrchestration(Struct, frozen=True, kw_only=True):
    """An orchestration as the store has it.

    ``sha`` is that of the archive, which is a blob; ``entry`` is the path of ``main.py`` in it and ``requirements`` are
    those of its ``requirements.txt``, both known once it was looked into. ``log`` is what the installer said.
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
