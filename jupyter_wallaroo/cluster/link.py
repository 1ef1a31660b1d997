"""One connection of frames, of which both ends may ask and answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

import msgspec

from jupyter_wallaroo import errors
from jupyter_wallaroo.engine.frames import Buffer, FrameConnection, Kind

OnFrame = Callable[[int, int, bytes, Buffer], None]
"""Takes the number, kind, head and body of a frame that is no answer to a call of ours."""

_decode_error = msgspec.msgpack.Decoder().decode


class Link:
    """Frames over a connected socket.

    Parameters
    ----------
    on_frame
        Told of every frame that no call of ours waits for.
    """

    def __init__(self, on_frame: OnFrame) -> None:
        self.connection = FrameConnection(self)
        self.ended = asyncio.Event()
        self._on_frame = on_frame
        self._calls: dict[int, asyncio.Future[tuple[bytes, Buffer]]] = {}
        self._last_number = 0

    async def open(self, connected: socket.socket) -> None:
        """Begin to receive."""
        connected.setblocking(False)
        await asyncio.get_running_loop().create_connection(lambda: self.connection, sock=connected)

    async def call(self, kind: int, head: bytes, body: Buffer = b"") -> tuple[bytes, Buffer]:
        """Return the head and body of the answer to a frame.

        Raises
        ------
        ConnectionError
            The connection ended first.
        WallarooError
            As the other end raised it.
        """
        if self.ended.is_set():
            raise ConnectionResetError("the connection had ended")
        self._last_number += 1
        future: asyncio.Future[tuple[bytes, Buffer]] = asyncio.get_running_loop().create_future()
        self._calls[self._last_number] = future
        self.connection.send(self._last_number, kind, head, body)
        return await future

    def frame_received(self, number: int, kind: int, head: bytes, body: Buffer) -> None:
        """Match an answer with its call, pass on all else (the connection calls this)."""
        call = self._calls.pop(number, None) if kind in (Kind.ANSWER, Kind.FAILURE) else None
        if call is None:
            self._on_frame(number, kind, head, body)
        elif call.done():
            return
        elif kind == Kind.ANSWER:
            call.set_result((head, body))
        else:
            call.set_exception(errors.from_wire(_decode_error(head)))

    def connection_ended(self) -> None:
        """Fail what waits (the connection calls this)."""
        self.ended.set()
        calls, self._calls = self._calls, {}
        for call in calls.values():
            with contextlib.suppress(asyncio.InvalidStateError):
                call.set_exception(ConnectionResetError("the connection ended"))
