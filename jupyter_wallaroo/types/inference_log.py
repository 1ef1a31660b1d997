"""Inference logs: the requests for a page of records, and what comes with a page."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct

_IN_QUERY = {
    "start_time": "time.start",
    "end_time": "time.end",
    "dataset": "dataset[]",
    "exclude": "dataset.exclude[]",
    "separator": "dataset.separator",
}


class PageStatus(StrEnum):
    """Why a page of log records ended (contract/inference.md)."""

    ALL = "All"
    SCHEMA_CHANGE = "SchemaChange"
    RECORD_LIMITED = "RecordLimited"
    BYTE_LIMITED = "ByteLimited"


class GetLogs(Struct, frozen=True, kw_only=True):
    """``pipelines/get_logs``.

    ``order`` is asc or desc in any case; ``start_time`` (inclusive) and ``end_time`` (exclusive) are ISO 8601;
    ``page_size`` is in records; ``cursor`` is the ``x-iteration-cursor`` of the page before. ``valid``: only records
    that passed every validation, or only those that failed any.
    """

    pipeline_name: str
    workspace_id: int
    order: str = "desc"
    cursor: str | None = None
    page_size: int | None = None
    start_time: str | None = None
    end_time: str | None = None
    valid: bool | None = None


class GetTopicName(Struct, frozen=True, kw_only=True):
    """``plateau/get_topic_name``: of a pipeline, by its id, or by its name and workspace (default: the caller's)."""

    pipeline_pk_id: int | None = None
    pipeline_name: str | None = None
    workspace_id: int | None = None


class GetPipelineTopicName(Struct, frozen=True, kw_only=True):
    """``plateau/get_pipeline_topic_name``: of a pipeline, by its name and workspace (default: the caller's)."""

    pipeline_name: str
    workspace_id: int | None = None


class TopicName(Struct, frozen=True, kw_only=True):
    """The topic of a pipeline's log; with ``-failures`` at its end, of the records that failed a validation."""

    topic_name: str


class GetTopic(Struct, frozen=True, kw_only=True):
    """What a topic holds."""


class Span(Struct, frozen=True, kw_only=True):
    """Positions in a partition: of the oldest record, and behind the newest one."""

    start: int
    end: int


class TopicPartitions(Struct, frozen=True, kw_only=True):
    """What a topic holds: one partition, in which the position of a record is how many are older."""

    partitions: dict[str, Span]


Iterator = dict[str, Any]
"""Where a page begins: ``{}`` for the first one, ``next`` of the page before, or a partition and a position in it."""


class TopicRecords(Struct, frozen=True, kw_only=True, rename=lambda name: _IN_QUERY.get(name, name)):
    """A page of a topic's records.

    ``order`` is asc or desc; ``time.start`` (inclusive) and ``time.end`` (exclusive) are ISO 8601; ``dataset[]`` and
    ``dataset.exclude[]`` choose fields, whose names ``dataset.separator`` joins; without it, groups are structs.
    """

    page_size: int | None = None
    order: str = "asc"
    start_time: str | None = None
    end_time: str | None = None
    dataset: list[str] = []
    exclude: list[str] = []
    separator: str | None = None


class LogQuery(Struct, frozen=True, kw_only=True):
    """A page of records as the archivist process is asked for it; times in ms since the epoch.

    ``valid`` is None for all records, else for those that passed every validation or failed any. ``skip`` passes over
    the oldest records where there is no cursor. The fields are chosen for Arrow pages only; JSON has them all.
    """

    directory: str
    descending: bool
    page_size: int
    arrow: bool
    start_ms: int | None = None
    end_ms: int | None = None
    cursor: str | None = None
    valid: bool | None = None
    skip: int = 0
    dataset: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    separator: str | None = None


class LogPage(Struct, frozen=True, kw_only=True):
    """What comes with a page besides its bytes; ``cursor`` is missing when there is nothing more."""

    status: PageStatus
    rows: int
    cursor: str | None = None
