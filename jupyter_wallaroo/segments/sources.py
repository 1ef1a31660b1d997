"""Where the records of a log lie: sorted runs in archived segments, and in journals still written to.

The records of one journal are in the order of time, archived or not: each is a *source*, made of *parts* that have one
schema each. A part of a segment is known by its file's name; what is in a part becomes a table when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from jupyter_wallaroo.codec.batch import Tensor
from jupyter_wallaroo.segments.archive import JOURNALS, SEGMENTS
from jupyter_wallaroo.segments.journal import Entry, JournalReader
from jupyter_wallaroo.segments.journal_files import SUFFIX
from jupyter_wallaroo.segments.layout import Layout
from jupyter_wallaroo.segments.tables import runs, table_of

TAIL_ROWS = 4096
"""How many records of a journal become a table at once."""

Key = tuple[int, str, int]
"""A record's place in the order of all: time in ms, source, place in the source."""


@dataclass(slots=True)
class Part:
    """A run of records of one schema: known by its times and length, loaded when needed."""

    first_ms: int
    last_ms: int
    rows: int
    load: Callable[[], pa.Table]

    def rows_until(self, time_ms: int) -> int:
        """Return how many of its records are not newer than ``time_ms``."""
        if self.last_ms <= time_ms:
            return self.rows
        return 0 if self.first_ms > time_ms else int(np.searchsorted(times_of(self.load()), time_ms, "right"))


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

    @property
    def rows(self) -> int:
        """How many records there are."""
        return sum(part.rows for part in self.parts)

    def rows_until(self, time_ms: int) -> int:
        """Return how many of its records are not newer than ``time_ms``."""
        return sum(part.rows_until(time_ms) for part in self.parts)


class Sources:
    """The sources of one pipeline's log; remembers what it has parsed of journals still written to.

    Parameters
    ----------
    directory
        The pipeline's log directory; it need not exist yet.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._archived: dict[str, Source] = {}
        self._tails: dict[str, tuple[JournalReader, list[Part]]] = {}

    def find(self) -> list[Source]:
        """Return the sources as they are now, those without records left out."""
        present = {path.name: path for path in (self._directory / SEGMENTS).glob("[!.]*")}
        self._archived = {
            name: self._archived.get(name) or Source(name, [_archived(file) for file in sorted(path.glob("*.arrow"))])
            for name, path in present.items()
        }
        found = [source for source in self._archived.values() if source.parts]
        live: set[str] = set()
        for path in (self._directory / JOURNALS).glob(f"[!.]*{SUFFIX}"):
            name = path.name.removesuffix(SUFFIX)
            if name not in present:
                live.add(name)
                parts = self._tail(name, path)
                if parts:
                    found.append(Source(name, parts))
        for name in set(self._tails) - live:
            del self._tails[name]
        return found

    def _tail(self, name: str, path: Path) -> list[Part]:
        reader, known = self._tails.setdefault(name, (JournalReader(path), []))
        known.extend(_unread(reader.layouts[number], run) for number, run in runs(reader.read(), TAIL_ROWS))
        return known


def times_of(table: pa.Table) -> Tensor:
    """Return the times of a part's records in ms, which never fall."""
    times: Tensor = table.column("time").to_numpy()
    return times


def key_after(sources: list[Source], rows: int) -> Key | None:
    """Return the key of the record that has ``rows`` - 1 records before it, None for no rows: a cursor behind them.

    Counting takes the names of files, and of each source at most one file itself.
    """
    if rows <= 0 or not sources:
        return None
    low, high = min(source.first_ms for source in sources), max(source.last_ms for source in sources)
    while low < high:
        middle = (low + high) // 2
        if sum(source.rows_until(middle) for source in sources) >= rows:
            high = middle
        else:
            low = middle + 1
    left = rows - sum(source.rows_until(low - 1) for source in sources)
    for source in sorted(sources, key=lambda source: source.name):
        before = source.rows_until(low - 1)
        here = source.rows_until(low) - before
        if left <= here:
            return low, source.name, before + left - 1
        left -= here
    return low, "\U0010ffff", 0


def _archived(path: Path) -> Part:
    _, first, last, rows = path.stem.split("-")

    def load() -> pa.Table:
        with pa.memory_map(str(path)) as source:
            return pa.ipc.open_file(source).read_all()

    return Part(int(first), int(last), int(rows), load)


def _unread(layout: Layout, entries: list[Entry]) -> Part:
    """Return a part of a journal, whose entries become a table when it is first needed, and are forgotten then."""
    tables: list[pa.Table] = []

    def load() -> pa.Table:
        if not tables:
            tables.append(table_of(layout, entries))
            entries.clear()
        return tables[0]

    return Part(entries[0].time_ms, entries[-1].time_ms, sum(entry.rows for entry in entries), load)
