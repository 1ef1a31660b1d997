"""What was appended is read back, whole entries only, whatever happened to the writer."""

from __future__ import annotations

import errno
import itertools
import os
import queue
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.codec.batch import Batch, arrow_array, python_values
from jupyter_wallaroo.segments import journal as journal_module
from jupyter_wallaroo.segments import journal_files
from jupyter_wallaroo.segments.archive import JOURNALS
from jupyter_wallaroo.segments.journal import Entry, Journal, JournalReader, finished
from jupyter_wallaroo.segments.journal_files import MOST_SPARES, JournalFiles, drop_spares, recycle
from jupyter_wallaroo.types.plan import Durability
from tests.segments.writing import append, numbers, open_journal, rows_of, texts, written

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
DTYPES = ["float32", "float64", "float16", "int8", "int64", "uint64", "bool"]
ENTRY_HEADER_BYTES = journal_module._ENTRY_HEADER.size
FILE_HEADER_BYTES = journal_module._FILE_HEADER.size


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Some rows of some of four columns: a lone number, a matrix, one without values, text."""
    rows = draw(st.integers(1, 3))
    batch: Batch = {}
    for path, row in (("in.a", ()), ("in.b", (2, 2)), ("out.c", (0,)), ("out.d", (3,))):
        if draw(st.booleans()):
            dtype = np.dtype(draw(st.sampled_from(DTYPES)))
            count = int(np.prod((rows, *row)))
            data = draw(st.binary(min_size=count * dtype.itemsize, max_size=count * dtype.itemsize))
            if dtype.kind == "b":
                data = bytes(byte & 1 for byte in data)
            batch[path] = np.frombuffer(data, dtype).reshape(rows, *row)
    if not batch or draw(st.booleans()):
        batch["in.text"] = pa.array(draw(st.lists(TEXT, min_size=rows, max_size=rows)), pa.string())
    return batch


def bits(column: Any) -> Any:
    """A column as something that compares by its bits, so that NaN equals itself."""
    return (column.dtype, column.shape, column.tobytes()) if isinstance(column, np.ndarray) else python_values(column)


def columns_of(reader: JournalReader, entry: Entry) -> Batch:
    arrays, rests = reader.layouts[entry.layout].columns([entry.rows], [entry.payload])
    batch: Batch = dict(arrays)
    if reader.layouts[entry.layout].others:
        table = pa.ipc.open_stream(pa.py_buffer(rests[0])).read_all().combine_chunks()
        batch.update({name: table.column(name).chunk(0) for name in table.column_names})
    return batch


@settings(max_examples=80, deadline=None)
@given(written_batches=st.lists(batches(), max_size=5))
def test_every_batch_is_read_back_as_it_was(written_batches: list[Batch]) -> None:
    """Types, shapes and bits stay, also where columns come and go from one inference to the next."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder)
        journal = open_journal(log)
        for number, batch in enumerate(written_batches):
            append(journal, batch, 1000 + number, elapsed_ns=number)
        journal.close()
        reader = JournalReader(written(log)[0])
        entries = list(reader.read())
        assert [(1000 + number, [number]) for number in range(len(written_batches))] == [
            (entry.time_ms, entry.extra().elapsed_ns) for entry in entries
        ]
        for batch, entry in zip(written_batches, entries, strict=True):
            read = columns_of(reader, entry)
            assert {path: bits(column) for path, column in batch.items()} == {p: bits(c) for p, c in read.items()}


def test_rows_are_shown_nested_with_their_facts(tmp_path: Path) -> None:
    """What the log's reader sees is made of the entry and its layout."""
    journal = open_journal(tmp_path)
    append(journal, {"in.b": np.array([[1, 2]], np.int8), "in.a": pa.array(["t"]), "out.y": np.array([0.5])}, 7, 3)
    journal.close()
    assert rows_of(written(tmp_path)[0]) == [
        {
            "time": 7,
            "in": {"a": "t", "b": [1, 2]},
            "out": {"y": 0.5},
            "anomaly": {"count": 0},
            "metadata": {
                "last_model": "last model",
                "pipeline_version": "pipeline version",
                "elapsed": [3],
                "dropped": [],
                "partition": "replica",
            },
        }
    ]


