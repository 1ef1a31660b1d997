"""Zip archives from elsewhere, unpacked only when nothing in them reaches outside (SECURITY C1 to C3).

Python's own `zipfile` renames what it finds suspicious and believes what an archive says of its sizes; here such an
archive is refused as a whole, and bytes are counted as they come. It reads an archive's whole directory at once, too:
one that is larger than that of the entries that are taken is refused unread.
"""

from __future__ import annotations

import contextlib
import copy
import io
import lzma
import os
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jupyter_wallaroo.errors import InvalidUpload

MAX_DEPTH = 32
MAX_PART = 255
_SMALL_BYTES = 16 * 2**20
_DIRECTORY_ENTRY_BYTES = 1024
_PART_BYTES = 2**20
_ENCRYPTED = 0x1
_DAMAGED = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, zlib.error, lzma.LZMAError)
"""What Python raises over damaged bytes in an archive."""


@dataclass(frozen=True)
class Limits:
    """The most that an archive may hold: entries, unpacked bytes, and these as a multiple of its own size."""

    entries: int
    size_bytes: int
    ratio: int = 100

    def budget(self, archive_bytes: int) -> int:
        """Return how many bytes an archive of this size may unpack to."""
        return min(self.size_bytes, max(_SMALL_BYTES, archive_bytes * self.ratio))


MODEL = Limits(entries=10_000, size_bytes=64 * 2**30)
"""Of a model's archive."""


@dataclass(frozen=True)
class Entry:
    """One file of an archive, by the name it is unpacked under."""

    path: PurePosixPath
    info: zipfile.ZipInfo


class _Directory(io.FileIO):
    """A file that refuses to be read by more than an archive's directory should need at once."""

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(path, "rb")
        self._limit = limit

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes, all that are left for -1 (Python's `zipfile` calls this)."""
        if size is None or size < 0:
            size = os.fstat(self.fileno()).st_size - self.tell()
        if size > self._limit:
            raise zipfile.BadZipFile("its directory is too large")
        return super().read(size) or b""


def entries(archive: zipfile.ZipFile, label: str, limits: Limits = MODEL) -> list[Entry]:
    """Return the files of an archive, after looking at every name in it.

    Raises
    ------
    InvalidUpload
        Names what is wrong with which entry.
    """
    listed = archive.infolist()
    if len(listed) > limits.entries:
        raise InvalidUpload(f"{label} has {len(listed)} entries; at most {limits.entries} are unpacked.")
    found = []
    seen: set[str] = set()
    for info in listed:
        path = _checked(info, label)
        key = _key(path)
        if key in seen:
            raise InvalidUpload(f"{label} has the entry {str(path)[:MAX_PART]!r} twice.")
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
                raise InvalidUpload(f"{label} has the entry {str(parent)[:MAX_PART]!r} as a file and as a folder.")


def _check_overlap(found: list[Entry], label: str) -> None:
    """Refuse entries that share bytes, of which small archives unpack to huge ones."""
    end = 0
    for info in sorted((entry.info for entry in found), key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise InvalidUpload(f"{label} has entries that overlap.")
        end = info.header_offset + info.compress_size


@contextlib.contextmanager
def open_archive(path: Path, label: str, limits: Limits = MODEL) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive for as long as it is looked into.

    Raises
    ------
    InvalidUpload
        The file is none.
    """
    with _Directory(path, limits.entries * _DIRECTORY_ENTRY_BYTES) as file, _opened(file, label) as archive:
        yield archive


def _opened(file: _Directory, label: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise InvalidUpload(
            f"{label} is not a zip archive that can be read: {error}.", hint="Upload the .zip as it was made."
        ) from None


def read(archive: zipfile.ZipFile, entry: Entry, limit: int, label: str) -> bytes:
    """Return the bytes of one entry of an archive.

    Raises
    ------
    InvalidUpload
        It is damaged, or has more than ``limit`` bytes.
    """
    body = bytearray()
    for part in parts(archive, entry, label):
        body += part
        if len(body) > limit:
            raise InvalidUpload(f"{label}: the entry {str(entry.path)[:MAX_PART]!r} has more than {limit} bytes.")
    return bytes(body)


def parts(archive: zipfile.ZipFile, entry: Entry, label: str) -> Iterator[bytes]:
    """Yield the bytes of one entry of an archive, at most 1 MiB at a time.

    Raises
    ------
    InvalidUpload
        It is damaged, or has more or fewer bytes than the archive says.
    """
    said = entry.info.file_size
    info = copy.copy(entry.info)
    info.file_size = said + 1  # Python stops where the archive says; there must be nothing after it
    count = 0
    with _told(entry, label), archive.open(info) as source:
        while part := source.read(_PART_BYTES):
            count += len(part)
            yield part
        if count != said:
            raise InvalidUpload(
                f"{label}: the entry {str(entry.path)[:MAX_PART]!r} is damaged: it has not the {said} bytes that the "
                "archive says."
            )


def unpack(path: Path, directory: Path, label: str, limits: Limits = MODEL) -> None:
    """Unpack a zip archive into an empty directory.

    Raises
    ------
    InvalidUpload
        It is damaged, has entries that are not plain files below it, or unpacks to far more than it should.
    """
    with open_archive(path, label) as archive:
        write(archive, entries(archive, label, limits), directory, limits.budget(path.stat().st_size), label)


def write(archive: zipfile.ZipFile, found: Iterable[Entry], directory: Path, budget: int, label: str) -> None:
    """Write entries of an archive below an empty directory.

    Raises
    ------
    InvalidUpload
        One is damaged, or they have more than ``budget`` bytes together.
    """
    for entry in found:
        target = directory.joinpath(*entry.path.parts)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as file:
            for part in parts(archive, entry, label):
                budget -= len(part)
                check_budget(budget, label)
                file.write(part)


def check_budget(left: int, label: str) -> None:
    """Refuse an archive of whose `Limits.budget` less than nothing is left."""
    if left < 0:
        raise InvalidUpload(f"{label} unpacks to more than 100 times its size, or to more than is taken.")


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
        raise InvalidUpload(
            f"{label} has the entry {info.orig_filename[:MAX_PART]!r}, which is no plain path below it.",
            hint="Make the archive of a folder's contents, with names that neither leave it nor hide anything.",
        )
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InvalidUpload(f"{label} has the entry {name[:MAX_PART]!r}, which is neither a file nor a folder.")
    if info.flag_bits & _ENCRYPTED:
        raise InvalidUpload(
            f"{label} has the entry {name[:MAX_PART]!r} encrypted.", hint="Upload it without a password."
        )
    return path


@contextlib.contextmanager
def _told(entry: Entry, label: str) -> Iterator[None]:
    """Say of what is raised over damaged bytes which entry has them."""
    try:
        yield
    except InvalidUpload:
        raise
    except (*_DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's; bz2 raises one without a number
            raise
        raise InvalidUpload(f"{label}: the entry {str(entry.path)[:MAX_PART]!r} is damaged: {error}.") from None
