"""A connection that was taken out of Tornado's hands: inferences are cut out of its bytes, one after the other."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, cast

from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.errors import WallarooError
from jupyter_wallaroo.server.body_room import SHARED_FROM_BYTES
from jupyter_wallaroo.server.fast_path.verdicts import HEAD_END
from jupyter_wallaroo.types.plan import Answered

if TYPE_CHECKING:
    from jupyter_wallaroo.server.body_room import Reservation
    from jupyter_wallaroo.server.fast_path.router import FastPath
    from jupyter_wallaroo.server.fast_path.verdicts import Verdict
    from jupyter_wallaroo.supervisor.deployment import Deployment

MAX_PENDING_BYTES = 256 * 1024
"""What is read ahead of requests that wait for the one before them."""


class FastConnection(asyncio.BufferedProtocol):
    """One client's connection, until it ends or sends what is not for us.

    Parameters
    ----------
    path
        Whose connection it is.
    peer
        The address of the client.
    idle_limit_s
        How long the client may take to send the next request.
    """

    def __init__(self, path: FastPath, peer: str, idle_limit_s: float) -> None:
        self._path = path
        self._peer = peer
        self._idle_limit_s = idle_limit_s
        self._transport: asyncio.Transport | None = None
        self._pending = b""
        self._verdict: Verdict | None = None
        self._size = 0
        self._filled = 0
        self._room: Reservation | None = None
        self._deployment: Deployment | None = None
        self._is_relayed = False
        self._is_stuffed = False
        self._begun = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (asyncio calls this)."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)
        self._path.connections.add(self)
        self._take_body()

    def connection_lost(self, _: Exception | None) -> None:
        """Give back what the client's request took, unless an engine is still at it (asyncio calls this)."""
        self._transport = None
        self._path.connections.discard(self)
        self._path.receiving.end(self)
        self._pending = b""
        if not self._is_relayed:
            self._release()

    def close(self) -> None:
        """End the connection after what was written has gone."""
        if self._transport is not None:
            self._transport.close()

    def cut_off(self) -> None:
        """End a connection whose client takes too long."""
        if self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        """Begin no other request before the client has taken its answer (asyncio calls this)."""
        self._is_stuffed = True

    def resume_writing(self) -> None:
        """Go on with what has come meanwhile (asyncio calls this)."""
        self._is_stuffed = False
        self._go_on()

    def get_buffer(self, _: int) -> memoryview:
        """Return the memory that the next bytes go to: a large body's own (asyncio calls this)."""
        if self._room is not None and self._room.region is not None and not self._is_relayed:
            return self._room.region.view[self._filled :]
        return self._path.scratch

    def buffer_updated(self, nbytes: int) -> None:
        """Take note of received bytes (asyncio calls this)."""
        if self._room is not None and self._room.region is not None and not self._is_relayed:
            self._filled += nbytes
            if self._filled == self._size:
                self._relay(b"")
            return
        data = bytes(self._path.scratch[:nbytes])
        self._pending = self._pending + data if self._pending else data
        if self._is_relayed or self._is_stuffed:
            if len(self._pending) > MAX_PENDING_BYTES and self._transport is not None:
                self._transport.pause_reading()
            return
        self._cut()

    def expect(self, verdict: Verdict, size: int, room: Reservation, rest: bytes) -> None:
        """Begin, once connected, with a request whose head Tornado has read.

        Parameters
        ----------
        verdict, size, room
            What was decided for it, and the length of its body and where that goes.
        rest
            What was read after its head.
        """
        self._take_head(verdict, size, room)
        self._pending = rest

    def _cut(self) -> None:
        """Begin the request that the pending bytes begin with, or give them to Tornado."""
        if self._verdict is not None:
            self._take_body()
            return
        data = self._pending
        end = data.find(HEAD_END) + len(HEAD_END)
        found = self._path.verdicts.find_bytes(data[:end], self._peer) if end >= len(HEAD_END) else None
        room = self._path.reserve(found[1]) if found is not None else None
        if found is None or room is None:
            self._give_back()
            return
        self._take_head(*found, room)
        self._pending = data[end:]
        self._take_body()

    def _take_head(self, verdict: Verdict, size: int, room: Reservation) -> None:
        self._begun = time.perf_counter()
        self._verdict = verdict
        self._size = size
        self._room = room
        self._filled = 0

    def _take_body(self) -> None:
        """Relay the request once its body is complete."""
        assert self._room is not None, "it was reserved with the head"
        region, data, size = self._room.region, self._pending, self._size
        if region is not None:
            region.write(data[:size])
            self._filled = min(len(data), size)
            self._pending = data[size:]
            if self._filled == size:
                self._relay(b"")
                return
        elif len(data) >= size:
            self._pending = data[size:]
            self._relay(data if len(data) == size else data[:size])
            return
        self._path.receiving.begin(self)

    def _relay(self, body: bytes) -> None:
        assert self._verdict is not None
        assert self._room is not None
        self._path.receiving.end(self)
        self._is_relayed = True
        self._deployment = None
        try:
            self._deployment = self._path.deployment(self._verdict)
            received = self._room.region or body
            self._path.inference.submit(self._deployment, received, self._verdict.form, self)
        except WallarooError as error:
            self.failed(error)

    def answered(self, said: Answered, body: Buffer) -> None:
        """Write the answer (the inference service calls this)."""
        assert self._verdict is not None
        assert self._deployment is not None
        self._release()
        if self._transport is not None:
            head = self._verdict.answer % {
                b"media": said.media.encode(),
                b"date": self._path.date(),
                b"length": len(body),
            }
            self._write(head, body)
        self._path.observe(self._deployment, time.perf_counter() - self._begun, said)
        self._end()

    def _write(self, head: bytes, body: Buffer) -> None:
        assert self._transport is not None
        if len(body) < SHARED_FROM_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    def failed(self, error: Exception) -> None:
        """Have it written why there is no answer (the inference service calls this)."""
        self._release()
        asyncio.get_running_loop().call_soon(self._refuse, error)  # the service must not meet what goes wrong there

    def _refuse(self, error: Exception) -> None:
        assert self._verdict is not None
        try:
            answer = self._path.refusal(self._verdict, error, deployment=self._deployment, begun=self._begun)
        except BaseException:
            self.cut_off()
            raise
        if self._transport is not None:
            self._transport.write(answer)
        self._end()

    def _release(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            room.release()

    def _end(self) -> None:
        self._is_relayed = False
        self._verdict = None
        if self._transport is None:
            return
        self._path.receiving.begin(self, limit_s=self._idle_limit_s)
        if self._pending:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._transport is None or self._is_relayed or self._is_stuffed:
            return
        self._transport.resume_reading()
        if self._pending:
            self._cut()

    def _give_back(self) -> None:
        """Let Tornado have the connection, with everything that has not been answered."""
        transport, self._transport = self._transport, None
        assert transport is not None
        self._path.give_back(transport, self._pending)