def test_large_columns_are_written_in_parts(tmp_path: Path) -> None:
    """Above some size the columns go to the file without being joined; the reader sees no difference."""
    large = np.arange(50_000, dtype=np.float32).reshape(2, -1)
    journal = open_journal(tmp_path)
    for time_ms in (1, 2):
        append(journal, {"in.x": large, "in.t": pa.array(["a", "b"]), "out.y": large.astype(np.int64)}, time_ms)
    journal.close()
    reader = JournalReader(written(tmp_path)[0])
    for entry in reader.read():
        read = columns_of(reader, entry)
        assert (large == read["in.x"]).all() and (large == read["out.y"]).all()


@pytest.fixture
def three_entries(tmp_path: Path) -> Path:
    """A journal of three inferences in two layouts, its writer gone."""
    journal = open_journal(tmp_path)
    append(journal, numbers(1, 2), 10)
    append(journal, texts("a", "bc"), 20)
    append(journal, numbers(3), 30)
    journal.close()
    return written(tmp_path)[0]


def ends(path: Path) -> list[tuple[int, int]]:
    """Where each entry of a journal ends, and its kind."""
    data = path.read_bytes()
    found = []
    start = FILE_HEADER_BYTES
    while start < len(data):
        _, length, kind, *_ = journal_module._ENTRY_HEADER.unpack_from(data, start)
        start += ENTRY_HEADER_BYTES + length
        found.append((start, kind))
    return found


def test_a_journal_cut_anywhere_gives_the_whole_entries_before_the_cut(three_entries: Path) -> None:
    """A killed writer leaves a torn tail: only that may be lost, and nothing may be made up (FAULTS, F3)."""
    data = three_entries.read_bytes()
    whole = rows_of(three_entries)
    record_ends = [end for end, kind in ends(three_entries) if kind == journal_module._RECORDS]
    assert len(record_ends) == 3
    first_row_after = [0, 2, 4, 5]
    for length in range(len(data) + 1):
        three_entries.write_bytes(data[:length])
        entries_before = sum(end <= length for end in record_ends)
        assert whole[: first_row_after[entries_before]] == rows_of(three_entries)


def test_a_flipped_bit_drops_its_entry_and_what_follows(three_entries: Path) -> None:
    """A record that is not as it was written is never shown; the entries before it are."""
    data = three_entries.read_bytes()
    whole = rows_of(three_entries)
    bounds = [FILE_HEADER_BYTES, *(end for end, _ in ends(three_entries))]
    kinds = [kind for _, kind in ends(three_entries)]
    rows = iter([2, 2, 1])
    shown = 0
    for (start, end), kind in zip(itertools.pairwise(bounds), kinds, strict=True):
        for place in range(start, end):
            damaged = bytearray(data)
            damaged[place] ^= 1 << (place % 8)
            three_entries.write_bytes(damaged)
            assert whole[:shown] == rows_of(three_entries)
        shown += next(rows) if kind == journal_module._RECORDS else 0


def test_a_file_that_is_no_journal_is_empty(three_entries: Path) -> None:
    """Whatever else lies in the directory, the log stays readable."""
    data = bytearray(three_entries.read_bytes())
    for place in range(FILE_HEADER_BYTES):
        damaged = data.copy()
        damaged[place] ^= 0x10
        three_entries.write_bytes(damaged)
        assert rows_of(three_entries) == []


def test_a_reader_goes_on_where_it_ended(tmp_path: Path) -> None:
    """Pages of a live journal parse each entry once."""
    journal = open_journal(tmp_path)
    reader = JournalReader(written(tmp_path)[0])
    assert list(reader.read()) == []
    append(journal, numbers(1), 1)
    assert [entry.time_ms for entry in reader.read()] == [1]
    append(journal, texts("a"), 2)
    append(journal, numbers(2), 3)
    assert [entry.time_ms for entry in reader.read()] == [2, 3]
    assert list(reader.read()) == []
    assert len(reader.layouts) == 2
    journal.close()


