"""Model files on a node, by their SHA-256: each comes over the network once, and is looked at before it is used.

What was not used for longest goes when others need the room. Seats share the directory without a lock: a file that was
asked for a moment ago stays, because a seat may be about to have it loaded; once it is loaded nobody needs it there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from jupyter_wallaroo.errors import EngineFailure, InvalidModel

IN_USE_S = 3600.0
"""For how long after a seat asked for a file it is not removed: longer than models take to come and to be loaded."""


class ModelCache:
    """The files in one directory, which only this user may read.

    Parameters
    ----------
    directory
        Where they lie; made when missing.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = directory.lstat()
        if facts.st_uid != os.getuid() or facts.st_mode & 0o077:
            raise PermissionError(f"{directory} is not private to this user")
        self.directory = directory
        self._coming: dict[str, tuple[Path, BinaryIO]] = {}

    @classmethod
    def of_this_node(cls) -> ModelCache:
        """Return that which all seats of this user on this node share."""
        return cls(Path(tempfile.gettempdir()) / f"wallaroo-models-{os.getuid()}")

    def missing(self, sizes: Mapping[str, int]) -> list[str]:
        """Return which of the files, given by SHA-256 and size, are not here or not what they should be."""
        return [sha for sha, size in sizes.items() if not self._is_whole(sha, size)]

    def make_room(self, sizes: Mapping[str, int], limit_bytes: int) -> None:
        """Remove what was not used for longest until ``sizes``, as for `missing`, fit in ``limit_bytes``; 0: no limit.

        Parts that a seat left which was killed go as well.
        """
        unused = time.time() - IN_USE_S
        others = sorted(self._others(sizes), key=lambda found: found[0])
        total = sum(sizes.values()) + sum(size for _, size, _ in others)
        for used, size, path in others:
            is_left = path.name.startswith(".")
            if used < unused and (is_left or (limit_bytes and total > limit_bytes)):
                path.unlink(missing_ok=True)
                total -= size

    def _others(self, sizes: Mapping[str, int]) -> Iterator[tuple[float, int, Path]]:
        """Yield when each other file was last used, its size, and where it is."""
        for entry in os.scandir(self.directory):
            if entry.name not in sizes:
                with contextlib.suppress(FileNotFoundError):  # another seat may have removed it
                    facts = entry.stat(follow_symlinks=False)
                    yield facts.st_mtime, facts.st_size, Path(entry.path)

    def _is_whole(self, sha: str, size: int) -> bool:
        path = self.directory / sha
        try:
            if path.stat().st_size != size:
                return False
            with open(path, "rb") as file:
                os.utime(file.fileno())  # it is used, which is what it is kept for
                return hashlib.file_digest(file, "sha256").hexdigest() == sha
        except OSError:
            return False

    def add(self, sha: str, part: bytes | bytearray | memoryview, *, is_last: bool) -> None:
        """Take the next part of a file; the last one makes it be there, when it is what it should be.

        Raises
        ------
        EngineFailure
            The node's disk cannot take it.
        InvalidModel
            What came is another file.
        """
        try:
            if sha not in self._coming:
                hidden = self.directory / f".{uuid.uuid4().hex}"
                self._coming[sha] = hidden, open(hidden, "xb")  # noqa: SIM115  closed with the last part
            hidden, file = self._coming[sha]
            file.write(part)
            if not is_last:
                return
            file.close()
            del self._coming[sha]
            with open(hidden, "rb") as written:
                is_right = hashlib.file_digest(written, "sha256").hexdigest() == sha
            if is_right:
                hidden.rename(self.directory / sha)
                return
            hidden.unlink()
        except OSError as error:
            raise EngineFailure(
                f"A model file could not be kept on its node, in {self.directory}: {error.strerror}."
            ) from None
        raise InvalidModel(f"A model file of SHA-256 {sha} came to its node as another one.")

    def close(self) -> None:
        """Remove files of which parts are missing."""
        for hidden, file in self._coming.values():
            file.close()
            hidden.unlink(missing_ok=True)
        self._coming.clear()
