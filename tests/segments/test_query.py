"""Pages of the log: every record once, in order, however it is cut and wherever it lies."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.codec.batch import Batch
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.segments import query as query_module
from jupyter_wallaroo.segments.archive import archive
from jupyter_wallaroo.segments.journal import Journal
from jupyter_wallaroo.segments.query import Log
from jupyter_wallaroo.types.inference_log import LogPage, LogQuery, PageStatus
from tests.benchmarks import log_pages
from tests.segments.writing import append, numbers, open_journal, texts


def ask(log: Log, **changes: Any) -> tuple[list[dict[str, Any]], LogPage]:
    facts: dict[str, Any] = {"directory": "", "descending": False, "page_size": 1000, "arrow": False}
    body, page = log.page(LogQuery(**{**facts, **changes}))
    rows = pa.ipc.open_file(pa.py_buffer(body)).read_all().to_pylist() if changes.get("arrow") else json.loads(body)
    assert page.rows == len(rows)
    assert (page.cursor is None) == (page.status is PageStatus.ALL)
    return rows, page


def walk(log: Log, **changes: Any) -> list[dict[str, Any]]:
    """All records, page after page."""
    found: list[dict[str, Any]] = []
    cursor = None
    for _ in range(1000):
        rows, page = ask(log, cursor=cursor, **changes)
        found.extend(rows)
        cursor = page.cursor
        if cursor is None:
            return found
        assert rows, "a page that is not the last one has rows"
    raise AssertionError("the walk does not end")


def identity(row: dict[str, Any]) -> tuple[int, Any]:
    return row["time"], row["in"]["x"]


@st.composite
def logs(draw: st.DrawFn) -> list[tuple[bool, list[tuple[int, int, bool]]]]:
    """Sources: whether archived, and entries as (time, rows, is text), the times not falling within a source."""
    sources = []
    for _ in range(draw(st.integers(1, 4))):
        time_ms = draw(st.integers(0, 4))
        entries = []
        for _ in range(draw(st.integers(0, 4))):
            time_ms += draw(st.integers(0, 2))
            entries.append((time_ms, draw(st.integers(1, 3)), draw(st.sampled_from([False, False, False, True]))))
        sources.append((draw(st.booleans()), entries))
    return sources


def write_log(
    directory: Path, sources: list[tuple[bool, list[tuple[int, int, bool]]]]
) -> tuple[list[Any], list[Journal]]:
    """Write the sources; return what they hold, and the journals still open."""
    expected = []
    number = 0
    live: list[Journal] = []
    for index, (is_archived, entries) in enumerate(sources):
        journal = open_journal(directory, f"r{index}")
        for time_ms, rows, is_text in entries:
            values = [number + row for row in range(rows)]
            number += rows
            append(journal, texts(*map(str, values)) if is_text else numbers(*values), time_ms)
            expected.extend((time_ms, str(value) if is_text else float(value)) for value in values)
        if is_archived:
            journal.close()
        else:
            live.append(journal)
    archive(directory)
    return expected, live


@settings(max_examples=80, deadline=None)
@given(
    sources=logs(),
    page_size=st.integers(1, 12),
    descending=st.booleans(),
    arrow=st.booleans(),
    bounds=st.tuples(st.none() | st.integers(0, 10), st.none() | st.integers(0, 10)),
)
def test_a_walk_gives_every_record_once_and_in_order(
    sources: list[tuple[bool, list[tuple[int, int, bool]]]],
    page_size: int,
    *,
    descending: bool,
    arrow: bool,
    bounds: tuple[int | None, int | None],
) -> None:
    """Whatever the page size, order and range of time, over journals still written to and segments alike."""
    with tempfile.TemporaryDirectory() as folder:
        expected, live = write_log(Path(folder), sources)
        start, end = bounds
        asked = {"page_size": page_size, "descending": descending, "arrow": arrow, "start_ms": start, "end_ms": end}
        rows = walk(Log(Path(folder)), **asked)
        wanted = [item for item in expected if (start is None or item[0] >= start) and (end is None or item[0] < end)]
        assert sorted(map(str, wanted)) == sorted(str(identity(row)) for row in rows)
        times = [row["time"] for row in rows]
        assert sorted(times, reverse=descending) == times
        assert rows == walk(Log(Path(folder)), **{**asked, "page_size": 1})
        for journal in live:
            journal.close()


@settings(max_examples=30, deadline=None)
@given(sources=logs())
def test_descending_is_ascending_backwards(sources: list[tuple[bool, list[tuple[int, int, bool]]]]) -> None:
    """Records of the same millisecond have one order, too."""
    with tempfile.TemporaryDirectory() as folder:
        _, live = write_log(Path(folder), sources)
        log = Log(Path(folder))
        assert walk(log, descending=False, page_size=3) == walk(log, descending=True, page_size=2)[::-1]
        for journal in live:
            journal.close()


def test_an_empty_log_is_one_empty_page(tmp_path: Path) -> None:
    """A pipeline that never answered has a log all the same, in both formats."""
    for arrow in (False, True):
        rows, page = ask(Log(tmp_path / "missing"), arrow=arrow)
        assert (rows, page.status) == ([], PageStatus.ALL)


def test_a_full_page_says_that_there_is_more(tmp_path: Path) -> None:
    """RecordLimited when the page size ended it, All only at the very end."""
    journal = open_journal(tmp_path)
    append(journal, numbers(1, 2, 3, 4), 1)
    log = Log(tmp_path)
    first, page = ask(log, page_size=2)
    assert (page.status, len(first)) == (PageStatus.RECORD_LIMITED, 2)
    second, page = ask(log, page_size=2, cursor=page.cursor)
    assert (page.status, [row["in"]["x"] for row in first + second]) == (PageStatus.ALL, [1.0, 2.0, 3.0, 4.0])
    journal.close()


def test_a_change_of_schema_ends_a_page(tmp_path: Path) -> None:
    """An Arrow page has one schema; the next one begins with the other."""
    journal = open_journal(tmp_path)
    append(journal, numbers(1, 2), 1)
    append(journal, texts("a"), 2)
    append(journal, numbers(3), 3)
    log = Log(tmp_path)
    cursor = None
    seen = []
    for _ in range(3):
        rows, page = ask(log, arrow=True, cursor=cursor)
        seen.append((page.status, [row["in"]["x"] for row in rows]))
        cursor = page.cursor
    change = PageStatus.SCHEMA_CHANGE
    assert [(change, [1.0, 2.0]), (change, ["a"]), (PageStatus.ALL, [3.0])] == seen
    journal.close()


def test_a_change_of_the_outputs_name_is_a_change_of_schema(tmp_path: Path) -> None:
    """The same types under other names are other columns."""
    journal = open_journal(tmp_path)
    append(journal, numbers(1), 1)
    append(journal, numbers(2, output="z"), 2)
    rows, page = ask(Log(tmp_path))
    assert (page.status, [row["out"] for row in rows]) == (PageStatus.SCHEMA_CHANGE, [{"y": 2.0}])
    journal.close()


def test_too_many_bytes_end_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is bounded in bytes, has a row at least, and nothing is lost between pages."""
    journal = open_journal(tmp_path)
    append(journal, numbers(*range(100)), 1)
    log = Log(tmp_path)
    monkeypatch.setattr(query_module, "MAX_PAGE_BYTES", 3000)
    rows, page = ask(log)
    assert PageStatus.BYTE_LIMITED is page.status
    assert 1 < len(rows) < 100
    for limit in (3000, 1):
        monkeypatch.setattr(query_module, "MAX_PAGE_BYTES", limit)
        for descending in (False, True):
            found = [row["in"]["x"] for row in walk(log, descending=descending)]
            assert [float(value) for value in range(100)] == (found[::-1] if descending else found)
    journal.close()


