"""Audit records: who changed what, when, from what to what."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct


class AuditAction(StrEnum):
    """What was done; `AuditRecord.via` says by which call."""

    CREATE = "create"
    """A pipeline and its first version."""
    VERSION = "version"
    """A further version of a pipeline."""
    COPY = "copy"
    """A pipeline with the steps of another one."""
    DEPLOY = "deploy"
    """A pipeline version is to run, in place of whatever ran under the deployment's name."""
    ROLLBACK = "rollback"
    """The same, with a version that ran before."""
    REFUSE = "refuse"
    """What was to run did not come up: what ran before goes on. The engines did that, for who wanted it."""
    UNDEPLOY = "undeploy"
    REMOVE = "remove"
    """A pipeline is not shown any more, and its name is free."""
    CONFIGURE = "configure"
    """A further configuration of a model version."""


class AuditRecord(Struct, frozen=True, kw_only=True):
    """One change; it was written in the same transaction.

    ``via`` is the call that made it, such as ``pipelines/apply``; ``start`` for what the server's configuration
    applies when it starts, ``engines`` for what they did by themselves. ``before`` and ``after`` are what was changed:
    ``{"version", "definition"}`` of a pipeline, ``{"deployment", "version", "engine_config", "model_config_ids"}`` of a
    deployment, the settings of a model's configuration; null for nothing.
    """

    id: int
    at: str
    user_id: str
    username: str
    action: AuditAction
    via: str
    workspace_id: int
    pipeline_id: int | None = None
    pipeline: str | None = None
    """The pipeline's name."""
    deployment_id: int | None = None
    model_version_id: int | None = None
    model: str | None = None
    """The model's name."""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class ListAudit(Struct, frozen=True, kw_only=True):
    """``audit/list``: the newest changes, of a pipeline's name or a workspace if given.

    ``limit`` is 1 to 1,000 records. The next page is asked for with ``before_id``, which each page names.
    """

    pipeline: str | None = None
    workspace_id: int | None = None
    limit: int = 100
    before_id: int | None = None


class AuditPage(Struct, frozen=True, kw_only=True):
    """``audit/list``'s answer, newest first; ``before_id`` leads to the next page, null after the last."""

    records: list[AuditRecord]
    before_id: int | None
