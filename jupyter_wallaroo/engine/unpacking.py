"""Zip archives from elsewhere, unpacked only when nothing in them reaches outside (SECURITY C1 to C3).

Python's own `zipfile` renames what it finds suspicious and believes what an archive says of its sizes; here such an
archive is refused as a whole, and bytes are counted as they are written.
"""

from __future__ import annotations

import contextlib
import lzma
import os
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jupyter_wallaroo.errors import InvalidModel

MAX_ENTRIES = 10_000
MAX_DEPTH = 32
MAX_PART = 255
MAX_RATIO = 100
MAX_BYTES = 64 * 2**30
_SMALL_BYTES = 16 * 2**20
_PART_BYTES = 2**20
_ENCRYPTED = 0x1
_DAMAGED = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, zlib.error, lzma.LZMAError)
"""What Python raises over damaged bytes in an archive."""


@dataclass(frozen=True)
class Entry:
    """One file of an archive, by the name it is unpacked under."""

    path: PurePosixPath
    info: zipfile.ZipInfo


def entries(archive: zipfile.ZipFile, label: str) -> list[Entry]:
    """Return the files of an archive, after looking at every name in it.

    Raises
    ------
    InvalidModel
        Names what is wrong with which entry.
    """
    listed = archive.infolist()
    if len(listed) > MAX_ENTRIES:
        raise InvalidModel(f"{label} has {len(listed)} entries; at most {MAX_ENTRIES} are unpacked.")
    found = []
    seen: set[str] = set()
    for info in listed:
        path = _checked(info, label)
        key = _key(path)
        if key in seen:
            raise InvalidModel(f"{label} has the entry {str(path)[:MAX_PART]!r} twice.")
        seen.add(key)
        if not info.is_dir():
            found.append(Entry(path, info))
    _check_nesting(found, label)
    _check_overlap(found, label)
    return found


def _key(path: PurePosixPath) -> str:
    """Return what two names have in common that some file system takes for one."""
    return unicodedata.normalize("NFC", str(path)).casefold()


def _check_nesting(found: list[Entry], label: str) -> None:
    files = {_key(entry.path) for entry in found}
    for entry in found:
        for parent in entry.path.parents:
            if _key(parent) in files:
                raise InvalidModel(f"{label} has the entry {str(parent)[:MAX_PART]!r} as a file and as a folder.")


def _check_overlap(found: list[Entry], label: str) -> None:
    """Refuse entries that share bytes, of which small archives unpack to huge ones."""
    end = 0
    for info in sorted((entry.info for entry in found), key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise InvalidModel(f"{label} has entries that overlap.")
        end = info.header_offset + info.compress_size


def open_archive(path: Path, label: str) -> zipfile.ZipFile:
    """Return an opened zip archive, for the caller to close.

    Raises
    ------
    InvalidModel
        The file is none.
    """
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise InvalidModel(
            f"{label} is not a zip archive that can be read: {error}.", hint="Upload the .zip as it was made."
        ) from None


def read(archive: zipfile.ZipFile, entry: Entry, limit: int, label: str) -> bytes:
    """Return the bytes of one entry of an archive.

    Raises
    ------
    InvalidModel
        It is damaged, or has more than ``limit`` bytes.
    """
    with _told(entry, label), archive.open(entry.info) as source:
        body = source.read(limit + 1)
    if len(body) > limit:
        raise InvalidModel(f"{label}: the entry {str(entry.path)[:MAX_PART]!r} has more than {limit} bytes.")
    return body


def unpack(path: Path, directory: Path, label: str) -> None:
    """Unpack a zip archive into an empty directory.

    Raises
    ------
    InvalidModel
        It is damaged, has entries that are not plain files below it, or unpacks to far more than it should.
    """
    with open_archive(path, label) as archive:
        found = entries(archive, label)
        left = min(MAX_BYTES, max(_SMALL_BYTES, path.stat().st_size * MAX_RATIO))
        for entry in found:
            target = directory.joinpath(*entry.path.parts)
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            left -= _write(archive, entry, target, left, label)


def _checked(info: zipfile.ZipInfo, label: str) -> PurePosixPath:
    name = info.filename
    path = PurePosixPath(name)
    parts = name.rstrip("/").split("/")
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    bad = (
        path.is_absolute()
        or "\\" in info.orig_filename
        or "\0" in info.orig_filename
        or ":" in parts[0]
        or any(part in ("", ".", "..") or len(part.encode()) > MAX_PART for part in parts)
        or not name.isprintable()
    )
    if bad or len(parts) > MAX_DEPTH:
        raise InvalidModel(
            f"{label} has the entry {info.orig_filename[:MAX_PART]!r}, which is no plain path below it.",
            hint="Make the archive of a folder's contents, with names that neither leave it nor hide anything.",
        )
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InvalidModel(f"{label} has the entry {name[:MAX_PART]!r}, which is neither a file nor a folder.")
    if info.flag_bits & _ENCRYPTED:
        raise InvalidModel(
            f"{label} has the entry {name[:MAX_PART]!r} encrypted.", hint="Upload it without a password."
        )
    return path


def _write(archive: zipfile.ZipFile, entry: Entry, target: Path, left: int, label: str) -> int:
    written = 0
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file, _told(entry, label), archive.open(entry.info) as source:
        while part := source.read(_PART_BYTES):
            written += len(part)
            if written > left:
                raise InvalidModel(
                    f"{label} unpacks to more than {MAX_RATIO} times its size, or more than {MAX_BYTES} bytes."
                )
            file.write(part)
    return written


@contextlib.contextmanager
def _told(entry: Entry, label: str) -> Iterator[None]:
    """Say of what is raised over damaged bytes which entry has them."""
    try:
        yield
    except InvalidModel:
        raise
    except (*_DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's; bz2 raises one without a number
            raise
        raise InvalidModel(f"{label}: the entry {str(entry.path)[:MAX_PART]!r} is damaged: {error}.") from None
