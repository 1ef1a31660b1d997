"""A door in this process, with an engine behind it that says what it was asked."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
import uvloop

from jupyter_wallaroo.engine.door.door import Door
from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.engine.process import FrameReply, Reply
from jupyter_wallaroo.engine.scoreboard import Scoreboard, new_page
from jupyter_wallaroo.types.door import Retire
from jupyter_wallaroo.types.plan import Answered, InferRequest, MediaType

PATH = "/a%40b/infer/p-1"
TOKEN = "deployment-token"
LIMIT_BYTES = 1 << 20

Submit = Callable[[InferRequest, Buffer, Reply], None]


class Told(FrameReply):
    """Takes what a door says to the server."""

    def __init__(self) -> None:
        self.done = threading.Event()

    def send(self, head: bytes, body: Buffer) -> None:
        self.done.set()


def echo(request: InferRequest, body: Buffer, reply: Reply) -> None:
    """Answer with the body."""
    reply.answer(Answered(request.accepts, 1, 0), bytes(body))


class Opened:
    """An open door; ``asked`` are the tokens that its server was asked about."""

    def __init__(self, door: Door, port: int, board: Scoreboard, loop: asyncio.AbstractEventLoop) -> None:
        self.door, self.port, self.board, self.loop = door, port, board, loop
        self.asked: list[bytes] = []

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def retire(self, idle_s: float) -> threading.Event:
        """Have it retire and return what is set when it has."""
        told = Told()
        self.loop.call_soon_threadsafe(self.door.retire, msgspec.msgpack.encode(Retire(idle_s=idle_s)), b"", told)
        return told.done


@contextmanager
def opened(submit: Submit = echo, *, uv: bool = True, **plan: object) -> Iterator[Opened]:
    """Run a door on an event loop in a thread; what it asks about a token, the token itself says: its status."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    said = {
        "path": PATH, "pipeline_name": "p", "token": TOKEN, "body_limit": LIMIT_BYTES, "body_budget": 4 * LIMIT_BYTES,
        "queue": 1000, "time_limit_s": 60.0,
    }  # fmt: skip
    ready, end = threading.Event(), threading.Event()
    found: list[Opened] = []

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        board = Scoreboard(new_page())

        def send(kind: Kind, head: bytes, body: Buffer) -> None:
            digest, token = head[:32], head[32:]
            found[0].asked.append(token)
            verdict = int(token) if token.isdigit() else 401
            loop.call_soon(found[0].door.decide, digest + verdict.to_bytes(2), b"", Told())

        door = Door(listener, board, submit, send)
        found.append(Opened(door, port, board, loop))
        door.open(msgspec.msgpack.encode(said | plan), b"", Told())
        ready.set()
        await loop.run_in_executor(None, end.wait)
        door.close()

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if uv else None) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(30)
    try:
        yield found[0]
    finally:
        end.set()
        thread.join()


def request(body: bytes = b"[1]", *lines: str, method: str = "POST", path: str = PATH, token: str = TOKEN) -> bytes:
    """Return a whole request; ``lines`` are further headers."""
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}", *lines]
    if not any(line.lower().startswith("transfer-encoding") for line in lines):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def answers(connected: socket.socket, count: int) -> list[tuple[int, dict[bytes, bytes], bytes]]:
    """Return so many answers, fewer when the connection ends before: status, headers, body."""
    data, found = b"", []
    while len(found) < count:
        while (end := data.find(b"\r\n\r\n")) >= 0:
            first, *lines = data[:end].split(b"\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}
            stop = end + 4 + int(headers.get(b"content-length", 0))
            if len(data) < stop:
                break
            found.append((int(first.split()[1]), headers, data[end + 4 : stop]))
            data = data[stop:]
            if len(found) == count:
                return found
        more = connected.recv(1 << 16)
        if not more:
            return found
        data += more
    return found


MEDIA = MediaType
