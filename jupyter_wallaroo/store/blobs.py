"""Files by their SHA-256.

A file is written under another name in the same file system, forced to disk, renamed, and its directory forced too,
before any row refers to it: a row never points at missing bytes. What a kill leaves behind is swept at the next start.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable
from pathlib import Path

from jupyter_wallaroo.errors import StorageFull


class Blobs:
    """The files below one directory; all methods may wait for the disk and belong in a thread.

    Parameters
    ----------
    directory
        Made when missing.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._incoming = directory / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, sha: str) -> Path:
        """Return where the file with this SHA-256 lies, or would lie."""
        return self._directory / sha[:2] / sha

    def begin(self) -> Incoming:
        """Open a new file to write to."""
        return Incoming(self._incoming / uuid.uuid4().hex, self)

    def keep(self, source: Path, sha: str) -> None:
        """Move a complete file that is on disk to its place."""
        target = self.path(sha)
        target.parent.mkdir(exist_ok=True, mode=0o700)
        os.rename(source, target)
        for directory in (target.parent, self._directory):
            fd = os.open(directory, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def scratch(self) -> Path:
        """Return a name for a file to be written by somebody else, and then taken with `adopt`."""
        return self._incoming / uuid.uuid4().hex

    def adopt(self, source: Path) -> str:
        """Take in a complete file from `scratch`, and return its SHA-256 in hex."""
        with open(source, "rb") as file:
            sha = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        self.keep(source, sha)
        return sha

    def sweep(self, known: Iterable[str]) -> int:
        """Remove half-written files and those that no row refers to; return how many."""
        keep = set(known)
        stale = list(self._incoming.iterdir())
        stale.extend(path for path in self._directory.glob("??/*") if path.name not in keep)
        files = [path for path in stale if path.is_file()]
        for path in files:
            path.unlink()
        return len(files)


class Incoming:
    """A file being written; it is gone after `discard`, and stays after `keep`."""

    def __init__(self, path: Path, blobs: Blobs) -> None:
        self.path = path
        self.size_bytes = 0
        self._blobs = blobs
        self._file = open(path, "xb")  # noqa: SIM115  closed by complete or discard
        self._hash = hashlib.sha256()

    def write(self, part: bytes) -> None:
        """Append ``part``, hashing as it goes."""
        self._hash.update(part)
        try:
            self._file.write(part)
        except OSError as error:
            raise StorageFull(f"The upload could not be stored: {error.strerror}.") from error
        self.size_bytes += len(part)

    def complete(self) -> str:
        """Force the file to disk and return its SHA-256 in hex."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StorageFull(f"The upload could not be stored: {error.strerror}.") from error
        finally:
            self._file.close()
        return self._hash.hexdigest()

    def keep(self, sha: str) -> None:
        """Move the file to its place among the blobs."""
        self._blobs.keep(self.path, sha)

    def discard(self) -> None:
        """Remove the file; nothing when it was kept."""
        self._file.close()
        self.path.unlink(missing_ok=True)
