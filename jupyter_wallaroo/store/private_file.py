"""Small files that only their owner may read, written whole or not at all."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from jupyter_wallaroo.errors import StorageFull


def write(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` with mode 0600; it is on disk when this returns, and never there in part.

    Raises
    ------
    StorageFull
        It could not be written; what was there before still is.
    """
    incoming = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        with open(os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(incoming, path)
    except OSError as error:
        incoming.unlink(missing_ok=True)
        raise StorageFull(f"The file {path.name!r} could not be written: {error.strerror}.") from error
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
