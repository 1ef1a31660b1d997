"""Positions in a log: how many records are older."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.segments.query import Log
from jupyter_wallaroo.segments.sources import Sources, key_after
from tests.segments.test_query import ask, logs, walk, write_log
from tests.segments.writing import append, numbers, open_journal


@settings(max_examples=60, deadline=None)
@given(sources=logs(), skip=st.integers(0, 40), page_size=st.integers(1, 5))
def test_a_position_passes_over_as_many_records(
    sources: list[tuple[bool, list[tuple[int, int, bool]]]], skip: int, page_size: int
) -> None:
    """However many sources have records in the same millisecond."""
    with tempfile.TemporaryDirectory() as folder:
        expected, live = write_log(Path(folder), sources)
        log = Log(Path(folder))
        whole = walk(log)
        assert log.rows() == len(whole) == len(expected)
        rows, page = ask(log, skip=skip, page_size=page_size)
        while page.cursor is not None:
            more, page = ask(log, page_size=page_size, cursor=page.cursor)
            rows += more
        assert rows == whole[skip:]
        for journal in live:
            journal.close()


def test_a_position_behind_the_end_stays_behind_what_comes(tmp_path: Path) -> None:
    """Of a log that lost its oldest records meanwhile, say."""
    journal = open_journal(tmp_path)
    append(journal, numbers(1, 2), 5)
    log = Log(tmp_path)
    assert ask(log, skip=2)[0] == ask(log, skip=9)[0] == []
    assert key_after(Sources(tmp_path).find(), 0) is None
    assert key_after([], 3) is None
    journal.close()
