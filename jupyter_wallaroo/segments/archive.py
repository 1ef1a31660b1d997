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
from pathlib import Path

import msgspec
import pyarrow as pa

from jupyter_wallaroo.segments.direct_file import DirectFile
from jupyter_wallaroo.segments.journal import JournalReader, finished
from jupyter_wallaroo.segments.journal_files import SUFFIX, drop_spares, recycle
from jupyter_wallaroo.segments.tables import tables

JOURNALS = "journal"
SEGMENTS = "segments"
DAMAGED_SUFFIX = ".damaged"
UNNAMED_AGE_S = 60.0
"""A journal gets its name right after it is made; one this old without a name never will."""

_UNREADABLE = (pa.ArrowException, msgspec.MsgspecError, ValueError, TypeError, LookupError)
"""What a journal raises that is whole by its checksums and cannot be understood all the same."""


def archive(directory: Path, *, most: int | None = None) -> int:
    """Turn finished journals below ``directory`` (one pipeline's log) into segments; return how many.

    At most ``most``, the oldest first; None: all.

    One that cannot be understood is put aside under another suffix, so that it does not stand in the way of others.
    """
    done = 0
    for path in _named(directory):
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


def has_finished(directory: Path) -> bool:
    """Tell whether there is a finished journal below ``directory`` (one pipeline's log).

    One that its writer did not live to give its name to holds nothing, and goes.
    """
    for path in (directory / JOURNALS).glob(f".*{SUFFIX}"):
        with finished(path) as is_finished:
            if is_finished and time.time() - path.stat().st_mtime > UNNAMED_AGE_S:
                path.unlink(missing_ok=True)
    for path in _named(directory):
        with finished(path) as is_finished:
            if is_finished:
                return True
    return False


def _named(directory: Path) -> list[Path]:
    return sorted((directory / JOURNALS).glob(f"[!.]*{SUFFIX}"))


def _archive_one(path: Path, segments: Path) -> None:
    target = segments / path.name.removesuffix(SUFFIX)
    if not target.exists():
        segments.mkdir(mode=0o700, exist_ok=True)
        hidden = segments / f".{target.name}"
        shutil.rmtree(hidden, ignore_errors=True)
        hidden.mkdir(mode=0o700)
        reader = JournalReader(path, is_finished=True)
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
