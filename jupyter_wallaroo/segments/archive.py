"""Finished journals become directories of Arrow files; old ones go.

``journal/<stem>.journal`` becomes ``segments/<stem>/<number>-<first ms>-<last ms>-<rows>.arrow``, one file for each run
of entries with the same layout. The directory is written under another name and renamed when complete, and only then
is the journal removed, or its file used again: after a kill in between, it is found beside its directory and goes then.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import traceback
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from jupyter_wallaroo.codec.arrow import constant
from jupyter_wallaroo.codec.batch import arrow_array
from jupyter_wallaroo.segments.direct_file import DirectFile
from jupyter_wallaroo.segments.journal import Entry, JournalReader, finished
from jupyter_wallaroo.segments.journal_files import SUFFIX, drop_spares, recycle
from jupyter_wallaroo.segments.layout import Layout

JOURNALS = "journal"
SEGMENTS = "segments"
DAMAGED_SUFFIX = ".damaged"
UNNAMED_AGE_S = 60.0
"""A journal gets its name right after it is made; one this old without a name never will."""
MAX_ROWS_PER_FILE = 250_000

_UNREADABLE = (pa.ArrowException, msgspec.MsgspecError, ValueError, TypeError, LookupError)
"""What a journal raises that is whole by its checksums and cannot be understood all the same."""


def archive(directory: Path, *, most: int | None = None) -> int:
    """Turn finished journals below ``directory`` (one pipeline's log) into segments; return how many.

    At most ``most``, the oldest first; None: all.

    A journal that its writer did not live to give its name to holds nothing, and goes. One that cannot be understood is
    put aside under another suffix, so that it does not stand in the way of others.
    """
    done = 0
    for path in (directory / JOURNALS).glob(f".*{SUFFIX}"):
        with finished(path) as is_finished:
            if is_finished and time.time() - path.stat().st_mtime > UNNAMED_AGE_S:
                path.unlink(missing_ok=True)
    for path in sorted((directory / JOURNALS).glob(f"[!.]*{SUFFIX}")):
        if done == most:
            break
        with finished(path) as is_finished:
            if is_finished:
                done += 1
                try:
                    _archive_one(path, directory / SEGMENTS)
                except _UNREADABLE:
                    traceback.print_exc()
                    path.rename(path.with_suffix(DAMAGED_SUFFIX))
    return done


def _archive_one(path: Path, segments: Path) -> None:
    target = segments / path.name.removesuffix(SUFFIX)
    if not target.exists():
        segments.mkdir(mode=0o700, exist_ok=True)
        hidden = segments / f".{target.name}"
        shutil.rmtree(hidden, ignore_errors=True)
        hidden.mkdir(mode=0o700)
        reader = JournalReader(path)
        number = 0
        for number, table in enumerate(tables(reader, reader.read()), start=1):
            times = table.column("time")
            name = f"{number:06d}-{times[0].as_py()}-{times[-1].as_py()}-{table.num_rows}.arrow"
            _write(hidden / name, table)
        if number:
            _sync(hidden)
            os.rename(hidden, target)
            _sync(segments)
        else:
            hidden.rmdir()
    recycle(path)


def _write(path: Path, table: pa.Table) -> None:
    with DirectFile(path) as file, pa.ipc.new_file(pa.PythonFile(file, "w"), table.schema) as writer:
        writer.write_table(table)


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


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


def table_of(layout: Layout, entries: list[Entry]) -> pa.Table:
    """Return the records of entries of one layout, nested: ``time, in, out, anomaly, metadata``."""
    counts = [entry.rows for entry in entries]
    tensors, rests = layout.columns(counts, [entry.payload for entry in entries])
    columns: dict[str, pa.Array] = {path: arrow_array(tensor) for path, tensor in tensors.items()}
    if layout.others:
        parts = [pa.ipc.open_stream(pa.py_buffer(rest)).read_all() for rest in rests]
        whole = pa.concat_tables(parts).combine_chunks()
        columns.update({name: whole.column(name).chunk(0) for name in whole.column_names})
    total = sum(counts)
    each = np.repeat(np.arange(len(entries)), counts)
    said = [entry.extra() for entry in entries]
    elapsed = pa.array([extra.elapsed_ns for extra in said], pa.list_(pa.uint64()))
    dropped = pa.array([extra.dropped for extra in said], pa.list_(pa.string()))
    metadata = {
        "last_model": constant(layout.last_model, "last_model", total),
        "pipeline_version": constant(layout.pipeline_version, "pipeline_version", total),
        "elapsed": elapsed.take(pa.array(each)),
        "dropped": dropped.take(pa.array(each)),
        "partition": constant(layout.partition, "partition", total),
    }
    times = np.repeat(np.array([entry.time_ms for entry in entries], np.int64), counts)
    return pa.table(
        {
            "time": pa.array(times),
            "in": _group("in", columns),
            "out": _group("out", columns),
            **{name: _group(name, columns) for name in _further(columns)},
            "anomaly": _anomalies(columns, total),
            "metadata": pa.StructArray.from_arrays(list(metadata.values()), list(metadata)),
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


def retain(directory: Path, max_bytes: int, max_age_s: float) -> int:
    """Remove the oldest segments while there are more than ``max_bytes``, and all older than ``max_age_s``.

    Parameters
    ----------
    directory
        One pipeline's log.
    max_bytes, max_age_s
        0 keeps everything.

    Returns
    -------
    int
        How many segment directories went.
    """
    drop_spares(directory / JOURNALS)
    gone = 0
    kept = 0
    oldest_ms = (time.time() - max_age_s) * 1000 if max_age_s else 0.0
    for segment in sorted((directory / SEGMENTS).glob("[!.]*"), reverse=True):
        files = list(segment.glob("*.arrow"))
        kept += sum(file.stat().st_size for file in files)
        last_ms = max((int(file.name.split("-")[2]) for file in files), default=0)
        if last_ms < oldest_ms or (max_bytes and kept > max_bytes):
            shutil.rmtree(segment)
            gone += 1
    return gone


def size_bytes(directory: Path) -> int:
    """Return what one pipeline's log takes on disk; a file that goes meanwhile counts for nothing."""
    total = 0
    for path in (*(directory / JOURNALS).glob("*"), *(directory / SEGMENTS).glob("*/*")):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
