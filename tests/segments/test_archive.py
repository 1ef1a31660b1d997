"""Journals become segments exactly once, and old segments go."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jupyter_wallaroo.segments import archive as archive_module
from jupyter_wallaroo.segments import tables as tables_module
from jupyter_wallaroo.segments.archive import JOURNALS, SEGMENTS, archive, has_finished, retain
from jupyter_wallaroo.segments.tables import LARGE_BYTES
from tests.segments.writing import append, numbers, open_journal, rows_of, texts, written


def archived_rows(log: Path) -> list[dict[str, Any]]:
    """All records of all segments, in the order of their files."""
    files = sorted((log / SEGMENTS).glob("[!.]*/*.arrow"))
    return [row for file in files for row in pa.ipc.open_file(pa.py_buffer(file.read_bytes())).read_all().to_pylist()]


@pytest.fixture
def journal_rows(tmp_path: Path) -> list[dict[str, Any]]:
    """The rows of a finished journal in ``tmp_path``: three runs of two layouts."""
    journal = open_journal(tmp_path)
    append(journal, numbers(1, 2), 10)
    append(journal, numbers(3), 11)
    append(journal, texts("a"), 12)
    append(journal, numbers(4), 13)
    journal.close()
    return rows_of(written(tmp_path)[0])


def test_a_finished_journal_becomes_one_directory(tmp_path: Path, journal_rows: list[dict[str, Any]]) -> None:
    """One file for each run of records with the same columns, named by number, times and rows."""
    stem = written(tmp_path)[0].stem
    assert archive(tmp_path) == 1
    assert list((tmp_path / JOURNALS).iterdir()) == []
    assert sorted(file.name for file in (tmp_path / SEGMENTS / stem).iterdir()) == [
        "000001-10-11-3.arrow",
        "000002-12-12-1.arrow",
        "000003-13-13-1.arrow",
    ]
    assert journal_rows == archived_rows(tmp_path)
    assert archive(tmp_path) == 0
    assert journal_rows == archived_rows(tmp_path)


def test_a_long_run_is_cut_into_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files stay small enough to be loaded for one page."""
    monkeypatch.setattr(tables_module, "MAX_ROWS_PER_FILE", 4)
    journal = open_journal(tmp_path)
    for number in range(5):
        append(journal, numbers(number, number), number)
    journal.close()
    rows = rows_of(written(tmp_path)[0])
    archive(tmp_path)
    assert sorted(file.name for file in (tmp_path / SEGMENTS).glob("*/*")) == [
        "000001-0-1-4.arrow",
        "000002-2-3-4.arrow",
        "000003-4-4-2.arrow",
    ]
    assert rows == archived_rows(tmp_path)


def test_large_records_are_archived_among_small_ones(tmp_path: Path) -> None:
    """Each large inference is a batch of its own, and what its records share is in the file once."""
    journal = open_journal(tmp_path)
    large = LARGE_BYTES // 8 + 1  # rows of two float32
    for time_ms, count in enumerate([1, large, large + 1, 2, 3, large]):
        append(journal, numbers(*range(count)), time_ms, elapsed_ns=time_ms)
    journal.close()
    rows = rows_of(written(tmp_path)[0])
    assert archive(tmp_path) == 1
    assert archived_rows(tmp_path) == rows
    assert [row["metadata"]["elapsed"] for row in rows if row["in"]["x"] == 0] == [[number] for number in range(6)]
    (file,) = (tmp_path / SEGMENTS).glob("*/*.arrow")
    reader = pa.ipc.open_file(pa.py_buffer(file.read_bytes()))
    assert [reader.get_batch(number).num_rows for number in range(reader.num_record_batches)] == [
        1, large, large + 1, 5, large
    ]  # fmt: skip
    columns_bytes = len(rows) * (8 + 4 + 4 + 4)  # time, x, y, count of anomalies
    assert file.stat().st_size < columns_bytes + len(rows) * (3 * 1 + 2 * 4 + 1)


def test_a_journal_still_written_to_is_left_alone(tmp_path: Path) -> None:
    """Its writer would go on appending to a file that nobody can find."""
    journal = open_journal(tmp_path)
    append(journal, numbers(1), 1)
    assert archive(tmp_path) == 0
    assert [row["time"] for row in rows_of(written(tmp_path)[0])] == [1]
    assert not (tmp_path / SEGMENTS).exists()
    journal.close()
    assert archive(tmp_path) == 1


def test_killed_after_the_rename_nothing_is_doubled(tmp_path: Path, journal_rows: list[dict[str, Any]]) -> None:
    """The journal is found beside its finished directory and only removed."""
    path = written(tmp_path)[0]
    copy = tmp_path / "copy"
    shutil.copy(path, copy)
    archive(tmp_path)
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / SEGMENTS).rglob("*")}
    shutil.move(copy, path)
    archive(tmp_path)
    assert written(tmp_path) == []
    assert before == {file: file.stat().st_mtime_ns for file in (tmp_path / SEGMENTS).rglob("*")}
    assert journal_rows == archived_rows(tmp_path)