def test_a_live_journal_is_not_finished(tmp_path: Path) -> None:
    """Whoever holds the lock owns the file; the kernel gives it up with the process."""
    journal = open_journal(tmp_path)
    path = written(tmp_path)[0]
    with finished(path) as is_finished:
        assert not is_finished
    journal.close()
    with finished(path) as is_finished:
        assert is_finished


def test_closing_twice_is_fine(tmp_path: Path) -> None:
    """The second close must not close a file of somebody else that has the same number."""
    journal = open_journal(tmp_path)
    journal.close()
    other = os.open(tmp_path, os.O_RDONLY)
    journal.close()
    os.fstat(other)
    os.close(other)


def test_time_never_runs_backwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers search by time in each journal, so a clock set back must not show."""
    journal = open_journal(tmp_path)
    clock = iter([5_000_000, 3_000_000, 9_000_000])
    monkeypatch.setattr(journal_module.time, "time_ns", lambda: next(clock))
    assert [journal.stamp() for _ in range(3)] == [5, 5, 9]
    monkeypatch.undo()
    journal.close()


def test_a_full_journal_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layouts are written again, so that each file can be read alone; the old one is given up for archiving."""
    monkeypatch.setattr(journal_module, "ROLL_BYTES", 250)
    journal = open_journal(tmp_path)
    for time_ms in range(10):
        append(journal, numbers(time_ms), time_ms)
    paths = sorted(written(tmp_path), key=lambda path: int(path.stem.rsplit("-", 1)[1]))
    assert len(paths) > 2
    assert list(range(10)) == [row["time"] for path in paths for row in rows_of(path)]
    for path in paths[:-1]:
        with finished(path) as is_finished:
            assert is_finished
    with finished(paths[-1]) as is_finished:
        assert not is_finished
    journal.close()


def test_a_journal_of_many_small_entries_is_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small they are: reading what is not archived yet takes its time by the entry."""
    monkeypatch.setattr(journal_module, "ROLL_ENTRIES", 3)
    journal = open_journal(tmp_path)
    for time_ms in range(7):
        append(journal, numbers(time_ms), time_ms)
    journal.close()
    assert sorted([row["time"] for row in rows_of(path)] for path in written(tmp_path)) == [[0, 1, 2], [3, 4, 5], [6]]


def test_an_old_journal_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without traffic to fill it, a journal is archived after a while all the same."""
    journal = open_journal(tmp_path)
    append(journal, numbers(1), 1)
    monkeypatch.setattr(journal_module, "ROLL_AGE_S", -1.0)
    append(journal, numbers(2), 2)
    journal.close()
    assert sorted([row["time"] for row in rows_of(path)] for path in written(tmp_path)) == [[1], [2]]


@pytest.mark.parametrize("size", [1, 30_000])
def test_a_write_that_fails_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A disk that is full in the middle of an entry costs that inference, not the ones before and after (F10)."""
    journal = open_journal(tmp_path)
    append(journal, numbers(*range(size)), 1)
    before = written(tmp_path)[0].read_bytes()
    real_writev = os.writev

    def half(fd: int, parts: list[Any]) -> int:
        os.write(fd, b"".join(parts)[:7])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "writev", half)
    with pytest.raises(OSError, match="No space left"):
        append(journal, texts("a"), 2)
    monkeypatch.setattr(os, "writev", real_writev)
    assert before == written(tmp_path)[0].read_bytes()
    append(journal, texts("b"), 3)
    journal.close()
    assert [1] * size + [3] == [row["time"] for row in rows_of(written(tmp_path)[0])]


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may take only some of the bytes."""
    monkeypatch.setattr(os, "writev", lambda fd, parts: os.write(fd, b"".join(parts)[:5]))
    journal = open_journal(tmp_path)
    append(journal, numbers(1), 1)
    append(journal, texts("a"), 2)
    journal.close()
    assert [row["time"] for row in rows_of(written(tmp_path)[0])] == [1, 2]


