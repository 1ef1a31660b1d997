"""Connections go from Tornado to the fast path and back."""

from __future__ import annotations

import asyncio
import math
import os
import socket
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar

from jupyter_server._tz import utcnow
from tornado import httputil
from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream, StreamClosedError
from tornado.routing import Router

from jupyter_wallaroo.engine.frames import RECEIVE_BYTES
from jupyter_wallaroo.server.fast_path.connection import FastConnection
from jupyter_wallaroo.server.fast_path.entrance import Entrance, is_plain, peer_of
from jupyter_wallaroo.server.fast_path.refusing import refusal
from jupyter_wallaroo.server.fast_path.replay import ReplayStream
from jupyter_wallaroo.server.fast_path.verdicts import Origin, Verdict, Verdicts, answer_head, length_of
from jupyter_wallaroo.server.identity import RENEWED_BEFORE_S

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from jupyter_wallaroo.server.app import WallarooApp
    from jupyter_wallaroo.server.body_room import Reservation
    from jupyter_wallaroo.server.handlers.infer import InferHandler
    from jupyter_wallaroo.server.identity import Known
    from jupyter_wallaroo.services.inference import Form, InferenceService
    from jupyter_wallaroo.supervisor.deployment import Deployment
    from jupyter_wallaroo.types.plan import Answered


