"""Finished journals become directories of Arrow files; old ones go.

``journal/<stem>.journal`` becomes ``segments/<stem>/<number>-<first ms>-<last ms>-<rows>.arrow``, one file for each run
of entries with the same layout. The directory is written under another name and renamed when complete, and only then
is the journal removed: after a kill in between, the journal is found beside its directory and is removed then.
"""

from __future__ import annotations

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

from jupyter_wallaroo.codec.arrow import constant, write_file
from jupyter_wallaroo.codec.batch import arrow_array
from jupyter_wallaroo.segments.journal import SUFFIX, Entry, JournalReader, finished
from jupyter_wallaroo.segments.layout import Layout

JOURNALS = "journal"
SEGMENTS = "segments"
DAMAGED_SUFFIX = ".damaged"
UNNAMED_AGE_S = 60.0
"""A journal gets its name right after it is made; one this old without a name never will."""
MAX_ROWS_PER_FILE = 250_000

_UNREADABLE = (pa.ArrowException, msgspec.MsgspecError, ValueError, TypeError, LookupError)
"""What a journal raises that is whole by its checksums and cannot be understood all the same."""


def archive(directory: Path) -> int:
    """Turn every finished journal below ``directory`` (one pipeline's log) into segments; return how many.

    A journal that its writer did not live to give its name to holds nothing, and goes. One that cannot be understood is
    put aside under another suffix, so that it does not stand in the way of others.
    """
    done = 0
    for path in (directory / JOURNALS).glob(f".*{SUFFIX}"):
        with finished(path) as is_finished:
            if is_finished and time.time() - path.stat().st_mtime > UNNAMED_AGE_S:
                path.unlink(missing_ok=True)
    for path in sorted((directory / JOURNALS).glob(f"[!.]*{SUFFIX}")):
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
            _write(hidden / name, write_file(table))
        if number:
            _sync(hidden)
            os.rename(hidden, target)
            _sync(segments)
        else:
            hidden.rmdir()
    path.unlink()


def _write(path: Path, body: bytes) -> None:
    with open(path, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def tables(reader: JournalReader, entries: Iterable[Entry]) -> Iterator[pa.Table]:
    """Yield one nested table (``time, in, out, anomaly, metadata``) for each run of entries with the same layout."""
    for number, run in groupby(entries, key=lambda entry: entry.layout):
        chunk: list[Entry] = []
        rows = 0
        for entry in run:
            chunk.append(entry)
            rows += entry.rows
            if rows >= MAX_ROWS_PER_FILE:
                yield _table(reader.layouts[number], chunk)
                chunk, rows = [], 0
        if chunk:
            yield _table(reader.layouts[number], chunk)


def _table(layout: Layout, entries: list[Entry]) -> pa.Table:
    cut = [layout.arrays(entry.rows, entry.payload) for entry in entries]
    columns: dict[str, pa.Array] = {}
    for tensor in layout.tensors:
        columns[tensor.path] = arrow_array(np.concatenate([arrays[tensor.path] for arrays, _ in cut]))
    if layout.others:
        parts = [pa.ipc.open_stream(pa.py_buffer(rest)).read_all() for _, rest in cut]
        whole = pa.concat_tables(parts).combine_chunks()
        columns.update({name: whole.column(name).chunk(0) for name in whole.column_names})
    counts = np.array([entry.rows for entry in entries])
    total = int(counts.sum())
    each = np.repeat(np.arange(len(entries)), counts)
    elapsed = pa.array([entry.extra.elapsed_ns for entry in entries], pa.list_(pa.uint64()))
    dropped = pa.array([entry.extra.dropped for entry in entries], pa.list_(pa.string()))
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
            "anomaly": pa.StructArray.from_arrays([pa.array(np.zeros(total, np.uint32))], ["count"]),
            "metadata": pa.StructArray.from_arrays(list(metadata.values()), list(metadata)),
        }
    )


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
