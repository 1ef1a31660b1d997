"""Chunked bodies, put together (RFC 9112, section 7.1). Anything that is not exactly as written there is refused."""

from __future__ import annotations

import re
from http import HTTPStatus

from jupyter_wallaroo.engine.door.head import Misused
from jupyter_wallaroo.errors import TooLarge

LINE_LIMIT_BYTES = 256
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?")


class Chunks:
    """One chunked body as it comes in.

    Parameters
    ----------
    limit_bytes
        What it may have.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.body = bytearray()
        self.is_complete = False
        self._limit_bytes = limit_bytes
        self._left = 0
        self._is_within = False
        self._is_last = False

    def feed(self, data: bytes | bytearray, start: int, end: int) -> int:
        """Take what is in ``data`` from ``start`` to ``end`` and return where what was not used begins.

        Raises
        ------
        Misused
            These are no chunks.
        TooLarge
            The body is over its limit.
        """
        while not self.is_complete:
            if self._left:
                stop = min(end, start + self._left)
                self.body += memoryview(data)[start:stop]
                self._left -= stop - start
                start = stop
                if self._left:
                    return start
            line_end = data.find(b"\r\n", start, end)
            if line_end < 0:
                if end - start > LINE_LIMIT_BYTES:
                    raise Misused(HTTPStatus.BAD_REQUEST, "A line between chunks has no end.")
                return start
            self._take_line(bytes(memoryview(data)[start:line_end]))
            start = line_end + 2
        return start

    def _take_line(self, line: bytes) -> None:
        if self._is_within:  # the empty line after a chunk's bytes, or after the last chunk
            if line:
                raise Misused(HTTPStatus.BAD_REQUEST, "A chunk is longer than it says, or something follows the last.")
            self._is_within = False
            self.is_complete = self._is_last
            return
        found = _SIZE.fullmatch(line)
        if found is None or len(line) > LINE_LIMIT_BYTES:
            raise Misused(HTTPStatus.BAD_REQUEST, "A chunk does not begin with its size.")
        self._left = int(found[1], 16)
        self._is_last = not self._left
        self._is_within = True
        if len(self.body) + self._left > self._limit_bytes:
            raise TooLarge(f"The request body is larger than {self._limit_bytes} bytes, the most that is taken here.")
