"""Inference logs: the request for a page of records, and what comes with a page."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class PageStatus(StrEnum):
    """Why a page of log records ended (contract/inference.md)."""

    ALL = "All"
    SCHEMA_CHANGE = "SchemaChange"
    RECORD_LIMITED = "RecordLimited"
    BYTE_LIMITED = "ByteLimited"


class GetLogs(Struct, frozen=True, kw_only=True):
    """``pipelines/get_logs``.

    ``order`` is asc or desc in any case; ``start_time`` (inclusive) and ``end_time`` (exclusive) are ISO 8601;
    ``page_size`` is in records; ``cursor`` is the ``x-iteration-cursor`` of the page before.
    """

    pipeline_name: str
    workspace_id: int
    order: str = "desc"
    cursor: str | None = None
    page_size: int | None = None
    start_time: str | None = None
    end_time: str | None = None


class LogQuery(Struct, frozen=True, kw_only=True):
    """A page of records as the archivist process is asked for it; times in ms since the epoch."""

    directory: str
    descending: bool
    page_size: int
    arrow: bool
    start_ms: int | None = None
    end_ms: int | None = None
    cursor: str | None = None


class LogPage(Struct, frozen=True, kw_only=True):
    """What comes with a page besides its bytes; ``cursor`` is missing when there is nothing more."""

    status: PageStatus
    rows: int
    cursor: str | None = None