def test_the_range_of_time_is_half_open(tmp_path: Path) -> None:
    """Start is inclusive and end exclusive, so that ranges can be put side by side."""
    journal = open_journal(tmp_path)
    for time_ms in (1, 2, 2, 3):
        append(journal, numbers(time_ms), time_ms)
    log = Log(tmp_path)
    assert [row["time"] for row in walk(log, start_ms=2, end_ms=3)] == [2, 2]
    assert [row["time"] for row in walk(log, end_ms=2)] == [1]
    assert [row["time"] for row in walk(log, start_ms=3, descending=True)] == [3]
    assert walk(log, start_ms=2, end_ms=2) == []
    journal.close()


def marked(*values: bool) -> Batch:
    """A batch with one validation, and what it said of each row."""
    rows = len(values)
    numbered = np.arange(rows, dtype=np.float32)
    return {"in.x": numbered, "out.y": numbered, "anomaly.too_low": np.array(values)}


@pytest.mark.parametrize("is_archived", [False, True])
def test_records_that_failed_a_validation_can_be_had_alone(tmp_path: Path, is_archived: bool) -> None:
    """And those that passed them all; page by page, in both orders."""
    journal = open_journal(tmp_path)
    append(journal, numbers(7), 0)
    for time_ms in range(1, 20):
        append(journal, marked(time_ms % 5 == 0, False, time_ms % 3 == 0), time_ms)
    if is_archived:
        journal.close()
        archive(tmp_path)
    log = Log(tmp_path)
    failed = [(time_ms, place) for time_ms in range(1, 20) for place, by in ((0, 5), (2, 3)) if time_ms % by == 0]
    found = walk(log, valid=False, page_size=2)
    assert [identity(row) for row in found] == failed
    assert {row["anomaly"]["count"] for row in found} == {1}
    assert walk(log, valid=False, page_size=3, descending=True) == found[::-1]
    passed = walk(log, valid=True, page_size=4)
    assert {row["anomaly"]["count"] for row in passed} == {0}
    assert len(passed) + len(found) == len(walk(log)) == 58
    assert walk(log, valid=False, start_ms=9, end_ms=11) == [row for row in found if 9 <= row["time"] < 11]
    journal.close()


