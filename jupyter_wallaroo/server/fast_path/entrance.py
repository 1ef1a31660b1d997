"""Where connections come in: one that begins with a request on which there is a verdict does not meet Tornado.

Tornado needs 350 µs for a connection that is new, until it is known whose it is; a thousand that come at once so hold
up everything else for as long. Here a connection waits until something has come on it, and that is looked at where the
system keeps it. Unless there is a verdict on it, Tornado gets the connection as if nothing had been, but few in one
turn of the loop; when it is another's turn, there may be a verdict.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections import deque
from typing import TYPE_CHECKING, Protocol

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

from jupyter_wallaroo.server.fast_path.verdicts import HEAD_END, MAX_HEAD_BYTES

if TYPE_CHECKING:
    from jupyter_wallaroo.server.body_room import Reservation
    from jupyter_wallaroo.server.fast_path.verdicts import Verdict, Verdicts
    from jupyter_wallaroo.server.receiving import Receiving

PASSED_ON_A_TURN = 4
"""Connections that Tornado gets in one turn; with an inference on each it is busy for some 5 ms with them."""
LOOKED_AT_A_TURN = 16
"""Connections that are looked at again in one turn."""

Address = tuple[object, ...]


class Path(Protocol):
    """Takes the connections that begin with a request on which there is a verdict."""

    verdicts: Verdicts
    receiving: Receiving

    def reserve(self, size: int) -> Reservation | None:
        """Return room for a body, None where there is none."""

    async def serve(self, own: socket.socket, peer: str, first: tuple[Verdict, int, Reservation], rest: bytes) -> None:
        """Answer on a connection of which the head of a request was read, see `FastPath.serve`."""


class Entrance:
    """Stands before a server of Tornado's.

    Parameters
    ----------
    path
        Takes some of the connections.
    server
        Gets all others, as soon as something has come on them.
    """

    def __init__(self, path: Path, server: HTTPServer) -> None:
        self._path = path
        self._server = server
        self._pass_on = server.handle_stream
        self._idle_limit_s = server.conn_params.header_timeout or math.inf
        self._scratch = memoryview(bytearray(MAX_HEAD_BYTES))
        self._silent: set[Silent] = set()
        self._line: deque[tuple[IOStream, Address]] = deque()
        self._serving: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Get every new connection from now on."""
        self._server.handle_stream = self._take  # type: ignore[method-assign]  # it is there to be overridden

    def close(self) -> None:
        """Let Tornado have new connections, and end those on which nothing has come; more than once is fine."""
        self._server.handle_stream = self._pass_on  # type: ignore[method-assign]
        for silent in list(self._silent):
            silent.cut_off()

    def _take(self, stream: IOStream, address: Address) -> None:
        """Decide whose a new connection is, now or when something has come on it (Tornado calls this)."""
        if type(stream) is not IOStream:
            self._pass_on(stream, address)
            return
        data = self._begun(stream)
        if data is None:
            silent = Silent(self, stream, address)
            self._silent.add(silent)
            self._path.receiving.begin(silent, limit_s=self._idle_limit_s)
        else:
            self._decide(stream, address, data)

    def heard(self, silent: Silent, stream: IOStream, address: Address) -> None:
        """Decide whose a connection is on which something has come now."""
        self.forget(silent)
        self._decide(stream, address, self._begun(stream) or b"")

    def forget(self, silent: Silent) -> None:
        """Wait for it no more."""
        self._silent.discard(silent)
        self._path.receiving.end(silent)

    def _begun(self, stream: IOStream) -> bytes | None:
        """Return what a connection begins with, which stays there; "" when it has ended, None when nothing has come."""
        try:
            count = stream.socket.recv_into(self._scratch, 0, socket.MSG_PEEK)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        return bytes(self._scratch[:count])

    def _decide(self, stream: IOStream, address: Address, data: bytes) -> None:
        if self._is_served(stream, peer_of(address), data):
            return
        self._line.append((stream, address))
        if len(self._line) == 1:
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        """Let Tornado have those of the line whose turn it is, unless there is a verdict by now."""
        passed_on = 0
        for _ in range(min(len(self._line), LOOKED_AT_A_TURN)):
            stream, address = self._line.popleft()
            if not self._is_served(stream, peer_of(address), self._begun(stream) or b""):
                self._pass_on(stream, address)
                passed_on += 1
                if passed_on == PASSED_ON_A_TURN:
                    break
        if self._line:
            asyncio.get_running_loop().call_soon(self._turn)

    def _is_served(self, stream: IOStream, peer: str, data: bytes) -> bool:
        """Have a connection served that begins with ``data`` if there is a verdict on that."""
        end = data.find(HEAD_END) + len(HEAD_END)
        found = self._path.verdicts.find_bytes(data[:end], peer) if end >= len(HEAD_END) else None
        room = self._path.reserve(found[1]) if found is not None else None
        if found is None or room is None:
            return False
        own = socket.socket(fileno=stream.socket.detach())
        own.setblocking(False)
        rest = own.recv(len(data))[end:]  # what was looked at
        serving = asyncio.get_running_loop().create_task(self._path.serve(own, peer, (*found, room), rest))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        return True


class Silent:
    """A connection on which nothing has come.

    Parameters
    ----------
    entrance
        Where it waits.
    stream, address
        What Tornado has made of it.
    """

    def __init__(self, entrance: Entrance, stream: IOStream, address: Address) -> None:
        self._entrance = entrance
        self._stream = stream
        self._address = address
        asyncio.get_running_loop().add_reader(stream.socket, self._ready)

    def _ready(self) -> None:
        asyncio.get_running_loop().remove_reader(self._stream.socket)
        self._entrance.heard(self, self._stream, self._address)

    def cut_off(self) -> None:
        """End a connection on which nothing came for too long."""
        asyncio.get_running_loop().remove_reader(self._stream.socket)
        self._entrance.forget(self)
        self._stream.close()


def is_plain(server: HTTPServer) -> bool:
    """Tell whether connections of a server are sockets of ours as they are, and go on after each request."""
    params = server.conn_params
    return server.ssl_options is None and not (params.no_keep_alive or params.decompress or params.body_timeout)


def peer_of(address: object) -> str:
    """Return the address that a connection itself comes from, whatever a proxy says in its headers."""
    return str(address[0]) if isinstance(address, tuple) else ""
