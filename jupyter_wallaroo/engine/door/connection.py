"""One client of the door: answered in the order of its requests, those answers that are ready together in one write.

Many requests may be under way at once, up to a number; a client that sends more, or does not take its answers, is not
read from until it does.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from jupyter_wallaroo.engine.door.answers import GO_ON
from jupyter_wallaroo.engine.door.head import CHUNKED, Head, Misused
from jupyter_wallaroo.engine.door.requests import Doing, Requests
from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.errors import TooLarge
from jupyter_wallaroo.types.plan import Answered

if TYPE_CHECKING:
    from jupyter_wallaroo.engine.door.door import Door

PIPELINED = 64
"""Answers that a connection may be owed before no more is read from it."""
RECEIVE_LIMIT_S = 60.0
"""How long a request may take to come in, as `server.receiving` has it, and an answer to be taken."""
IDLE_LIMIT_S = 3600.0
"""As Tornado has it."""
LINGER_S = 2.0
"""How long what still comes is dropped after the last answer, which a connection that is cut off would lose."""
DROPPED_BODY_BYTES = 16 * 2**20
"""A refused body up to this size is let come in, and dropped; a larger one is cut off."""

_JOIN_BELOW = 64 * 1024
_KEEP = b"\r\n"
_KEEP_OLD = b"Connection: keep-alive\r\n\r\n"
_CLOSE = b"Connection: close\r\n\r\n"


class HttpReply:
    """The answer to one request, made in the order of the requests.

    Parameters
    ----------
    connection
        Whose request it is.
    head
        Of the request; None where it could not be read.
    started_ns
        When it came, of the monotonic clock, for those that are counted.
    """

    __slots__ = ("_connection", "_started_ns", "body", "head", "held", "is_old", "is_owed", "keeps")

    def __init__(self, connection: Connection, head: Head | None, started_ns: int = 0) -> None:
        self._connection = connection
        self._started_ns = started_ns
        self.keeps = head is not None and head.keeps
        self.is_old = head is not None and head.is_old
        self.is_owed = False
        """Whether the engine has it."""
        self.held = 0
        """What its body takes of the budget, in bytes."""
        self.head = b""
        """Of the answer, but for what is said of the connection; b"" while there is none."""
        self.body: Buffer = b""

    def answer(self, said: Answered, body: Buffer) -> None:
        """Send an inference's answer."""
        self.head = self._connection.door.answers.ok(said.media, len(body))
        self.body = body
        self._end(200, said.rows, said.anomalies)

    def refuse(self, error: Exception) -> None:
        """Send why there is no answer."""
        status, self.head, self.body = self._connection.door.answers.refused(error)
        self._end(status, 0, 0)

    def _end(self, status: int, rows: int, anomalies: int) -> None:
        door = self._connection.door
        if self._started_ns:
            door.ended(self, status, self._started_ns, rows, anomalies)
        self._connection.flush()


