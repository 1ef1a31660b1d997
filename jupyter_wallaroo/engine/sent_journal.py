"""A journal that is kept by whoever is at the other end of the connection: it goes before the answers it is about.

A frame with a name begins a file, one without adds to it. An answer that follows may be passed on once they are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jupyter_wallaroo.engine.frames import Buffer, Kind

Send = Callable[[Kind, bytes, Buffer], None]


class SentJournal:
    """Sends what a journal writes.

    Parameters
    ----------
    send
        Sends a frame of a kind, with its head and body, before any answer that is given later.
    """

    def __init__(self, send: Send) -> None:
        self._send = send

    def begin(self, name: str, header: bytes) -> None:
        """Have a file begun."""
        self._send(Kind.JOURNAL, name.encode(), header)

    def append(self, parts: Sequence[bytes | memoryview], length: int) -> None:
        """Have the bytes added to it."""
        self._send(Kind.JOURNAL, b"", b"".join(parts))

    def close(self) -> None:
        """Do nothing: the end of the connection ends the file."""
