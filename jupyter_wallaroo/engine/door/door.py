"""The door itself: accepts connections, knows what it may take, counts, and closes when nothing is owed."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time
from collections.abc import Callable
from http import HTTPStatus

import msgspec

from jupyter_wallaroo.engine.door.access import DIGEST_BYTES, Access
from jupyter_wallaroo.engine.door.answers import Answers
from jupyter_wallaroo.engine.door.connection import IDLE_LIMIT_S, Connection, HttpReply
from jupyter_wallaroo.engine.door.head import Asked, Head, Heads
from jupyter_wallaroo.engine.frames import RECEIVE_BYTES, Buffer, Kind
from jupyter_wallaroo.engine.process import FrameReply, Queue, Reply
from jupyter_wallaroo.engine.scoreboard import Scoreboard
from jupyter_wallaroo.errors import Forbidden, InvalidRequest, NotFound, Unauthenticated, Unavailable
from jupyter_wallaroo.types.door import DoorPlan, Retire
from jupyter_wallaroo.types.plan import InferRequest

BACKLOG = 4096
"""Connections that wait to be accepted; the system allows fewer where it is told to."""
MAX_CONNECTIONS = 4096
TICK_S = 1.0
RETIRING_TICK_S = 0.1
NOFILE = 2 * MAX_CONNECTIONS
_ALIKE_NS = 1_000_000

Submit = Callable[[InferRequest, Buffer, Reply], None]
Send = Callable[[Kind, bytes, Buffer], None]

_decode_plan = msgspec.msgpack.Decoder(DoorPlan).decode
_decode_retire = msgspec.msgpack.Decoder(Retire).decode


class Door:
    """One replica's side of its deployment's port.

    Parameters
    ----------
    listener
        The deployment's socket, bound; all its replicas accept on it.
    scoreboard
        Where is counted what the server may see.
    submit
        Takes an inference, see `engine.replica`.
    send
        Sends the server a frame.
    """

    UNKNOWN = Unavailable("The server could not be asked who is calling.", hint="Try again shortly.")
    """In place of a refusal while it is not known who is calling."""

    _last_request: InferRequest
    plan: DoorPlan
    heads: Heads
    access: Access

    def __init__(self, listener: socket.socket, scoreboard: Scoreboard, submit: Submit, send: Send) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._scoreboard = scoreboard
        self._submit = submit
        self._send = send
        self._connections: set[Connection] = set()
        self._joining: set[asyncio.Task[object]] = set()
        self._is_open = False
        self._idle_limit_s = IDLE_LIMIT_S
        self._retired: FrameReply | None = None
        self._ticking: asyncio.TimerHandle | None = None
        self.answers = Answers()
        self.buffer = bytearray(RECEIVE_BYTES)
        self.view = memoryview(self.buffer)
        """What all connections receive into, one after the other."""
        self.body_bytes = 0
        self._owed = 0
        self._time_limit_ns = 0
        self._last_asked: Asked | None = None
        self._last_until_ns = 0
        self.is_retiring = False
        self.now = time.monotonic()
        """As of the last tick."""
        self.clock_ns = time.monotonic_ns
        _raise_file_limit()

    def queues(self) -> dict[int, Queue]:
        """Return what the server tells a door."""
        return {Kind.OPEN: self.open, Kind.RETIRE: self.retire, Kind.VERDICT: self.decide}

    # ---------------------------------------------------------------- what the server says

    def open(self, head: bytes, body: Buffer, reply: FrameReply) -> None:
        """Begin to accept."""
        self.plan = _decode_plan(head)
        self.heads = Heads(self.plan)
        self._time_limit_ns = int(self.plan.time_limit_s * 1e9)
        self.access = Access(lambda digest, credential: self._send(Kind.ASK, digest + credential, b""))
        self._listener.listen(BACKLOG)
        self._is_open = True
        asyncio.get_running_loop().add_reader(self._listener.fileno(), self._accept)
        self._tick()
        reply.send(b"", b"")

    def retire(self, head: bytes, body: Buffer, reply: FrameReply) -> None:
        """Accept no more, and answer when nothing is owed to anybody and every connection has ended."""
        self._idle_limit_s = _decode_retire(head).idle_s
        self.is_retiring = True
        self._stop_accepting()
        self._retired = reply
        if self._is_open:
            self._tick()
        self._tell_retired()

    def decide(self, head: bytes, body: Buffer, reply: FrameReply) -> None:
        """Take the server's verdict on a token."""
        self.access.learn(head[:DIGEST_BYTES], int.from_bytes(head[DIGEST_BYTES:]))

    def _tell_retired(self) -> None:
        if self._retired is not None and not self._connections and not self._joining and not self._owed:
            reply, self._retired = self._retired, None
            reply.send(b"", b"")

    # ---------------------------------------------------------------- connections

    def _accept(self) -> None:
        """Accept one connection: another replica may have more time for the next."""
        loop = asyncio.get_running_loop()
        try:
            accepted, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:  # no more descriptors: what waits, waits for a connection to end
            self._stop_accepting()
            loop.call_later(TICK_S, self._go_on_accepting)
            return
        accepted.setblocking(False)
        if len(self._connections) >= MAX_CONNECTIONS:
            self._turn_away(accepted)
            return
        task = loop.create_task(loop.connect_accepted_socket(lambda: Connection(self), accepted))
        self._joining.add(task)
        task.add_done_callback(self._joined)

    def _joined(self, task: asyncio.Task[object]) -> None:
        self._joining.discard(task)
        with contextlib.suppress(OSError):  # it was gone before it came
            task.result()

    def _turn_away(self, accepted: socket.socket) -> None:
        full = Unavailable(
            f"This replica already has {MAX_CONNECTIONS} connections, the most it holds.",
            hint="Keep connections and use them again, or deploy with more replicas.",
        )
        _, head, body = self.answers.refused(full)
        with accepted, contextlib.suppress(OSError):
            accepted.send(head + b"Connection: close\r\n\r\n" + body)

    def _stop_accepting(self) -> None:
        asyncio.get_running_loop().remove_reader(self._listener.fileno())

    def _go_on_accepting(self) -> None:
        if not self.is_retiring:
            asyncio.get_running_loop().add_reader(self._listener.fileno(), self._accept)

    def joined(self, connection: Connection) -> None:
        """Take note of a connection."""
        self._connections.add(connection)
        self._scoreboard.connections = len(self._connections)

    def left(self, connection: Connection) -> None:
        """Take note of a connection's end."""
        self._connections.discard(connection)
        self._scoreboard.connections = len(self._connections)
        self._tell_retired()

    def _tick(self) -> None:
        self.now = time.monotonic()
        self.answers.renew()
        for connection in list(self._connections):
            connection.check(self.now, self._idle_limit_s)
        if self._ticking is not None:
            self._ticking.cancel()
        period_s = RETIRING_TICK_S if self.is_retiring else TICK_S
        self._ticking = asyncio.get_running_loop().call_later(period_s, self._tick)

    def close(self) -> None:
        """Cut every connection off; a replica's end does the same."""
        self._stop_accepting()
        if self._ticking is not None:
            self._ticking.cancel()
        for connection in list(self._connections):
            connection.abort()
        self._listener.close()

    # ---------------------------------------------------------------- requests

    def refusal_of(self, head: Head) -> Exception | None:
        """Return why a request is not taken, None when it is, `UNKNOWN` while it is not known who sends it."""
        if not head.is_own and not isinstance(head.refusal, Forbidden):
            status = self.access.verdict(head.credential)
            if status != HTTPStatus.OK:
                return self.UNKNOWN if status is None else _refused(status)
        return head.refusal or self._lack_of_room(head)

    def _lack_of_room(self, head: Head) -> Exception | None:
        plan = self.plan
        if self._owed >= plan.queue:
            return Unavailable(
                f"This replica already has {plan.queue} requests waiting, the most it holds.",
                hint="Try again shortly, or deploy with more replicas.",
            )
        if self.body_bytes + head.room > plan.body_budget:
            return Unavailable("The server holds as many request bodies as it has room for.", hint="Try again shortly.")
        return None

    @staticmethod
    def counts(error: Exception) -> bool:
        """Tell whether a refused request is counted: one that was for this pipeline, as at the other door."""
        return isinstance(error, Unavailable | InvalidRequest)

    def hold(self, reply: HttpReply, head: Head) -> None:
        """Take room for a request's body out of what all may have together (SECURITY D1)."""
        reply.held = head.room
        self.body_bytes += head.room

    def release(self, reply: HttpReply) -> None:
        """Give the room for a request's body back."""
        self.body_bytes -= reply.held
        reply.held = 0

    def submit(self, head: Head, body: Buffer, reply: HttpReply) -> None:
        """Have a complete request worked on."""
        reply.is_owed = True
        now_ns = self.clock_ns()
        if not self._owed:
            self._scoreboard.due_ns = now_ns + self._time_limit_ns
        self._owed += 1
        self._scoreboard.owed = self._owed
        request = self._request(head.asked, now_ns)
        try:
            self._submit(request, body, reply)
        except Exception as error:  # noqa: BLE001  the edge of the process, as for frames
            reply.refuse(error)

    def _request(self, asked: Asked, now_ns: int) -> InferRequest:
        """Return what is asked, with its deadline: one for all that ask the same within a millisecond."""
        if asked is not self._last_asked or now_ns > self._last_until_ns:
            self._last_asked, self._last_until_ns = asked, now_ns + _ALIKE_NS
            deadline = (now_ns + self._time_limit_ns) / 1e9
            self._last_request = InferRequest(
                asked.accepts, asked.content, deadline, asked.dataset, asked.exclude, asked.separator
            )
        return self._last_request

    def ended(self, reply: HttpReply, status: int, started_ns: int, rows: int, anomalies: int) -> None:
        """Count a request that was answered."""
        board, now_ns = self._scoreboard, self.clock_ns()
        self.body_bytes -= reply.held
        reply.held = 0
        board.observe(status, now_ns - started_ns, rows, anomalies)
        if reply.is_owed:
            self._owed -= 1
            board.owed = self._owed
            board.due_ns = now_ns + self._time_limit_ns
            if self._retired is not None:
                self._tell_retired()


def _refused(status: int) -> Exception:
    if status == HTTPStatus.FORBIDDEN:
        return Forbidden("The caller may not send inferences.")
    if status == HTTPStatus.NOT_FOUND:
        return NotFound("This deployment is not in the workspace of the task, the only one that it may use.")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Door.UNKNOWN
    return Unauthenticated(
        "No valid token came with the request.",
        hint="Send the header 'Authorization: Bearer <token of the deployment, or of this Jupyter server>'.",
    )


def _raise_file_limit() -> None:
    """Have as many descriptors as the connections need, or as the system gives."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = NOFILE if hard == resource.RLIM_INFINITY else min(NOFILE, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
