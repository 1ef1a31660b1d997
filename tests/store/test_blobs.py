"""Files by their SHA-256: whole or not there at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from jupyter_wallaroo.errors import StorageFull
from jupyter_wallaroo.store.blobs import Blobs


def keep(blobs: Blobs, *parts: bytes) -> str:
    incoming = blobs.begin()
    for part in parts:
        incoming.write(part)
    sha = incoming.complete()
    incoming.keep(sha)
    incoming.discard()
    return sha


def files(directory: Path) -> set[Path]:
    return {path for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    """An empty store of files."""
    return Blobs(tmp_path / "blobs")


def test_a_file_lies_under_the_hash_of_its_bytes(blobs: Blobs) -> None:
    """Hashed while it is written; discarding a kept file does nothing to it."""
    sha = keep(blobs, b"abc", b"", b"def")
    assert hashlib.sha256(b"abcdef").hexdigest() == sha
    assert blobs.path(sha).read_bytes() == b"abcdef"


def test_the_same_bytes_are_kept_once(blobs: Blobs, tmp_path: Path) -> None:
    """Two versions may have one file."""
    assert keep(blobs, b"abc") == keep(blobs, b"a", b"bc")
    assert len(files(tmp_path)) == 1


def test_nothing_is_seen_before_it_is_kept(blobs: Blobs) -> None:
    """A row must never find half a file."""
    incoming = blobs.begin()
    incoming.write(b"abc")
    assert incoming.size_bytes == 3
    sha = incoming.complete()
    assert not blobs.path(sha).exists()
    incoming.keep(sha)
    assert blobs.path(sha).exists()


def test_a_discarded_upload_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    """At any point, and more than once."""
    for is_complete in (False, True):
        incoming = blobs.begin()
        incoming.write(b"abc")
        if is_complete:
            incoming.complete()
        incoming.discard()
        incoming.discard()
    assert set() == files(tmp_path)


def test_the_sweep_removes_what_no_row_refers_to(blobs: Blobs, tmp_path: Path) -> None:
    """What a kill leaves behind: a half-written upload, a kept file whose row was never written."""
    known, orphan = keep(blobs, b"known"), keep(blobs, b"orphan")
    half = blobs.begin()
    half.write(b"half")
    assert blobs.sweep([known]) == 2
    assert {blobs.path(known)} == files(tmp_path)
    assert not blobs.path(orphan).exists()
    assert blobs.sweep([known]) == 0
    half.discard()


def test_the_sweep_minds_rows_without_files(blobs: Blobs) -> None:
    """It removes files only; a missing one is somebody else's to report."""
    assert blobs.sweep(["0" * 64]) == 0


def test_uploads_are_private(blobs: Blobs, tmp_path: Path) -> None:
    """Directories that only the owner may enter (SECURITY A9)."""
    keep(blobs, b"abc")
    assert {0o700} == {path.stat().st_mode & 0o777 for path in (tmp_path / "blobs").iterdir() if path.is_dir()}


def test_a_full_disk_is_said(blobs: Blobs) -> None:
    """`/dev/full` gives the kernel's own error when the bytes are forced out."""
    incoming = blobs.begin()
    incoming._file.close()
    incoming._file = open("/dev/full", "wb")  # noqa: SIM115  closed by complete
    with pytest.raises(StorageFull, match="could not be stored: No space left on device"):
        incoming.write(b"x" * 1_000_000)
    incoming._file.raw.close()  # type: ignore[union-attr]
    incoming.path.unlink()