def read(log: Log, **changes: Any) -> pa.Table:
    facts: dict[str, Any] = {"directory": "", "descending": False, "page_size": 1000, "arrow": True}
    body, _ = log.page(LogQuery(**{**facts, **changes}))
    return pa.ipc.open_file(pa.py_buffer(body)).read_all()


def test_an_arrow_page_says_in_its_schema_how_it_ended(tmp_path: Path) -> None:
    """Contract/inference.md, Logs 2: the status, and what to send for the next page."""
    journal = open_journal(tmp_path)
    append(journal, numbers(1, 2, 3), 1)
    log = Log(tmp_path)
    said = json.loads(read(log, page_size=2).schema.metadata[b"status"])
    assert said["status"] == "RecordLimited"
    rest = read(log, cursor=said["next"]["cursor"])
    assert rest.num_rows == 1
    assert json.loads(rest.schema.metadata[b"status"]) == {"status": "All", "next": None}
    assert json.loads(read(log, start_ms=5).schema.metadata[b"status"]) == {"status": "All", "next": None}
    journal.close()


def test_the_fields_of_an_arrow_page_are_chosen(tmp_path: Path) -> None:
    """Nested without a separator, flat with one, as inferences are answered."""
    journal = open_journal(tmp_path)
    append(journal, numbers(1), 1)
    log = Log(tmp_path)
    assert read(log).column_names == ["time", "in", "out", "anomaly", "metadata"]
    assert read(log, dataset=("*",), exclude=("metadata",), separator=".").column_names == [
        "time", "in.x", "out.y", "anomaly.count"
    ]  # fmt: skip
    assert read(log, dataset=("time", "metadata.partition"), separator="_").column_names == [
        "time", "metadata_partition"
    ]  # fmt: skip
    narrow = read(log, dataset=("metadata.partition",))
    assert narrow.to_pylist() == [{"metadata": {"partition": "replica"}}]
    assert read(log, dataset=("nothing",)).num_columns == 0
    journal.close()


def test_a_page_of_a_hundred_thousand_records_is_quick(tmp_path: Path) -> None:
    """One record per inference, the last tenth in a journal still written to (tests/benchmarks/log_pages.py)."""
    journal, first_ms, last_ms = log_pages.write(tmp_path, 100_000, 1, open_records=10_000)
    log = Log(tmp_path)
    query = LogQuery(directory="", descending=False, page_size=1000, arrow=True, start_ms=(first_ms + last_ms) // 2)
    first, then, rows = log_pages.measure(log, query)
    assert rows == 1000
    assert first < 1500 and then < 300, "in ms; a fifth of it on an idle machine"
    journal.close()


def test_records_are_read_as_soon_as_they_are_written(tmp_path: Path) -> None:
    """The SDK asks for its own inference right after the answer (contract/inference.md, Logs 5)."""
    journal = open_journal(tmp_path)
    log = Log(tmp_path)
    assert walk(log) == []
    for number in range(3):
        append(journal, numbers(number), number)
        assert [float(value) for value in range(number + 1)] == [row["in"]["x"] for row in walk(log, page_size=2)]
    journal.close()


@pytest.mark.parametrize("descending", [False, True])
def test_a_walk_goes_on_over_archiving(tmp_path: Path, descending: bool) -> None:
    """A cursor stays good when the journal it points into becomes a segment between two pages."""
    journal = open_journal(tmp_path)
    for number in range(6):
        append(journal, numbers(number) if number % 3 else texts(str(number)), 7)
    log = Log(tmp_path)
    whole = walk(log, descending=descending)
    rows, page = ask(log, page_size=2, descending=descending)
    journal.close()
    assert archive(tmp_path) == 1
    assert whole == rows + walk_from(log, page.cursor, descending=descending)


def walk_from(log: Log, cursor: str | None, **changes: Any) -> list[dict[str, Any]]:
    found = []
    while cursor is not None:
        rows, page = ask(log, cursor=cursor, **changes)
        found.extend(rows)
        cursor = page.cursor
    return found


def test_new_records_do_not_disturb_a_walk(tmp_path: Path) -> None:
    """Newest first, the pages behind the cursor stay what they were."""
    journal = open_journal(tmp_path)
    append(journal, numbers(1, 2, 3), 1)
    log = Log(tmp_path)
    rows, page = ask(log, page_size=1, descending=True)
    append(journal, numbers(9), 2)
    assert [row["in"]["x"] for row in rows + walk_from(log, page.cursor, descending=True)] == [3.0, 2.0, 1.0]
    journal.close()


@pytest.mark.parametrize("cursor", ["x", "1", "1:2", "1:2:", "a:0:r", "1:b:r", "-1:0:r", "1.5:0:r", ":::"])
def test_a_cursor_of_somebody_elses_is_refused(tmp_path: Path, cursor: str) -> None:
    """A mistyped cursor is the caller's mistake, not a page from somewhere."""
    with pytest.raises(InvalidRequest, match="was not made by this log"):
        ask(Log(tmp_path), cursor=cursor)