def test_answer_durability_forces_each_entry_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When `append` returns, a power cut does not lose the record either."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(os.fstat(fd).st_size))
    journal = open_journal(tmp_path, durability=Durability.ANSWER)
    append(journal, numbers(1), 1)
    assert written(tmp_path)[0].stat().st_size == synced[-1]
    journal.close()


def test_second_durability_forces_to_disk_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut costs a second of records at most, and the thread that sees to it ends with the journal."""
    forced = threading.Event()
    real = os.fdatasync

    def fdatasync(fd: int) -> None:
        real(fd)
        forced.set()

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(journal_files, "SYNC_PERIOD_S", 0.01)
    journal = open_journal(tmp_path, durability=Durability.SECOND)
    append(journal, numbers(1), 1)
    assert forced.wait(10)
    journal.close()
    for thread in threading.enumerate():
        if thread.name == "journal-sync":
            thread.join(10)
            assert not thread.is_alive()


def test_second_durability_forces_what_was_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is followed by another is forced to the disk, too, and whoever appends does not wait for it."""
    forced: queue.Queue[tuple[int, int]] = queue.Queue()
    real = os.fdatasync

    def fdatasync(fd: int) -> None:
        real(fd)
        forced.put((os.fstat(fd).st_ino, threading.get_ident()))

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(os, "fsync", fdatasync)
    monkeypatch.setattr(journal_files, "SYNC_PERIOD_S", 0.01)
    journal = open_journal(tmp_path, durability=Durability.SECOND)
    append(journal, numbers(1), 1)
    journal.renew()
    append(journal, numbers(2), 2)
    first = written(tmp_path)[0].stat().st_ino
    while (synced := forced.get(timeout=10))[0] != first:
        pass
    assert synced[1] != threading.get_ident()
    journal.close()
    assert [row["time"] for path in written(tmp_path) for row in rows_of(path)] == [1, 2]


def test_a_file_that_is_finished_is_told_of(tmp_path: Path) -> None:
    """When its lock is free already: whoever is told can archive it."""
    told: list[bool] = []

    def rolled() -> None:
        with finished(written(tmp_path)[0]) as is_finished:
            told.append(is_finished)

    journal = Journal(JournalFiles(tmp_path / JOURNALS, Durability.SECOND, rolled), "r")
    append(journal, numbers(1), 1)
    assert told == []
    journal.renew()
    append(journal, numbers(2), 2)
    assert told == [True]
    journal.close()
    assert told == [True]


def test_files_are_private(tmp_path: Path) -> None:
    """Inference data may be personal (SECURITY A9)."""
    journal = open_journal(tmp_path)
    assert written(tmp_path)[0].stat().st_mode & 0o777 == 0o600
    assert written(tmp_path)[0].parent.stat().st_mode & 0o777 == 0o700
    journal.close()


def test_a_column_across_memory_is_written_by_rows(tmp_path: Path) -> None:
    """Models give transposed views; the journal keeps rows."""
    journal = open_journal(tmp_path)
    column = np.arange(6, dtype=np.int64).reshape(3, 2).T
    append(journal, {"in.x": column, "out.y": column[:, ::2]}, 1)
    journal.close()
    assert [(row["in"]["x"], row["out"]["y"]) for row in rows_of(written(tmp_path)[0])] == [
        ([0, 2, 4], [0, 4]),
        ([1, 3, 5], [1, 5]),
    ]
    assert arrow_array(column).to_pylist() == [[0, 2, 4], [1, 3, 5]]


