"""What every engine process does at its start and at its end.

It limits its own memory before anything large is imported, asks the kernel to be killed should the server die, and
answers frames until the connection ends. One frame is worked on at a time, in the order they came.
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

import msgspec

from jupyter_wallaroo.engine.frames import MAX_FRAME_BYTES, Buffer, FrameConnection, Kind
from jupyter_wallaroo.errors import EngineFailure, TooLarge, WallarooError

_PR_SET_PDEATHSIG = 1
_OOM_SCORE = "500"
"""Half of all memory on top of what a process has: the kernel never ends Jupyter in its stead."""
_encode = msgspec.msgpack.Encoder().encode

Handler = Callable[[bytes, Buffer], tuple[bytes, Buffer]]
"""Takes a frame's head and body, gives the answer's; raises a `WallarooError` to refuse."""


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
    """

    def __init__(self, handlers: Mapping[int, Handler]) -> None:
        self._handlers = handlers
        self._ended = asyncio.Event()

    async def serve(self, *inherited: socket.socket) -> None:
        """Answer on every socket, one frame at a time, until the other end of any closes it."""
        loop = asyncio.get_running_loop()
        for connected in inherited:
            await loop.create_connection(lambda: Link(self._handlers, self._ended).connection, sock=connected)
        await self._ended.wait()


class Link:
    """One connection of a worker."""

    def __init__(self, handlers: Mapping[int, Handler], ended: asyncio.Event) -> None:
        self.connection = FrameConnection(self)
        self._handlers = handlers
        self._ended = ended

    def frame_received(self, number: int, kind: int, head: bytes, body: Buffer) -> None:
        """Work on one frame and queue its answer."""
        try:
            answer = self._handlers[kind](head, body)
        except WallarooError as error:
            self._refuse(number, error)
        except MemoryError:
            too_large = TooLarge(
                "The request needs more memory than the engine may use.",
                hint="Send fewer rows per request, or deploy with more memory.",
            )
            self._refuse(number, too_large)
        except Exception:  # noqa: BLE001  the edge of the process: a bug of ours must not end every other request
            traceback.print_exc()
            self._refuse(number, EngineFailure("The engine failed to answer; the server's log has the details."))
        else:
            self._answer(number, *answer)

    def _answer(self, number: int, head: bytes, body: Buffer) -> None:
        if len(head) + len(body) <= MAX_FRAME_BYTES:
            self.connection.send(number, Kind.ANSWER, head, body)
            return
        too_large = TooLarge(
            f"The answer has {len(body)} bytes; at most {MAX_FRAME_BYTES} are passed on.",
            hint="Send fewer rows per request, or have the model give less.",
        )
        self._refuse(number, too_large)

    def _refuse(self, number: int, error: WallarooError) -> None:
        self.connection.send(number, Kind.FAILURE, _encode(error.to_wire()))

    def connection_ended(self) -> None:
        """End the worker with any of its connections."""
        self._ended.set()


def ping(head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
    """Answer a sign of life with another."""
    return b"", b""
