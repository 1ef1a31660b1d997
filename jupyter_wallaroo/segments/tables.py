"""Entries of a journal as tables of nested records: ``time, in, out, anomaly, metadata``.

Many small entries are laid together; the columns of a large one are used where they lie, as a batch of its own. What
all records of one inference have in common is in a table once for each inference, and each record says by number which
it is (Arrow's dictionaries): as text of every record it took more room than 29 numbers do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np
import pyarrow as pa

from jupyter_wallaroo.codec.batch import Tensor, arrow_array
from jupyter_wallaroo.segments.journal import Entry, JournalReader
from jupyter_wallaroo.segments.layout import Layout

MAX_ROWS_PER_FILE = 250_000
LARGE_BYTES = 512 * 1024
"""An entry of as many bytes is a batch of its own: 10,000 rows of 29 take 0.8 ms so, and 1.1 laid together; 1,000 rows
take 0.25, and 0.08."""


def tables(reader: JournalReader, entries: Iterable[Entry]) -> Iterator[pa.Table]:
    """Yield one table for each run of entries with the same layout, or more where a file would be too long."""
    for number, run in runs(entries, MAX_ROWS_PER_FILE):
        yield table_of(reader.layouts[number], run)


def runs(entries: Iterable[Entry], max_rows: int) -> Iterator[tuple[int, list[Entry]]]:
    """Yield entries that follow each other with the same layout, and its number; cut where ``max_rows`` are reached."""
    for number, same in groupby(entries, key=lambda entry: entry.layout):
        run: list[Entry] = []
        rows = 0
        for entry in same:
            run.append(entry)
            rows += entry.rows
            if rows >= max_rows:
                yield number, run
                run, rows = [], 0
        if run:
            yield number, run


def table_of(layout: Layout, entries: Sequence[Entry]) -> pa.Table:
    """Return the records of entries of one layout, nested."""
    shared = _Shared(layout, entries)
    batches = []
    start = 0
    for together in _together(entries):
        batches.append(_batch(layout, together, shared, start))
        start += len(together)
    return pa.Table.from_batches(batches)


def plain(table: pa.Table) -> pa.Table:
    """Return a table whose records each have their metadata themselves."""
    place = table.schema.get_field_index("metadata")
    chunks = [_plain_struct(chunk) for chunk in table.column(place).chunks]
    return table.set_column(place, "metadata", pa.chunked_array(chunks))


def _plain_struct(struct: pa.StructArray) -> pa.StructArray:
    members = [
        member.dictionary_decode() if pa.types.is_dictionary(member.type) else member for member in struct.flatten()
    ]
    return pa.StructArray.from_arrays(members, [field.name for field in struct.type])


def _together(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Yield large entries alone, and small ones that follow each other together."""
    for is_large, run in groupby(entries, key=lambda entry: len(entry.payload) >= LARGE_BYTES):
        if is_large:
            yield from ([entry] for entry in run)
        else:
            yield list(run)


class _Shared:
    """The metadata of entries of one layout."""

    def __init__(self, layout: Layout, entries: Sequence[Entry]) -> None:
        said = [entry.extra() for entry in entries]
        self._texts = {
            name: pa.array([getattr(layout, name)], pa.string())
            for name in ("last_model", "pipeline_version", "partition")
        }
        self._elapsed = pa.array([extra.elapsed_ns for extra in said], pa.list_(pa.uint64()))
        self._dropped = pa.array([extra.dropped for extra in said], pa.list_(pa.string()))

    def of(self, numbers: Tensor) -> pa.StructArray:
        """Return the metadata of records of which ``numbers`` (int32) says whose they are."""
        first, which = pa.array(np.zeros(len(numbers), np.int8)), pa.array(numbers)
        members = {
            "last_model": (first, self._texts["last_model"]),
            "pipeline_version": (first, self._texts["pipeline_version"]),
            "elapsed": (which, self._elapsed),
            "dropped": (which, self._dropped),
            "partition": (first, self._texts["partition"]),
        }
        arrays = [pa.DictionaryArray.from_arrays(indices, values) for indices, values in members.values()]
        return pa.StructArray.from_arrays(arrays, list(members))


def _batch(layout: Layout, entries: Sequence[Entry], shared: _Shared, start: int) -> pa.RecordBatch:
    """Return the records of some entries, the first of which is number ``start`` of those that share."""
    counts = [entry.rows for entry in entries]
    tensors, rests = layout.columns(counts, [entry.payload for entry in entries])
    columns: dict[str, pa.Array] = {path: arrow_array(tensor) for path, tensor in tensors.items()}
    if layout.others:
        parts = [pa.ipc.open_stream(pa.py_buffer(rest)).read_all() for rest in rests]
        whole = pa.concat_tables(parts).combine_chunks()
        columns.update({name: whole.column(name).chunk(0) for name in whole.column_names})
    times = np.repeat(np.array([entry.time_ms for entry in entries], np.int64), counts)
    numbers = np.repeat(np.arange(start, start + len(entries), dtype=np.int32), counts)
    return pa.record_batch(
        {
            "time": pa.array(times),
            "in": _group("in", columns),
            "out": _group("out", columns),
            **{name: _group(name, columns) for name in _further(columns)},
            "anomaly": _anomalies(columns, len(times)),
            "metadata": shared.of(numbers),
        }
    )


def _further(columns: dict[str, pa.Array]) -> list[str]:
    """Return the groups of further models' outputs, such as ``out_challenger``."""
    return sorted({path.partition(".")[0] for path in columns} - {"in", "out", "anomaly"})


def _anomalies(columns: dict[str, pa.Array], total: int) -> pa.StructArray:
    """Return which validations marked a record, and how many did."""
    marked = {path.removeprefix("anomaly."): array for path, array in columns.items() if path.startswith("anomaly.")}
    count = np.zeros(total, np.uint32)
    for array in marked.values():
        count += array.to_numpy(zero_copy_only=False)
    return pa.StructArray.from_arrays([pa.array(count), *marked.values()], ["count", *marked])


def _group(name: str, columns: dict[str, pa.Array]) -> pa.StructArray:
    """Return the columns below ``name`` as one struct, alphabetically (S2-34)."""
    members = {path.removeprefix(f"{name}."): array for path, array in columns.items() if path.startswith(f"{name}.")}
    ordered = sorted(members)
    return pa.StructArray.from_arrays([members[member] for member in ordered], ordered)
