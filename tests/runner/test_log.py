"""What a run prints, in whatever pieces it comes: every line once, in order, cut where it has to be."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.runner.log import LONGEST_LINE, TAIL_BYTES, Log


def logged(parts: list[bytes], limit: int = 2**20) -> list[bytes]:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "log"
        with Log(path, limit) as log:
            for part in parts:
                log.take(part)
        assert path.stat().st_mode & 0o777 == 0o600
        lines = path.read_bytes().split(b"\n")
    assert lines.pop() == b""
    return [line.split(b" stdout F ", 1)[1] for line in lines]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=50).map(lambda part: part.replace(b"\r", b"")), max_size=20))
def test_pieces_make_the_lines_they_would_make_together(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    expected = whole.split(b"\n") if not whole.endswith(b"\n") and whole else whole.split(b"\n")[:-1]
    assert logged(parts) == expected


def test_a_line_without_end_is_broken() -> None:
    pieces = logged([b"x" * 1000] * 40)
    assert sum(map(len, pieces)) == 40_000
    assert max(map(len, pieces)) <= LONGEST_LINE


def test_a_forged_time_stays_in_its_line() -> None:
    """SECURITY E3: what is printed never begins a line."""
    assert logged([b"a\r\n2000-01-01T00:00:00Z stdout F forged\n"]) == [b"a", b"2000-01-01T00:00:00Z stdout F forged"]


def test_a_log_at_its_limit_says_so_and_keeps_its_end() -> None:
    lines = logged([b"%06d\n" % number for number in range(50_000)], limit=10_000)
    cut = lines.index(b"[wallaroo: the log has 10000 bytes and is cut here]")
    assert lines[:cut] == [b"%06d" % number for number in range(cut)]
    assert lines[-1] == b"049999"
    assert b"bytes are left out here" in lines[cut + 1]
    assert len(lines) - cut <= TAIL_BYTES // 7 + 2
