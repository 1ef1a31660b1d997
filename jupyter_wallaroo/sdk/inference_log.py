"""Inference logs: the records of a pipeline, read page by page, as a frame, a table or files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jupyter_wallaroo.errors import InvalidRequest, NotFound
from jupyter_wallaroo.sdk import frames
from jupyter_wallaroo.sdk.frames import ResultStyle
from jupyter_wallaroo.sdk.inference import Fields
from jupyter_wallaroo.sdk.instants import wire_instant
from jupyter_wallaroo.types.inference_log import GetLogs, PageStatus
from jupyter_wallaroo.types.plan import MediaType
from jupyter_wallaroo.types.topic import Topic

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from jupyter_wallaroo.sdk.api import Api

DEFAULT_LIMIT = 100
PAGE_SIZE = 1000
DEFAULT_DIRECTORY = "logs"

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


@dataclass(frozen=True, slots=True)
class Query:
    """Which records are wanted.

    Parameters
    ----------
    pipeline, workspace_id
        Whose log.
    limit
        The most records; None: no limit.
    start, end
        From (inclusive) and to (exclusive), aware or in local time. With either, the oldest come first, else the
        newest.
    fields
        Which of their fields.
    valid
        True: only records that passed every validation, False: only those that failed any, None: all.
    newest_first
        Whether the newest come first; None: unless times are given.
    """

    pipeline: str
    workspace_id: int
    limit: int | None
    start: datetime | None
    end: datetime | None
    fields: Fields
    valid: bool | None = None
    newest_first: bool | None = None

    @classmethod
    def of_topic(
        cls, topic: str, limit: int | None, start: datetime | None, end: datetime | None, fields: Fields
    ) -> Query:
        """Return the query for the records of a topic.

        Raises
        ------
        EntityNotFoundError
            It is no topic's name.
        """
        found = Topic.parse(topic)
        if found is None:
            raise NotFound(f"Topic {topic!r:.100} does not exist.", hint="wl.get_topic_name(pipeline.id()) gives one.")
        valid = False if found.has_failures_only else None
        return cls(found.pipeline_name, found.workspace_id, limit, start, end, fields, valid)

    def request(self, cursor: str | None, left: int | None) -> GetLogs:
        """Return the request for the page after ``cursor``, of at most ``left`` records."""
        descends = self.start is None and self.end is None if self.newest_first is None else self.newest_first
        return GetLogs(
            pipeline_name=self.pipeline,
            workspace_id=self.workspace_id,
            order="desc" if descends else "asc",
            cursor=cursor,
            page_size=PAGE_SIZE if left is None else min(PAGE_SIZE, left),
            start_time=wire_instant("start_datetime", self.start),
            end_time=wire_instant("end_datetime", self.end),
            valid=self.valid,
        )


def check_limit(limit: int | None) -> None:
    """Refuse a limit that is not a whole number above 0."""
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise InvalidRequest(f"limit: expected a whole number above 0; got {limit!r:.40}.")


def pages(api: Api, query: Query) -> Iterator[tuple[pa.Table, PageStatus]]:
    """Yield the pages of a log as flat tables, and how each ended; a page has one schema."""
    from jupyter_wallaroo.codec.tables import select

    check_limit(query.limit)
    cursor: str | None = None
    left = query.limit
    url = api.url("pipelines/get_logs")
    headers = {"Content-Type": "application/json", "Accept": MediaType.ARROW.value}
    while left is None or left > 0:
        response = api.send_body(url, msgspec.json.encode(query.request(cursor, left)), headers)
        records = frames.from_bytes(response.content)
        cursor = response.headers.get("x-iteration-cursor")
        status = PageStatus(response.headers.get("x-iteration-status", PageStatus.ALL))
        yield select(records, query.fields.selection()), status
        if left is not None:
            left -= records.num_rows
        if cursor is None or status is PageStatus.ALL:
            return


def read(api: Api, query: Query, style: ResultStyle, *, arrow: bool) -> tuple[pd.DataFrame | pa.Table, PageStatus]:
    """Return the records as a frame or a table, and how they ended; columns that some records lack are null.

    Without a limit or times, the newest `DEFAULT_LIMIT` come, and a warning when there are more.
    """
    import pyarrow as pa

    is_default = query.limit is None and query.start is None and query.end is None
    if is_default:
        query = replace(query, limit=DEFAULT_LIMIT)
    found = []
    status = PageStatus.ALL
    for table, status in pages(api, query):  # noqa: B007  how the last one ended is wanted
        if table.num_rows:
            found.append(frames.styled(table, style, query.fields.joined_by))
    if status is not PageStatus.ALL and is_default:
        warnings.warn(
            f"There are more than these {DEFAULT_LIMIT} logs. Give a larger limit, or write files with export_logs.",
            stacklevel=3,
        )
    joined = pa.concat_tables(found, promote_options="permissive") if found else pa.table({})
    return (joined if arrow else frames.to_frame(joined)), status


def export(
    api: Api, query: Query, style: ResultStyle, *, directory: Path, prefix: str, max_bytes: int | None, arrow: bool
) -> tuple[list[Path], PageStatus]:
    """Write the records to files ``{prefix}-1.json``, ``{prefix}-2.json``, …, one per schema; return them, and the end.

    Arrow files end with ``.arrow``; JSON files have a record per line.
    """
    directory.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    total = 0
    group: list[pa.Table] = []
    status = PageStatus.ALL
    for table, status in pages(api, query):
        if not table.num_rows:
            continue
        styled = frames.styled(table, style, query.fields.joined_by)
        if group and not group[0].schema.equals(styled.schema):
            written.append(_write(group, directory, f"{prefix}-{len(written) + 1}", arrow=arrow))
            group = []
        group.append(styled)
        total += styled.nbytes
        if max_bytes is not None and total >= max_bytes:
            if status is not PageStatus.ALL:
                warnings.warn(f"The logs go on: the limit of {max_bytes} bytes was reached.", stacklevel=3)
            break
    if group:
        written.append(_write(group, directory, f"{prefix}-{len(written) + 1}", arrow=arrow))
    return written, status


def _write(group: list[pa.Table], directory: Path, name: str, *, arrow: bool) -> Path:
    import pyarrow as pa

    table = pa.concat_tables(group)
    path = directory / f"{name}.{'arrow' if arrow else 'json'}"
    if arrow:
        path.write_bytes(frames.to_bytes(table))
    else:
        path.write_bytes(msgspec.json.Encoder().encode_lines(frames.to_records(table)))
    return path


def size_bytes(text: str | None) -> int | None:
    """Return an amount such as ``"100 MB"`` in bytes, None for None."""
    if text is None:
        return None
    number = text.strip().rstrip("BbIiKkMmGgTt ").strip()
    unit = text.strip()[len(number) :].strip().upper() or "B"
    if not number.replace(".", "", 1).isdecimal() or unit not in _UNITS:
        raise InvalidRequest(f"data_size_limit: expected an amount such as '100 MB'; got {text!r:.40}.")
    return int(float(number) * _UNITS[unit])
