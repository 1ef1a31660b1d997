"""Zip archives from elsewhere: what reaches outside, hides something or unpacks to too much is refused as a whole."""

from __future__ import annotations

import io
import shutil
import stat
import struct
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.engine import unpacking
from jupyter_wallaroo.errors import InvalidUpload

LABEL = "'model.zip'"


def _zip(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as archive:
        warnings.simplefilter("ignore", UserWarning)  # of duplicate names, which is what a test may be about
        for name, body in entries:
            archive.writestr(name, body)
    return path


def _mode(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def _refused(path: Path, tmp_path: Path) -> str:
    """Unpack, which must be refused without anything outside; return the reason."""
    target = tmp_path / "inside" / "target"
    target.mkdir(parents=True)
    with pytest.raises(InvalidUpload) as caught:
        unpacking.unpack(path, target, LABEL)
    assert LABEL in caught.value.message
    assert str(tmp_path) not in caught.value.message
    assert {item for item in tmp_path.rglob("*") if not item.is_relative_to(target)} == {path, target.parent}
    return caught.value.message


def test_what_is_well_is_unpacked(tmp_path: Path) -> None:
    """Folders within folders, empty files, names of any script; nothing may be run or read by others."""
    path = _zip(
        tmp_path / "a.zip",
        ("a/", b""),
        ("a/b/été ✓.txt", b"1"),
        ("a/.hidden", b""),
        (_mode("run.sh", stat.S_IFREG | 0o4777), b"2"),
        compression=zipfile.ZIP_DEFLATED,
    )
    target = tmp_path / "target"
    target.mkdir()
    unpacking.unpack(path, target, LABEL)
    files = {str(item.relative_to(target)): item for item in target.rglob("*") if item.is_file()}
    assert {name: item.read_bytes() for name, item in files.items()} == {
        "a/b/été ✓.txt": b"1",
        "a/.hidden": b"",
        "run.sh": b"2",
    }
    assert {stat.S_IMODE(item.stat().st_mode) for item in files.values()} == {0o600}


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "a/../../x",
        "..",
        "/etc/x",
        "//x",
        "a//b",
        "./x",
        "a/./b",
        "a\\..\\x",
        "C:x",
        "c:/x",
        "a\nb",
        "a\x1b[31m",
        "a\u202eb",
        "x" * 256,
        "/".join(["d"] * 33),
        "é" * 128,
    ],
)
def test_names_that_reach_outside_or_hide_something(tmp_path: Path, name: str) -> None:
    """Refused, not renamed as zipfile does."""
    path = _zip(tmp_path / "a.zip", ("well.txt", b"1"), (name, b"2"))
    assert "no plain path below it" in _refused(path, tmp_path)
    assert not list((tmp_path / "inside").rglob("*.txt")), "something was unpacked before all names were looked at"


