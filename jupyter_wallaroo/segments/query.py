"""Pages of inference records, in the order of time, from archived segments and journals still written to.

The records of one journal are in the order of time, so the journals and their segments are sorted sources, and a page
is the head of their merge. Rows are ordered by (time, source, place in the source): that triple of the last row of a
page is the cursor for the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from jupyter_wallaroo.codec.arrow import write_file
from jupyter_wallaroo.codec.batch import Tensor
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.segments.archive import JOURNALS, SEGMENTS, tables
from jupyter_wallaroo.segments.journal import SUFFIX, JournalReader
from jupyter_wallaroo.types.inference_log import LogPage, LogQuery, PageStatus

MAX_PAGE_BYTES = 64 * 2**20
MAX_CURSOR_LENGTH = 200

Key = tuple[int, str, int]
"""Time in ms, source, place in the source."""


@dataclass(slots=True)
class Part:
    """A run of records of one schema: known by its times and length, loaded when needed."""

    first_ms: int
    last_ms: int
    rows: int
    load: Callable[[], pa.Table]


@dataclass(slots=True)
class Source:
    """The records of one journal, archived or not, as parts in the order of time."""

    name: str
    parts: list[Part]

    @property
    def first_ms(self) -> int:
        """The time of the oldest record."""
        return self.parts[0].first_ms

    @property
    def last_ms(self) -> int:
        """The time of the newest record."""
        return self.parts[-1].last_ms


class Log:
    """One pipeline's log, for reading; it remembers what it has parsed of journals still written to.

    Parameters
    ----------
    directory
        The pipeline's log directory; it need not exist yet.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._tails: dict[str, tuple[JournalReader, list[pa.Table]]] = {}

    def page(self, query: LogQuery) -> tuple[bytes, LogPage]:
        """Return the next page as JSON records or as an Arrow file, and how it ended.

        Raises
        ------
        InvalidRequest
            The cursor was not made by this log.
        """
        cursor = _parse(query.cursor) if query.cursor else None
        rows, more = self._select(query, cursor)
        if not rows:
            page = LogPage(status=PageStatus.ALL, rows=0)
            return (write_file(pa.table({})) if query.arrow else b"[]"), page
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
        body = write_file(table) if query.arrow else _records(table)
        return body, LogPage(status=status, rows=taken, cursor=following)

    def _sources(self) -> list[Source]:
        found: dict[str, Source] = {}
        for segment in (self._directory / SEGMENTS).glob("[!.]*"):
            parts = [_archived(path) for path in sorted(segment.glob("*.arrow"))]
            if parts:
                found[segment.name] = Source(segment.name, parts)
        live: set[str] = set()
        for path in (self._directory / JOURNALS).glob(f"[!.]*{SUFFIX}"):
            name = path.name.removesuffix(SUFFIX)
            if name not in found:
                live.add(name)
                parts = [_loaded(table) for table in self._tail(name, path)]
                if parts:
                    found[name] = Source(name, parts)
        for name in set(self._tails) - live:
            del self._tails[name]
        return list(found.values())

    def _tail(self, name: str, path: Path) -> list[pa.Table]:
        reader, known = self._tails.setdefault(name, (JournalReader(path), []))
        for table in tables(reader, reader.read()):
            if known and known[-1].schema.equals(table.schema):
                known[-1] = pa.concat_tables([known[-1], table])
            else:
                known.append(table)
        return known

    def _select(self, query: LogQuery, cursor: Key | None) -> tuple[list[Row], bool]:
        """Return the rows of the page in order, before schemas are looked at, and whether there are more."""
        wanted = query.page_size + 1
        sources = self._sources()
        sources.sort(key=lambda source: -source.last_ms if query.descending else source.first_ms)
        rows: list[Row] = []
        for source in sources:
            if len(rows) >= wanted and _beyond(source, rows[wanted - 1].key[0], descending=query.descending):
                break
            rows.extend(_candidates(source, query, cursor, wanted))
            rows.sort(key=lambda row: row.key, reverse=query.descending)
            del rows[wanted:]
        return rows[: query.page_size], len(rows) > query.page_size


@dataclass(slots=True)
class Row:
    """One record: its place in the order of all, and where it lies."""

    key: Key
    table: pa.Table
    index: int


def _archived(path: Path) -> Part:
    _, first, last, rows = path.stem.split("-")

    def load() -> pa.Table:
        with pa.memory_map(str(path)) as source:
            return pa.ipc.open_file(source).read_all()

    return Part(int(first), int(last), int(rows), load)


def _loaded(table: pa.Table) -> Part:
    times = table.column("time")
    return Part(times[0].as_py(), times[-1].as_py(), table.num_rows, lambda: table)


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
        times = table.column("time").to_numpy()
        base = int(bases[number])
        low = int(np.searchsorted(times, start_ms, "left"))
        high = int(np.searchsorted(times, end_ms, "left"))
        low, high = _behind(cursor, source.name, base, times, low, high, descending=query.descending)
        picked = range(low, min(high, low + wanted - len(rows)))
        if query.descending:
            picked = range(high - 1, max(low, high - wanted + len(rows)) - 1, -1)
        rows.extend(Row((int(times[index]), source.name, base + index), table, index) for index in picked)
    return rows


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
    picked = rows[:taken]
    used = list({id(row.table): row.table for row in picked}.values())
    starts = dict(zip((id(table) for table in used), np.cumsum([0, *(t.num_rows for t in used)]), strict=False))
    whole = pa.concat_tables(used)
    indices = pa.array([int(starts[id(row.table)]) + row.index for row in picked])
    return whole.take(indices).combine_chunks(), taken


def _records(table: pa.Table) -> bytes:
    rows: list[dict[str, Any]] = table.to_pylist()
    for row in rows:
        row["check_failures"] = []
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