class FastPath(Router):
    """Takes the connections of requests on which there is a verdict; all others go to the full handlers.

    Parameters
    ----------
    app
        The extension application.
    """

    SUPPORTED_METHODS: ClassVar[tuple[str, ...]] = ()
    """Jupyter looks for methods of handlers that do not ask who is calling; there are none here."""

    def __init__(self, app: WallarooApp) -> None:
        self._app = app
        self.verdicts = Verdicts()
        self.connections: set[FastConnection] = set()
        self.receiving = app.receiving
        self.scratch = memoryview(bytearray(RECEIVE_BYTES))
        self._date = (0, b"")
        self._entrance: Entrance | None = None

    def learn(self, handler: InferHandler, known: Known, form: Form) -> None:
        """Let requests like this one through from now on, which the full handler is about to answer."""
        request = handler.request
        connection = request.connection
        if not isinstance(connection, HTTP1Connection) or handler.application.transforms:
            return
        start_line = httputil.RequestStartLine(request.method or "", request.uri or "", request.version)
        if length_of(start_line, request.headers) is None:
            return
        verdict = Verdict(
            known=known,
            origin=Origin(request.remote_ip or "", request.protocol),
            handler=type(handler),
            path_args=tuple(handler.path_args),
            start_line=start_line,
            headers=request.headers,
            form=form,
            answer=answer_head(handler.answer_headers),
            until=known.until,
            renewed_from=known.until - RENEWED_BEFORE_S,
        )
        self.verdicts.keep(verdict, _peer(connection))

    def find_handler(self, request: httputil.HTTPServerRequest, **_: object) -> httputil.HTTPMessageDelegate | None:
        """Return what takes the connection over, None to leave the request to the next rule (Tornado calls this)."""
        connection = request.connection
        if not isinstance(connection, HTTP1Connection) or not self._is_takeable(connection):
            return None
        start_line = httputil.RequestStartLine(request.method or "", request.uri or "", request.version)
        size = length_of(start_line, request.headers)
        verdict = self.verdicts.find(start_line, request.headers, _peer(connection)) if size is not None else None
        room = self.reserve(size) if verdict is not None and size is not None else None
        if verdict is None or size is None or room is None:
            return None
        return _Takeover(self, connection, verdict, size, room)

    def _is_takeable(self, connection: HTTP1Connection) -> bool:
        """Tell whether a connection is a plain socket of Jupyter's own server, which can have it back."""
        server = self._server
        return (
            (type(connection.stream) is IOStream or type(connection.stream) is ReplayStream)
            and server is not None
            and server.conn_params is connection.params
            and is_plain(server)
        )

    @property
    def _server(self) -> HTTPServer | None:
        return getattr(self._app.serverapp, "http_server", None)  # where it is embedded, somebody else's serves

    def open(self) -> None:
        """Look at connections as they come in, so that many do not meet Tornado at all; called once it listens."""
        server = self._server
        if server is not None and is_plain(server):
            self._entrance = Entrance(self, server)
            self._entrance.open()

    async def take_over(self, connection: HTTP1Connection, verdict: Verdict, size: int, room: Reservation) -> None:
        """Take a connection out of Tornado's hands, of which a request's head was read."""
        stream = connection.detach()
        rest, is_open = _drained(stream)
        if not is_open:
            room.release()
            return
        own = stream.socket.dup()
        own.setblocking(False)
        stream.close()
        await self.serve(own, _peer(connection), (verdict, size, room), rest)

    async def serve(self, own: socket.socket, peer: str, first: tuple[Verdict, int, Reservation], rest: bytes) -> None:
        """Answer on a connection of which the head of a request was read.

        Parameters
        ----------
        own
            Its socket, ours from now on.
        peer
            The address of the client.
        first, rest
            What was decided for the request, the length of its body and the room for it; what was read after its head.
        """
        server = self._server
        assert server is not None, "it was asked for before the connection was taken"
        protocol = FastConnection(self, peer, server.conn_params.header_timeout or math.inf)
        protocol.expect(*first, rest)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, own)
        except OSError:
            first[2].release()
            own.close()

    def give_back(self, transport: asyncio.Transport, unanswered: bytes) -> None:
        """Let Tornado serve a connection from now on, beginning with bytes that were read from it."""
        given = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
        given.setblocking(False)
        address = transport.get_extra_info("peername")
        transport.abort()
        server = self._server
        assert server is not None, "it was asked for before the connection was taken"
        server.handle_stream(ReplayStream(given, unanswered), address)

    def reserve(self, size: int) -> Reservation | None:
        """Return room for a body, None where the full handler has to say why there is none."""
        if size > self._app.inference_body_limit or not self._app.is_open:
            return None
        return self._app.body_room.reserve(self._app.services.inference.arena, size, size)

    @property
    def inference(self) -> InferenceService:
        """Where inferences go."""
        return self._app.services.inference

    def deployment(self, verdict: Verdict) -> Deployment:
        """Return the deployment that a request is for, see `InferenceService.find`."""
        deploy_id, number, *rest = verdict.path_args
        name = f"{deploy_id}-{number}"
        return self._app.services.inference.find(int(number), name, rest[0] if rest else None)

    def date(self) -> bytes:
        """Return what time it is, as answers say it."""
        now = int(time.time())
        if now != self._date[0]:
            self._date = now, httputil.format_timestamp(now).encode()
            self._app.settings["last_activity_times"]["wallaroo"] = utcnow()
        return self._date[1]

    def observe(self, deployment: Deployment, seconds: float, said: Answered) -> None:
        """Count an inference that was answered."""
        self._app.count_inference(deployment.spec.pipeline_id, HTTPStatus.OK, seconds, said.rows, said.anomalies)

    def refusal(self, verdict: Verdict, error: Exception, *, deployment: Deployment | None, begun: float) -> bytes:
        """Return the answer to a request that was refused."""
        serverapp = self._app.serverapp
        assert serverapp is not None
        return refusal(serverapp.web_app, verdict, error, deployment=deployment, begun=begun)

    def close(self) -> None:
        """End every connection; more than once is fine."""
        if self._entrance is not None:
            self._entrance.close()
        for connection in list(self.connections):
            connection.close()


class _Takeover(httputil.HTTPMessageDelegate):
    """Has the connection of a request taken over once Tornado says that its head is complete."""

    def __init__(
        self, path: FastPath, connection: HTTP1Connection, verdict: Verdict, size: int, room: Reservation
    ) -> None:
        self._path = path
        self._taken = (connection, verdict, size, room)

    def headers_received(self, *_: object) -> Awaitable[None]:
        """Take the connection over (Tornado calls this)."""
        return self._path.take_over(*self._taken)


def _drained(stream: IOStream) -> tuple[bytes, bool]:
    """Return what a stream has read ahead, and whether it is still open."""
    parts: list[bytes] = []
    try:
        while True:
            reading = asyncio.ensure_future(stream.read_bytes(RECEIVE_BYTES, partial=True))
            if not reading.done():
                reading.add_done_callback(_forget)  # it ends with the stream, which is closed next
                return b"".join(parts), True
            parts.append(reading.result())
    except StreamClosedError:
        return b"", False


def _forget(reading: asyncio.Future[bytes]) -> None:
    if not reading.cancelled():
        reading.exception()


def _peer(connection: HTTP1Connection) -> str:
    return peer_of(getattr(connection.context, "address", None))