def test_a_nul_in_a_name(tmp_path: Path) -> None:
    """zipfile cuts the name there, which makes another one of it."""
    path = _zip(tmp_path / "a.zip", ("evil.pyXtxt", b"1"))
    path.write_bytes(path.read_bytes().replace(b"evil.pyXtxt", b"evil.py\0txt"))
    assert "no plain path" in _refused(path, tmp_path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_what_is_no_file(tmp_path: Path, kind: int) -> None:
    """Links, pipes, devices and sockets."""
    path = _zip(tmp_path / "a.zip", (_mode("link", kind | 0o777), b"/etc/passwd"))
    assert "neither a file nor a folder" in _refused(path, tmp_path)


@pytest.mark.parametrize(("first", "second"), [("a", "a"), ("Model.py", "model.PY"), ("é", "e\u0301"), ("ß", "SS")])
def test_names_that_are_one(tmp_path: Path, first: str, second: str) -> None:
    """Also where a file system takes them for one."""
    assert "twice" in _refused(_zip(tmp_path / "a.zip", (first, b"1"), (second, b"2")), tmp_path)


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b/c", "a/b"), ("A", "a/b")])
def test_a_file_that_is_a_folder(tmp_path: Path, names: tuple[str, str]) -> None:
    """In either order."""
    assert "as a file and as a folder" in _refused(_zip(tmp_path / "a.zip", *((n, b"1") for n in names)), tmp_path)


def test_a_bomb(tmp_path: Path) -> None:
    """Bytes are counted as they come, whatever the archive says of its sizes."""
    path = _zip(tmp_path / "a.zip", ("zeros", bytes(40 * 2**20)), compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 50_000
    assert "unpacks to more than 100 times its size" in _refused(path, tmp_path)


def test_a_bomb_of_many_files(tmp_path: Path) -> None:
    """The limit is of all together."""
    entries = [(f"zeros-{number}", bytes(2**20)) for number in range(40)]
    path = _zip(tmp_path / "a.zip", *entries, compression=zipfile.ZIP_BZIP2)
    assert "unpacks to more than" in _refused(path, tmp_path)


def test_a_bomb_in_a_small_entry_that_is_read(tmp_path: Path) -> None:
    """`read` stops at its limit."""
    path = _zip(tmp_path / "a.zip", ("zeros", bytes(40 * 2**20)), compression=zipfile.ZIP_DEFLATED)
    with unpacking.open_archive(path, LABEL) as archive:
        (entry,) = unpacking.entries(archive, LABEL)
        with pytest.raises(InvalidUpload, match="more than 1024 bytes"):
            unpacking.read(archive, entry, 1024, LABEL)


def test_entries_that_share_bytes(tmp_path: Path) -> None:
    """The central directory may say twice where the same bytes lie (the quoted-overlap bomb)."""
    path = _zip(tmp_path / "a.zip", ("a", b"x" * 100), ("b", b"x" * 100))
    body = bytearray(path.read_bytes())
    second = body.rindex(b"PK\x01\x02")
    struct.pack_into("<I", body, second + 42, 0)  # where its local header is
    path.write_bytes(body)
    assert "overlap" in _refused(path, tmp_path)


def test_too_many_entries(tmp_path: Path) -> None:
    """Refused before each is looked at."""
    path = _zip(tmp_path / "a.zip", *((str(number), b"") for number in range(unpacking.MODEL.entries + 1)))
    assert "at most 10000 are unpacked" in _refused(path, tmp_path)


def test_an_encrypted_entry(tmp_path: Path) -> None:
    """Said so, not taken for damaged."""
    path = _zip(tmp_path / "a.zip", ("a", b"secret"))
    body = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        body[body.index(mark) + place] |= 1
    path.write_bytes(body)
    assert "encrypted" in _refused(path, tmp_path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_bytes(tmp_path: Path, compression: int) -> None:
    """Of any compression: the entry is named."""
    path = _zip(tmp_path / "a.zip", ("weights", bytes(range(256)) * 40), compression=compression)
    body = bytearray(path.read_bytes())
    for place in range(60, 100):
        body[place] ^= 0xFF
    path.write_bytes(body)
    assert "'weights' is damaged" in _refused(path, tmp_path)


@pytest.mark.parametrize("body", [b"", b"PK\x03\x04", b"no zip at all", b"PK\x05\x06" + bytes(18), b"PK\x05\x06" * 9])
def test_what_is_no_archive(tmp_path: Path, body: bytes) -> None:
    """An empty archive is one, of nothing."""
    path = tmp_path / "a.zip"
    path.write_bytes(body)
    if body == b"PK\x05\x06" + bytes(18):
        with unpacking.open_archive(path, LABEL) as archive:
            assert unpacking.entries(archive, LABEL) == []
        return
    with pytest.raises(InvalidUpload, match="not a zip archive"), unpacking.open_archive(path, LABEL):
        pass


_NAMES = st.text(st.sampled_from("ab./\\:éß ~\n\u202e"), min_size=1, max_size=12)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_NAMES, min_size=1, max_size=4))
def test_any_names_stay_inside_or_are_refused(tmp_path: Path, names: list[str]) -> None:
    """Whatever the names, nothing is written elsewhere."""
    room = tmp_path / "room"
    path, target = room / "a.zip", room / "deep" / "target"
    target.mkdir(parents=True)
    _zip(path, *((name, b"1") for name in names))
    try:
        unpacking.unpack(path, target, LABEL)
    except InvalidUpload:
        pass
    else:
        assert len([item for item in target.rglob("*") if item.is_file()]) == sum(not n.endswith("/") for n in names)
    assert sorted(item.name for item in room.iterdir()) == ["a.zip", "deep"]
    assert [item.name for item in (room / "deep").iterdir()] == ["target"]
    shutil.rmtree(room)


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=6))
def test_mutated_archives_are_read_or_refused(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    """No byte makes it raise anything but `InvalidUpload`."""
    path, target = tmp_path / "a.zip", tmp_path / "target"
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/first.txt", b"first" * 20)
        archive.writestr("sécond.bin", bytes(range(200)))
    body = bytearray(sink.getvalue())
    for place, value in changes:
        body[place % len(body)] = value
    path.write_bytes(body)
    target.mkdir()
    try:
        unpacking.unpack(path, target, LABEL)
    except InvalidUpload as error:
        said = error.message
        assert said.startswith(LABEL)
    finally:
        shutil.rmtree(target)
