"""Requests taken out of the bytes of one connection: heads, and bodies of a known length or in chunks.

Bytes come into one buffer that all connections share, because each part is looked at before the next is read. A large
body that does not fit is read straight into the memory that it stays in.
"""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus
from typing import Protocol

from jupyter_wallaroo.engine.door.chunks import Chunks
from jupyter_wallaroo.engine.door.head import CHUNKED, HEAD_LIMIT_BYTES, Head, Heads, Misused
from jupyter_wallaroo.engine.frames import Buffer

LARGE_BYTES = 64 * 1024
"""From this size on a body that is not there yet has memory of its own."""

_LINE = b"\r\n"
_END = b"\r\n\r\n"


class Doing(Enum):
    """What becomes of a request, by its head."""

    TAKE = "take"
    DROP = "drop"
    """Let its body come in, and forget it."""
    HOLD = "hold"
    """Look at it again when told."""
    END = "end"
    """Nothing more is read."""


class Taker(Protocol):
    """Whoever is told of requests, in their order."""

    def head_received(self, head: Head) -> Doing:
        """Say what becomes of a request."""

    def body_received(self, body: Buffer) -> None:
        """Take the body of the request whose head was taken last."""

    def has_room(self) -> bool:
        """Tell whether more requests can be taken now."""


class Requests:
    """What has come in on one connection and is not complete.

    Parameters
    ----------
    heads
        Reads heads.
    taker
        Told of what is complete.
    body_limit
        What a chunked body may have, in bytes; of others the taker knows the length.
    """

    def __init__(self, heads: Heads, taker: Taker, body_limit: int) -> None:
        self._heads = heads
        self._taker = taker
        self._body_limit = body_limit
        self._rest = b""
        self._head: Head | None = None
        self._chunks: Chunks | None = None
        self._large: bytearray | None = None
        self._large_filled = 0
        self.has_memory = False
        """Whether the next bytes belong to a large body; else they may go anywhere."""
        self._dropping = 0
        self._is_over = False

    @property
    def is_within(self) -> bool:
        """Whether a request has begun and is not complete."""
        return bool(self._rest or self._head is not None or self._dropping)

    def memory(self) -> memoryview:
        """Return where the next bytes have to go, when it `has_memory`."""
        assert self._large is not None, "there is memory of its own"
        return memoryview(self._large)[self._large_filled :]

    def filled(self, count: int) -> None:
        """Take note of ``count`` bytes in `memory`."""
        assert self._large is not None, "there was memory of its own"
        self._large_filled += count
        if self._large_filled == len(self._large):
            body, self._large = self._large, None
            self.has_memory = False
            self._complete(body)

    def feed(self, data: bytes | bytearray, end: int) -> None:
        """Take what came, which is ``data`` up to ``end``; none of it is referred to afterwards.

        Raises
        ------
        Misused
            It is no HTTP; nothing more can be read.
        TooLarge
            A chunked body is over the limit; nothing more can be read.
        """
        if self._rest:
            data = self._rest + memoryview(data)[:end]
            end = len(data)
        start = 0
        while start < end and not self._is_over and self._taker.has_room():
            is_new = self._head is None and not self._dropping
            before, start = start, (self._take_head if is_new else self._take_rest)(data, start, end)
            if start == before:
                break
        self._rest = b"" if start == end or self._is_over else bytes(memoryview(data)[start:end])

    def forget(self) -> None:
        """Let go of what is not complete."""
        self._rest = b""
        self._head = self._chunks = self._large = None
        self.has_memory = False
        self._dropping = 0

    def go_on(self) -> None:
        """Look again at what is kept, now that there is room or that a held request may be decided."""
        data, self._rest = self._rest, b""
        self.feed(data, len(data))

    def _take_rest(self, data: bytes | bytearray, start: int, end: int) -> int:
        """Take what follows a head and return where it ends, which is ``start`` when it is not complete."""
        if self._dropping:
            dropped = min(self._dropping, end - start)
            self._dropping -= dropped
            return start + dropped
        if self._chunks is not None:
            stop = self._chunks.feed(data, start, end)
            if self._chunks.is_complete:
                body, self._chunks = self._chunks.body, None
                self._complete(body)
            return stop
        assert self._head is not None, "there was a head"
        return self._take_body(self._head.length, data, start, end)

    def _take_head(self, data: bytes | bytearray, start: int, end: int) -> int:
        if data.startswith(_LINE, start, end):
            return start + len(_LINE)
        stop = data.find(_END, start, end)
        if (end if stop < 0 else stop) - start > HEAD_LIMIT_BYTES:
            raise Misused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too large.")
        if stop < 0:
            return start
        stop += len(_END)
        head = self._heads.read(bytes(memoryview(data)[start:stop]))
        doing = self._taker.head_received(head)
        if doing is Doing.TAKE:
            self._head = head
            if head.length == CHUNKED:
                self._chunks = Chunks(self._body_limit)
            elif end - stop >= head.length or head.length >= LARGE_BYTES:
                return self._take_body(head.length, data, stop, end)
        elif doing is Doing.DROP:
            self._dropping = head.length
        elif doing is Doing.HOLD:
            return start
        else:
            self._is_over = True
        return stop

    def _take_body(self, length: int, data: bytes | bytearray, start: int, end: int) -> int:
        if end - start >= length:
            self._complete(bytes(memoryview(data)[start : start + length]))
            return start + length
        if length < LARGE_BYTES:
            return start
        self._large = bytearray(length)
        self.has_memory = True
        self._large_filled = end - start
        self._large[: self._large_filled] = memoryview(data)[start:end]
        return end

    def _complete(self, body: Buffer) -> None:
        if self._head is not None:
            self._is_over = not self._head.keeps
            self._head = None
        self._taker.body_received(body)
