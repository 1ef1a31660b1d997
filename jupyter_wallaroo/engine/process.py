"""What every engine process does at its start and at its end.

It limits its own memory before anything large is imported, asks the kernel to be killed should the server die, and
answers frames until the connection ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import resource
import signal
import socket
import traceback
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from jupyter_wallaroo.engine.frames import MAX_FRAME_BYTES, Buffer, FrameConnection, Kind
from jupyter_wallaroo.errors import EngineFailure, TooLarge, WallarooError
from jupyter_wallaroo.types.plan import Answered

_PR_SET_PDEATHSIG = 1
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_PIECE_BYTES = 32 * 2**20
_OOM_SCORE = "500"
"""Half of all memory on top of what a process has: the kernel never ends Jupyter in its stead."""
_encode = msgspec.msgpack.Encoder().encode

Handler = Callable[[bytes, Buffer], tuple[bytes, Buffer]]
"""Takes a frame's head and body, gives the answer's; raises a `WallarooError` to refuse."""


class Reply(Protocol):
    """Where the outcome of an inference goes, once, whenever it is there."""

    def answer(self, said: Answered, body: Buffer) -> None:
        """Send the answer's bytes and what is said of them."""

    def refuse(self, error: Exception) -> None:
        """Send why there is none; what is no `WallarooError` is a bug of ours, see `refusal`."""


Queue = Callable[[bytes, Buffer, "FrameReply"], None]
"""Takes a frame's head and body, and answers when it has worked on it, perhaps together with others."""


def refusal(error: Exception) -> WallarooError:
    """Return what the caller is told of an error; a bug of ours goes to the log and must not end other requests."""
    if isinstance(error, WallarooError):
        return error
    if isinstance(error, MemoryError):
        return TooLarge(
            "The request needs more memory than the engine may use.",
            hint="Send fewer rows per request, or deploy with more memory.",
        )
    traceback.print_exception(error)
    return EngineFailure("The engine failed to answer; the server's log has the details.")


def limit(*, memory_bytes: int, cpu_s: int = 0) -> None:
    """Bound this process: its address space, its CPU seconds; no core files, and the first to go when memory runs out.

    Parameters
    ----------
    memory_bytes, cpu_s
        0 leaves the limit as it is.
    """
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    if cpu_s:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(_OOM_SCORE)
    os.umask(0o077)


def keep_memory(most_bytes: int) -> None:
    """Use the same memory for one request or journal after the other, where the C library can be told so (glibc).

    It gives large pieces back at once else, and getting them again costs more than what is done with them: 1,000 rows
    of JSON met 400 new pages, which took 0.8 ms of their 1.5.

    Parameters
    ----------
    most_bytes
        What may stay with this process though nothing is in it.
    """
    tell = getattr(ctypes.CDLL(None), "mallopt", None)
    if tell is not None:
        tell(_M_MMAP_THRESHOLD, _LARGEST_PIECE_BYTES)
        tell(_M_TRIM_THRESHOLD, most_bytes)


def die_with_parent(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to kill this process when its parent dies (Linux; elsewhere the socket's end does)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:
        os._exit(0)


class Worker:
    """Answers frames with handlers until a connection ends.

    Parameters
    ----------
    handlers
        What to do with each kind of frame.
    queues
        What takes each kind of frame that is answered later.
    """

    def __init__(self, handlers: Mapping[int, Handler], queues: Mapping[int, Queue] | None = None) -> None:
        self._handlers = handlers
        self._queues = queues or {}
        self._ended = asyncio.Event()
        self._connections: list[FrameConnection] = []

    def send(self, kind: Kind, head: bytes, body: Buffer) -> None:
        """Send, to whoever started this process, a frame that answers nothing."""
        self._connections[0].send(0, kind, head, body)

    async def serve(self, *inherited: socket.socket) -> None:
        """Answer on every socket until the other end of any closes it."""
        loop = asyncio.get_running_loop()
        for connected in inherited:
            await loop.create_connection(self._link, sock=connected)
        await self._ended.wait()

    def _link(self) -> FrameConnection:
        link = Link(self._handlers, self._queues, self._ended)
        self._connections.append(link.connection)
        return link.connection


class Link:
    """One connection of a worker."""

    def __init__(self, handlers: Mapping[int, Handler], queues: Mapping[int, Queue], ended: asyncio.Event) -> None:
        self.connection = FrameConnection(self)
        self._handlers = handlers
        self._queues = queues
        self._ended = ended
        self._owed = 0

    def frame_received(self, number: int, kind: int, head: bytes, body: Buffer) -> None:
        """Work on one frame, or have it queued, and answer it."""
        self._owed += 1
        reply = FrameReply(self, number)
        try:
            queue = self._queues.get(kind)
            if queue is not None:
                queue(head, body, reply)
            else:
                reply.send(*self._handlers[kind](head, body))
        except Exception as error:  # noqa: BLE001  the edge of the process
            reply.refuse(error)

    def reply(self, number: int, kind: Kind, head: bytes, body: Buffer = b"") -> None:
        """Send the answer to a frame, together with those that are about to follow it."""
        self._owed -= 1
        self.connection.send(number, kind, head, body, is_more=self._owed > 0)

    def connection_ended(self) -> None:
        """End the worker with any of its connections."""
        self._ended.set()


class FrameReply:
    """The answer to one frame.

    Parameters
    ----------
    link, number
        Where the frame came from, and which it was.
    """

    __slots__ = ("_link", "_number")

    def __init__(self, link: Link, number: int) -> None:
        self._link = link
        self._number = number

    def answer(self, said: Answered, body: Buffer) -> None:
        """Send an inference's answer."""
        self.send(_encode(said), body)

    def send(self, head: bytes, body: Buffer) -> None:
        """Send an answer's head and body; one that is too large for a frame is refused."""
        if len(head) + len(body) <= MAX_FRAME_BYTES:
            self._link.reply(self._number, Kind.ANSWER, head, body)
            return
        too_large = TooLarge(
            f"The answer has {len(body)} bytes; at most {MAX_FRAME_BYTES} are passed on.",
            hint="Send fewer rows per request, or have the model give less.",
        )
        self.refuse(too_large)

    def refuse(self, error: Exception) -> None:
        """Send why there is no answer."""
        self._link.reply(self._number, Kind.FAILURE, _encode(refusal(error).to_wire()))


def ping(head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
    """Answer a sign of life with another."""
    return b"", b""