def test_more_columns_than_the_system_writes_at_once(tmp_path: Path) -> None:
    """A record of thousands of columns was refused by writev."""
    journal = open_journal(tmp_path)
    batch: Batch = {f"out.{number}": np.full(8, number, np.float64) for number in range(3000)}
    for time_ms in (1, 2):
        append(journal, batch, time_ms)
    journal.close()
    reader = JournalReader(written(tmp_path)[0])
    read = [columns_of(reader, entry) for entry in reader.read()]
    assert len(read) == 2
    assert {path: bits(column) for path, column in read[1].items()} == {p: bits(c) for p, c in batch.items()}


def test_room_behind_the_end_is_nobodys_business(tmp_path: Path) -> None:
    """Readers see what was written, the blocks that wait for more are given back with the file."""
    journal = open_journal(tmp_path)
    for time_ms in range(3):
        append(journal, numbers(*range(1000)), time_ms)
    path = written(tmp_path)[0]
    size = path.stat().st_size
    assert size == ends(path)[-1][0]
    assert len(rows_of(path)) == 3000
    journal.close()
    assert path.stat().st_size == size
    assert path.stat().st_blocks * 512 < size + 64 * 1024


def test_a_file_is_used_again_and_shows_nothing_of_what_was_in_it(tmp_path: Path) -> None:
    """Writing to memory that the system has already is what makes a large request's log cheap."""
    first = open_journal(tmp_path)
    append(first, numbers(*range(400_000)), 1)
    append(first, numbers(*range(5)), 2)
    first.close()
    (path,) = written(tmp_path)
    place, size = path.stat().st_ino, path.stat().st_size
    recycle(path)
    assert written(tmp_path) == []
    second = open_journal(tmp_path)
    (again,) = written(tmp_path)
    assert (again.stat().st_ino, again.stat().st_size) == (place, size)
    assert rows_of(again) == []
    for time_ms in range(3):
        append(second, numbers(time_ms), time_ms)
        assert [row["out"]["y"] for row in rows_of(again)] == [2.0 * number for number in range(time_ms + 1)]
    assert again.stat().st_size == size
    second.close()
    assert again.stat().st_size < size
    assert len(rows_of(again)) == 3


def test_a_killed_writer_leaves_old_bytes_behind_its_entries(tmp_path: Path) -> None:
    """What is archived then are its own records, whichever entry of the old ones lies where its last one ends."""
    lengths = (1, 2, 7)
    for length in lengths:
        log = tmp_path / str(length)
        first = open_journal(log)
        for time_ms in range(300):
            append(first, numbers(*range(1000)), time_ms)
        first.close()
        recycle(written(log)[0])
        second = open_journal(log)
        for time_ms in range(length):
            append(second, numbers(*range(1000)), time_ms)
        copied = log / "copy.journal"  # as it lies there when the writer is killed
        copied.write_bytes(written(log)[0].read_bytes())
        assert len(rows_of(copied)) == 1000 * length
        second.close()


def test_two_writers_do_not_take_the_same_file(tmp_path: Path) -> None:
    """Replicas share a directory."""
    for number in range(MOST_SPARES + 1):
        journal = open_journal(tmp_path, f"r{number}")
        append(journal, numbers(*range(400_000)), 1)
        journal.close()
    for path in written(tmp_path):
        recycle(path)
    spares = list((tmp_path / "journal").glob(".*.spare"))
    assert len(spares) == MOST_SPARES, "what is too much is removed"
    journals = [open_journal(tmp_path, f"s{number}") for number in range(MOST_SPARES + 1)]
    places = [path.stat().st_ino for path in written(tmp_path)]
    assert len(set(places)) == MOST_SPARES + 1
    for journal in journals:
        journal.close()


def test_a_file_that_nobody_needs_again_goes(tmp_path: Path) -> None:
    """Whoever set an age for the log does not find older records on the disk."""
    journal = open_journal(tmp_path)
    append(journal, numbers(*range(400_000)), 1)
    journal.close()
    recycle(written(tmp_path)[0])
    folder = tmp_path / "journal"
    drop_spares(folder)
    (spare,) = folder.iterdir()
    os.utime(spare, (0, 0))
    drop_spares(folder)
    assert list(folder.iterdir()) == []
