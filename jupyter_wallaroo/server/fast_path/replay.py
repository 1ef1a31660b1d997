"""A connection given back to Tornado, with the bytes that were read from it already."""

from __future__ import annotations

import socket

from tornado.iostream import IOStream


class ReplayStream(IOStream):
    """A stream whose first bytes are those that somebody else read.

    Parameters
    ----------
    connected
        Owned by the stream from now on.
    read
        What was read from it.
    """

    def __init__(self, connected: socket.socket, read: bytes) -> None:
        self._replayed = memoryview(read)
        super().__init__(connected)

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """Read what comes next (Tornado calls this)."""
        if not self._replayed:
            return super().read_from_fd(buf)
        count = min(len(buf), len(self._replayed))
        buf[:count] = self._replayed[:count]
        self._replayed = self._replayed[count:]
        return count
