"""Files written past the cache hold what was written, whatever the sizes of the pieces."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.segments.direct_file import DirectFile

MIB = 2**20


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 2 * MIB), max_size=6))
@example([])
@example([MIB])
@example([MIB - 1, 1, 4096])
@example([MIB + 1])
@example([1])
def test_a_file_has_the_bytes_that_were_written(sizes: list[int]) -> None:
    """Full buffers, ends between blocks, nothing at all."""
    pieces = [os.urandom(1) * size for size in sizes]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        with DirectFile(path) as file:
            for piece in pieces:
                assert file.write(piece) == len(piece)
            assert file.tell() == sum(sizes)
        assert path.read_bytes() == b"".join(pieces)


def test_a_file_system_without_such_writes_gets_ordinary_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As tmpfs on older systems."""
    opened = os.open
    refused = []

    def refuse(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECT:
            refused.append(path)
            raise OSError(errno.EINVAL, "Invalid argument")
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    with DirectFile(tmp_path / "file") as file:
        file.write(b"abc")
    assert refused
    assert (tmp_path / "file").read_bytes() == b"abc"


def test_a_file_that_exists_is_not_written_over(tmp_path: Path) -> None:
    """It may be somebody's."""
    path = tmp_path / "file"
    path.write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        DirectFile(path)
    assert path.read_bytes() == b"theirs"