class Connection(asyncio.BufferedProtocol):
    """One connection.

    Parameters
    ----------
    door
        What it came by.
    """

    def __init__(self, door: Door) -> None:
        self.door = door
        self._requests = Requests(door.heads, self, door.plan.body_limit)
        self._transport: asyncio.Transport | None = None
        self._since = door.now  # when it last began to wait for something
        self._incoming: HttpReply | None = None
        self._incoming_head: Head | None = None
        self._replies: deque[HttpReply] = deque()
        self._ready: list[HttpReply] = []
        self._is_feeding = False
        self._is_held = False
        self._is_choked = False
        self._is_unread = False
        self._is_ending = False
        self._has_no_more = False

    # ---------------------------------------------------------------- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self.door.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was coming in; what is worked on has nobody to go to any more."""
        self._transport = None
        self._forget_incoming()
        self._replies.clear()
        self._ready.clear()
        self.door.left(self)

    def eof_received(self) -> bool:
        """Answer what has come, though no more will."""
        self._has_no_more = True
        if not self._is_held:
            self._forget_incoming()
        return bool(self._replies or self._is_held) and not self._is_ending

    def _forget_incoming(self) -> None:
        """Let go of a request that will not be complete."""
        self._requests.forget()
        if self._incoming is not None:
            self.door.release(self._incoming)
            with contextlib.suppress(ValueError):  # after the last answer there are none
                self._replies.remove(self._incoming)
            self._incoming = self._incoming_head = None

    def pause_writing(self) -> None:
        """Read no more from a client that does not take its answers."""
        self._is_choked = True
        self._since = self.door.now
        self._pace()

    def resume_writing(self) -> None:
        """Read again."""
        self._is_choked = False
        self._pace()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the memory that the next bytes go to."""
        return self._requests.memory() if self._requests.has_memory else self.door.view

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has come; after the last answer it is dropped."""
        if self._is_ending:
            return
        if self._requests.has_memory:
            self._requests.filled(nbytes)
        else:
            self._feed(nbytes)

    # ---------------------------------------------------------------- requests

    def _feed(self, count: int) -> None:
        """Take ``count`` bytes of the shared buffer; 0: look again at what is kept."""
        was_within = self._requests.is_within
        self._is_feeding = True
        try:
            if count:
                self._requests.feed(self.door.buffer, count)
            else:
                self._requests.go_on()
        except (Misused, TooLarge) as error:
            self._give_up(error)
        self._is_feeding = False
        if not was_within:
            self._since = self.door.now
        if self._ready:
            self._send()
        if self._is_unread or not self.has_room():
            self._pace()

    def head_received(self, head: Head) -> Doing:
        """Take a request, refuse it, or wait for the server to say who sends it."""
        error = self.door.refusal_of(head)
        if error is None:
            reply = self._incoming = HttpReply(self, head, self.door.clock_ns())
            self._incoming_head = head
            self.door.hold(reply, head)
            if head.expects:
                self._say_go_on()
            self._replies.append(reply)
            return Doing.TAKE
        if error is self.door.UNKNOWN and self.door.access.ask(head.credential, self._told):
            self._is_held = True
            return Doing.HOLD
        return self._refuse(head, error)

    def _refuse(self, head: Head, error: Exception) -> Doing:
        reply = HttpReply(self, head, self.door.clock_ns() if self.door.counts(error) else 0)
        is_bounded = head.length != CHUNKED and head.length <= DROPPED_BODY_BYTES and not head.expects
        reply.keeps = reply.keeps and is_bounded
        self._replies.append(reply)
        reply.refuse(error)
        return Doing.DROP if reply.keeps else Doing.END

    def _say_go_on(self) -> None:
        interim = HttpReply(self, None)
        interim.head, interim.keeps = GO_ON, True
        self._replies.append(interim)
        self.flush()

    def _give_up(self, error: Exception) -> None:
        """Answer that what comes cannot be read, after everything that could."""
        reply, self._incoming = self._incoming, None
        self._requests.forget()
        if reply is None:
            reply = HttpReply(self, None)
            self._replies.append(reply)
        reply.keeps = False
        reply.refuse(error)

    def body_received(self, body: Buffer) -> None:
        """Have a complete request worked on."""
        reply, head = self._incoming, self._incoming_head
        assert reply is not None and head is not None, "its head was taken"
        self._incoming = self._incoming_head = None
        self.door.submit(head, body, reply)

    def has_room(self) -> bool:
        """Tell whether more requests can be taken now."""
        return len(self._replies) < PIPELINED and not (self._is_held or self._is_choked or self._is_ending)

    def _told(self) -> None:
        """Look again at a request that was held."""
        self._is_held = False
        self._feed(0)

    def _pace(self) -> None:
        """Read from the client, or not."""
        if self._transport is None or self._is_ending:
            return
        if not self.has_room():
            if not self._is_unread:
                self._is_unread = True
                self._transport.pause_reading()
        elif self._is_unread:
            self._is_unread = False
            if not self._has_no_more:
                self._transport.resume_reading()
            if self._requests.is_within and not self._is_feeding:
                self._feed(0)

    # ---------------------------------------------------------------- answers

    def flush(self) -> None:
        """Send the answers that are ready, up to the first that is not."""
        replies, ready = self._replies, self._ready
        while replies and replies[0].head:
            ready.append(replies.popleft())
        if ready and not self._is_feeding:
            self._send()
            if self._is_unread:
                self._pace()

    def _send(self) -> None:
        ready, transport = self._ready, self._transport
        if transport is None or self._is_ending:
            return
        self._ready = []
        self._since = self.door.now
        parts: list[Buffer] = []
        for place, reply in enumerate(ready, 1):
            parts.append(reply.head)
            if reply.head is GO_ON:
                continue
            is_last = not reply.keeps or (place == len(ready) and self._is_to_end())
            parts += (_CLOSE if is_last else _KEEP_OLD if reply.is_old else _KEEP, reply.body)
            if is_last:
                self._is_ending = True
                break
        if len(ready[-1].body) < _JOIN_BELOW:
            transport.write(b"".join(parts))
        else:
            transport.writelines(parts)
        if self._is_ending:
            self._end()

    def _is_to_end(self) -> bool:
        """Tell whether there is to be no other request on this connection."""
        return (self._has_no_more or self.door.is_retiring) and not (self._replies or self._requests.is_within)

    def _end(self) -> None:
        """Send no more; what still comes is dropped until the client has taken the last answer."""
        self._replies.clear()
        if self._transport is None:
            return
        if self._is_unread and not self._has_no_more:
            self._transport.resume_reading()
        if self._has_no_more or not self._transport.can_write_eof():
            self._transport.close()
        else:
            self._transport.write_eof()

    def abort(self) -> None:
        """Cut the client off."""
        if self._transport is not None:
            self._transport.abort()

    def check(self, now: float, idle_limit_s: float) -> None:
        """Cut off a client that is too slow, and close a connection that nobody uses."""
        transport, waited_s = self._transport, now - self._since
        if transport is None:
            return
        if self._is_ending:
            if waited_s > LINGER_S:
                transport.abort()
        elif self._is_choked:
            if waited_s > RECEIVE_LIMIT_S:
                transport.abort()
        elif self._requests.is_within:
            if waited_s > RECEIVE_LIMIT_S:
                self._is_held = False
                self._give_up(Misused(HTTPStatus.REQUEST_TIMEOUT, "The request did not come in in time."))
        elif not self._replies and waited_s >= idle_limit_s:
            transport.close()
