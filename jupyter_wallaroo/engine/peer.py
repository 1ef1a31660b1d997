"""A replica's end of its connection to a sidekick: one question at a time, waited for.

A replica works on one request at a time anyway. It waits without a limit of its own: the server, which knows the
deadline, ends a replica that is overdue together with its sidekicks. A sidekick that is lost is the server's to tell;
until it has ended this process with the reason, there is nothing left to do here.
"""

from __future__ import annotations

import signal
import socket
from typing import NoReturn

import msgspec

from jupyter_wallaroo import errors
from jupyter_wallaroo.engine.frames import HEADER, MAX_FRAME_BYTES, Buffer, Kind

_decode_error = msgspec.msgpack.Decoder().decode


class Peer:
    """The process at the other end of a connected socket.

    Parameters
    ----------
    connected
        Owned by the peer from now on.
    """

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(True)
        self._socket = connected
        self._last_number = 0

    def call(self, kind: Kind, head: bytes, body: Buffer) -> tuple[bytes, bytearray]:
        """Send a request and return the head and body of its answer.

        Raises
        ------
        TooLarge
            The request is larger than a frame may be.
        WallarooError
            As the other process raised it.
        """
        if len(head) + len(body) > MAX_FRAME_BYTES:
            raise errors.TooLarge(
                f"The columns for the next model have {len(body)} bytes; at most {MAX_FRAME_BYTES} are passed on.",
                hint="Send fewer rows per request, or have the model before it give less.",
            )
        self._last_number += 1
        try:
            self._socket.sendall(HEADER.pack(self._last_number, kind, len(head), len(body)) + head)
            self._socket.sendall(body)
            _, answered, head_size, body_size = HEADER.unpack(self._receive(HEADER.size))
            answer = bytes(self._receive(head_size)), self._receive(body_size)
        except OSError:
            _wait_for_the_end()
        if answered == Kind.FAILURE:
            raise errors.from_wire(_decode_error(answer[0]))
        return answer

    def _receive(self, size: int) -> bytearray:
        received = bytearray(size)
        view = memoryview(received)
        while view:
            count = self._socket.recv_into(view)
            if not count:
                _wait_for_the_end()
            view = view[count:]
        return received


def _wait_for_the_end() -> NoReturn:
    while True:
        signal.pause()