def test_killed_before_the_rename_nothing_is_lost(tmp_path: Path, journal_rows: list[dict[str, Any]]) -> None:
    """A half-written directory is thrown away and written anew."""
    hidden = tmp_path / SEGMENTS / f".{written(tmp_path)[0].stem}"
    hidden.mkdir(parents=True)
    (hidden / "000001-10-11-3.arrow").write_bytes(b"half")
    (hidden / "000009-99-99-9.arrow").write_bytes(b"stale")
    archive(tmp_path)
    assert journal_rows == archived_rows(tmp_path)
    assert not hidden.exists()


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


@pytest.mark.parametrize("step", ["mkdir", "write", "sync", "rename", "unlink"])
def test_killed_at_any_step_each_record_is_kept_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal_rows: list[dict[str, Any]], step: str
) -> None:
    """At every moment a record is in exactly one place that readers look at, and the next run finishes the work."""

    def kill(*_args: Any, **_kwargs: Any) -> None:
        raise Killed

    place = {
        "mkdir": (Path, "mkdir"),
        "write": (archive_module, "_write"),
        "sync": (archive_module, "_sync"),
        "rename": (os, "rename"),
        "unlink": (Path, "unlink"),
    }[step]
    with monkeypatch.context() as patch:
        patch.setattr(*place, kill)
        with pytest.raises(Killed):
            archive(tmp_path)
    names = {path.stem for path in written(tmp_path)}
    seen = [] if names & {path.name for path in (tmp_path / SEGMENTS).glob("[!.]*")} else rows_of(written(tmp_path)[0])
    assert journal_rows == archived_rows(tmp_path) + seen
    archive(tmp_path)
    assert written(tmp_path) == []
    assert journal_rows == archived_rows(tmp_path)
    assert list((tmp_path / SEGMENTS).glob(".*")) == []


def test_what_waits_is_what_nobody_writes_to(tmp_path: Path) -> None:
    """A journal is waiting for the archive when its writer has finished it, or is gone."""
    assert not has_finished(tmp_path)
    journal = open_journal(tmp_path)
    append(journal, numbers(1), 1)
    assert not has_finished(tmp_path)
    journal.close()
    assert has_finished(tmp_path)
    archive(tmp_path)
    assert not has_finished(tmp_path)


def test_a_journal_that_never_got_its_name_goes(tmp_path: Path) -> None:
    """Its writer was killed between making it and naming it; one that is just being made is left alone."""
    folder = tmp_path / JOURNALS
    folder.mkdir()
    young, old = folder / ".2-r-1.journal", folder / ".1-r-1.journal"
    for path in (young, old):
        path.write_bytes(b"")
    os.utime(old, (1, 1))
    assert not has_finished(tmp_path)
    assert (young.exists(), old.exists()) == (True, False)


def test_an_empty_journal_just_goes(tmp_path: Path) -> None:
    """A replica that never answered leaves nothing behind."""
    open_journal(tmp_path).close()
    (tmp_path / JOURNALS / "0000000000001-r9-1.journal").write_bytes(b"")
    assert archive(tmp_path) == 2
    assert written(tmp_path) == []
    assert list((tmp_path / SEGMENTS).iterdir()) == []


def test_a_torn_tail_costs_only_itself(tmp_path: Path, journal_rows: list[dict[str, Any]]) -> None:
    """The whole entries before it are archived."""
    path = written(tmp_path)[0]
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size - 1)
    archive(tmp_path)
    assert journal_rows[:-1] == archived_rows(tmp_path)


def segments_of(log: Path, times_ms: list[int]) -> list[Path]:
    """One segment of the same size for each time, oldest first."""
    for number, time_ms in enumerate(times_ms):
        journal = open_journal(log, f"r{number}")
        append(journal, numbers(number), time_ms)
        journal.close()
        # The file name begins with the millisecond it was made in, which may be the same for all of them here.
        path = written(log)[0]
        path.rename(path.with_name(f"{number:013d}-r{number}-1.journal"))
        archive(log)
    return sorted((log / SEGMENTS).iterdir())


def test_the_oldest_go_when_there_are_too_many_bytes(tmp_path: Path) -> None:
    """What is kept fits, and it is the newest."""
    segments = segments_of(tmp_path, [1, 2, 3, 4])
    sizes = [sum(file.stat().st_size for file in segment.iterdir()) for segment in segments]
    assert retain(tmp_path, sum(sizes), 0) == 0
    assert retain(tmp_path, sum(sizes[2:]), 0) == 2
    assert segments[2:] == sorted((tmp_path / SEGMENTS).iterdir())
    assert retain(tmp_path, sum(sizes[2:]) - 1, 0) == 1
    assert segments[3:] == sorted((tmp_path / SEGMENTS).iterdir())


def test_the_old_go_by_their_newest_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Age is that of the newest record in a segment, so that no record goes too early."""
    monkeypatch.setattr(archive_module.time, "time", lambda: 100.0)
    segments = segments_of(tmp_path, [10_000, 39_999, 40_000, 99_000])
    assert retain(tmp_path, 0, 1000.0) == 0
    assert retain(tmp_path, 0, 60.0) == 2
    assert segments[2:] == sorted((tmp_path / SEGMENTS).iterdir())


def test_no_limit_keeps_everything(tmp_path: Path) -> None:
    """0 means no end, for both limits."""
    segments_of(tmp_path, [1, int(time.time() * 1000)])
    assert retain(tmp_path, 0, 0) == 0
    assert retain(tmp_path / "missing", 1, 1) == 0
