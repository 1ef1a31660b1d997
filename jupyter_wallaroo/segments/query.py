"""Pages of inference records, in the order of time, from archived segments and journals still written to.

The records of one journal are in the order of time, so the journals and their segments are sorted sources, and a page
is the head of their merge. Rows are ordered by (time, source, place in the source): that triple of the last row of a
page is the cursor for the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from jupyter_wallaroo.codec.arrow import write_file
from jupyter_wallaroo.codec.batch import Tensor
from jupyter_wallaroo.codec.selection import Selection
from jupyter_wallaroo.codec.tables import select
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.segments.sources import Key, Source, Sources, key_after, times_of
from jupyter_wallaroo.segments.tables import plain
from jupyter_wallaroo.types.inference_log import LogPage, LogQuery, PageStatus

MAX_PAGE_BYTES = 64 * 2**20
MAX_CURSOR_LENGTH = 200
STATUS_KEY = "status"
"""Where the schema of an Arrow page says how the page ended, and with what to ask for the next one."""


class Log:
    """One pipeline's log, for reading.

    Parameters
    ----------
    directory
        The pipeline's log directory; it need not exist yet.
    """

    def __init__(self, directory: Path) -> None:
        self._sources = Sources(directory)

    def rows(self) -> int:
        """Return how many records there are."""
        return sum(source.rows for source in self._sources.find())

    def page(self, query: LogQuery) -> tuple[bytes, LogPage]:
        """Return the next page as JSON records or as an Arrow file, and how it ended.

        Raises
        ------
        InvalidRequest
            The cursor was not made by this log.
        """
        rows, more = self._select(query)
        if not rows:
            page = LogPage(status=PageStatus.ALL, rows=0)
            return (_file(pa.table({}), page) if query.arrow else b"[]"), page
        table, taken = _gather(rows)
        status = PageStatus.ALL
        if taken < len(rows):
            status = PageStatus.SCHEMA_CHANGE
        elif more:
            status = PageStatus.RECORD_LIMITED
        if table.nbytes > MAX_PAGE_BYTES and taken > 1:
            taken = max(1, taken * MAX_PAGE_BYTES // table.nbytes)
            table, status = table.slice(0, taken), PageStatus.BYTE_LIMITED
        following = None if status is PageStatus.ALL else _write(rows[taken - 1].key)
        page = LogPage(status=status, rows=taken, cursor=following)
        if not query.arrow:
            return _records(table), page
        return _file(select(table, Selection(query.dataset, query.exclude, query.separator)), page), page

    def between(self, start_ms: int, end_ms: int) -> Iterator[pa.Table]:
        """Yield all records of a stretch of time as they lie: a table has one schema, and is in the order of time."""
        for source in self._sources.find():
            for part in source.parts:
                if part.last_ms < start_ms or part.first_ms >= end_ms:
                    continue
                table = part.load()
                low, high = np.searchsorted(table.column("time").to_numpy(), (start_ms, end_ms), "left")
                if low < high:
                    yield table.slice(low, high - low)

    def _select(self, query: LogQuery) -> tuple[list[Row], bool]:
        """Return the rows of the page in order, before schemas are looked at, and whether there are more."""
        wanted = query.page_size + 1
        sources = self._sources.find()
        cursor = _parse(query.cursor) if query.cursor else key_after(sources, query.skip)
        sources.sort(key=lambda source: -source.last_ms if query.descending else source.first_ms)
        rows: list[Row] = []
        for source in sources:
            if len(rows) >= wanted and _beyond(source, rows[wanted - 1].key[0], descending=query.descending):
                break
            rows.extend(_candidates(source, query, cursor, wanted))
            rows.sort(key=lambda row: row.key, reverse=query.descending)
            del rows[wanted:]
        return rows[: query.page_size], len(rows) > query.page_size


_COUNT = Selection(dataset=("anomaly.count",), separator=".")


@dataclass(slots=True)
class Row:
    """One record: its place in the order of all, and where it lies."""

    key: Key
    table: pa.Table
    index: int


def _beyond(source: Source, time_ms: int, *, descending: bool) -> bool:
    return source.last_ms < time_ms if descending else source.first_ms > time_ms


def _candidates(source: Source, query: LogQuery, cursor: Key | None, wanted: int) -> list[Row]:
    """Return the first ``wanted`` rows of one source that lie within the times and behind the cursor."""
    start_ms = query.start_ms if query.start_ms is not None else -(2**62)
    end_ms = query.end_ms if query.end_ms is not None else 2**62
    rows: list[Row] = []
    bases = np.cumsum([0, *(part.rows for part in source.parts)])
    numbers = range(len(source.parts))
    for number in reversed(numbers) if query.descending else numbers:
        part = source.parts[number]
        if part.last_ms < start_ms or part.first_ms >= end_ms or len(rows) >= wanted:
            continue
        table = part.load()
        times = times_of(table)
        base = int(bases[number])
        low = int(np.searchsorted(times, start_ms, "left"))
        high = int(np.searchsorted(times, end_ms, "left"))
        low, high = _behind(cursor, source.name, base, times, low, high, descending=query.descending)
        picked = _indices(table, low, high, query)
        picked = picked[::-1] if query.descending else picked
        for index in picked[: wanted - len(rows)].tolist():
            rows.append(Row((int(times[index]), source.name, base + index), table, index))
    return rows


def _indices(table: pa.Table, low: int, high: int, query: LogQuery) -> Tensor:
    """Return which rows of ``[low, high)`` are wanted: all, or those that passed every validation or failed any."""
    if query.valid is None or high <= low:
        return np.arange(low, high)
    counts = select(table.slice(low, high - low), _COUNT).column("anomaly.count").to_numpy()
    return low + np.flatnonzero((counts == 0) if query.valid else (counts > 0))


def _behind(  # noqa: PLR0917  the bounds of a slice and what they are measured by
    cursor: Key | None, name: str, base: int, times: Tensor, low: int, high: int, *, descending: bool
) -> tuple[int, int]:
    """Narrow ``[low, high)`` to the rows on the far side of the cursor."""
    if cursor is None:
        return low, high
    time_ms, cursor_name, place = cursor
    if name == cursor_name:
        return (low, min(high, place - base)) if descending else (max(low, place - base + 1), high)
    has_same_time_behind = (name < cursor_name) if descending else (name > cursor_name)
    if descending:
        return low, min(high, int(np.searchsorted(times, time_ms, "right" if has_same_time_behind else "left")))
    return max(low, int(np.searchsorted(times, time_ms, "left" if has_same_time_behind else "right"))), high


def _gather(rows: list[Row]) -> tuple[pa.Table, int]:
    """Return the rows up to the first change of schema as one table, and how many they are."""
    schema = rows[0].table.schema
    same: dict[int, bool] = {}
    taken = 0
    for row in rows:
        identity = id(row.table)
        if identity not in same:
            same[identity] = row.table.schema.equals(schema)
        if not same[identity]:
            break
        taken += 1
    places: dict[int, list[int]] = {}
    for place, row in enumerate(rows[:taken]):
        places.setdefault(id(row.table), []).append(place)
    pieces = [_picked(rows[own[0]].table, [rows[place].index for place in own]) for own in places.values()]
    whole = pa.concat_tables(pieces)
    if len(pieces) > 1:
        whole = whole.take(pa.array(np.argsort(np.concatenate(list(places.values())))))
    return whole.combine_chunks(), taken


def _picked(table: pa.Table, indices: list[int]) -> pa.Table:
    """Return some rows of a table; no others are looked at than those that lie between them."""
    low, high = min(indices), max(indices)
    return plain(table.slice(low, high - low + 1).take(pa.array(np.array(indices) - low)))


def _file(table: pa.Table, page: LogPage) -> bytes:
    """Return a page as an Arrow file whose schema says how it ended (contract/inference.md, Logs 2)."""
    following = {"cursor": page.cursor} if page.cursor is not None else None
    said = msgspec.json.encode({"status": page.status, "next": following})
    return write_file(table.replace_schema_metadata({STATUS_KEY: said}))


def _records(table: pa.Table) -> bytes:
    rows: list[dict[str, Any]] = table.to_pylist()
    for row in rows:
        row["check_failures"] = [name for name, marked in row["anomaly"].items() if marked and name != "count"]
    return msgspec.json.encode(rows)


def _write(key: Key) -> str:
    return f"{key[0]}:{key[2]}:{key[1]}"


def _parse(cursor: str) -> Key:
    time_ms, _, rest = cursor.partition(":")
    place, _, name = rest.partition(":")
    if len(cursor) > MAX_CURSOR_LENGTH or not (time_ms.isdecimal() and place.isdecimal() and name):
        raise InvalidRequest(
            f"The cursor {cursor[:60]!r} was not made by this log.",
            hint="Send the x-iteration-cursor header of the page before, or no cursor to begin again.",
        )
    return int(time_ms), name, int(place)
