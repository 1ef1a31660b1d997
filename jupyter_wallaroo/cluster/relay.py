"""The process that stands for a replica on another machine: frames go through it, its journal is kept by it.

It has three connections: the server's, over which it is an engine process as any other; the seat's, over which it has
the processes started; and the engine's. The end of any of them is its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec

from jupyter_wallaroo.cluster import files, handshake
from jupyter_wallaroo.cluster.link import Link
from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.engine.process import refusal
from jupyter_wallaroo.errors import StorageFull, Unavailable
from jupyter_wallaroo.segments.journal_files import JournalFiles
from jupyter_wallaroo.types.cluster import (
    Begin,
    Begun,
    ClusterKind,
    Connect,
    Connected,
    Ended,
)
from jupyter_wallaroo.types.plan import InferRequest, Plan, PlannedModel

LAST_WORDS_S = 2.0
"""How long a seat may take to say how an engine ended whose connection is gone already."""

_encode = msgspec.msgpack.Encoder().encode
_decode_connect = msgspec.msgpack.Decoder(Connect).decode
_decode_begun = msgspec.msgpack.Decoder(Begun).decode
_decode_ended = msgspec.msgpack.Decoder(Ended).decode
_decode_plan = msgspec.msgpack.Decoder(Plan).decode
_decode_request = msgspec.msgpack.Decoder(InferRequest).decode


class Relay:
    """Stands for one replica.

    Parameters
    ----------
    bodies
        The arena that large bodies lie in, see `engine.arena`.
    """

    def __init__(self, bodies: Buffer) -> None:
        self._bodies = bodies
        self._server = Link(self._from_server)
        self._seat = Link(self._from_seat)
        self._engine = Link(self._from_engine)
        self._journal: JournalFiles | None = None
        self._unkept: OSError | None = None
        self._directory = ""
        self._ahead_s = 0.0
        self._how: Ended | None = None
        self._said = asyncio.Event()
        self._connecting: asyncio.Task[None] | None = None

    async def serve(self, server: socket.socket) -> None:
        """Relay until one of the connections ends; say how the engine ended when it did."""
        await self._server.open(server)
        ends = [link.ended for link in (self._server, self._seat, self._engine)]
        await asyncio.wait(
            [asyncio.create_task(end.wait()) for end in (*ends, self._said)], return_when=asyncio.FIRST_COMPLETED
        )
        if not self._server.ended.is_set():
            await self._tell_end()
        self._engine.connection.close()
        self._seat.connection.close()
        self._server.connection.close()
        if self._journal is not None:
            self._journal.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._server.ended.wait(), LAST_WORDS_S)  # what is queued has gone then

    async def _tell_end(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._said.wait(), 0 if self._seat.ended.is_set() else LAST_WORDS_S)
        ended = self._how or Ended(reason="the connection to its node was lost")
        self._server.connection.send(0, Kind.ENDED, _encode(ended))

    def _from_server(self, number: int, kind: int, head: bytes, body: Buffer) -> None:
        if kind == Kind.INFER:
            self._engine.connection.send(number, kind, *self._abroad(head, body))
        elif kind == ClusterKind.CONNECT:
            self._connecting = asyncio.create_task(self._answer(number, self._connect(_decode_connect(head))))
        elif kind == Kind.LOAD:
            plan = _decode_plan(head)
            there = msgspec.structs.replace(plan, models=[self._there(model) for model in plan.models])
            self._engine.connection.send(number, kind, _encode(there), body)
        elif self._directory:
            self._engine.connection.send(number, kind, head, body)
        else:
            self._server.connection.send(number, Kind.ANSWER, b"")  # a sign of life before there is an engine

    def _abroad(self, head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
        """Return an inference for a machine that has neither our arena nor our clock."""
        request = _decode_request(head)
        if request.place is not None:
            offset, size = request.place
            body = self._bodies[offset : offset + size]
        deadline = request.deadline + self._ahead_s
        return _encode(msgspec.structs.replace(request, deadline=deadline, place=None)), body

    def _there(self, model: PlannedModel) -> PlannedModel:
        return msgspec.structs.replace(model, path=f"{self._directory}/{model.file_sha}")

    def _from_engine(self, number: int, kind: int, head: bytes, body: Buffer) -> None:
        if kind == Kind.JOURNAL:
            self._keep(head.decode(), body)
        elif not number:
            return
        elif kind == Kind.ANSWER and self._unkept is not None:
            full = StorageFull(
                f"The inference could not be logged, so it was not answered: {self._unkept.strerror}.",
                hint="Free space on the disk that holds the data directory.",
            )
            self._server.connection.send(number, Kind.FAILURE, _encode(full.to_wire()))
        else:
            self._server.connection.send(number, kind, head, body)

    def _keep(self, name: str, part: Buffer) -> None:
        """Write what the engine logs. After a failure the engine begins a new file, and nothing is kept until then."""
        assert self._journal is not None, "the engine is connected after it is made"
        try:
            if name:
                self._journal.begin(name, bytes(part))
                self._unkept = None
            elif self._unkept is None:
                self._journal.append([bytes(part)], len(part))
        except OSError as error:
            self._unkept = error
            self._engine.connection.send(0, Kind.JOURNAL, b"")

    def _from_seat(self, _number: int, kind: int, head: bytes, _body: Buffer) -> None:
        if kind == Kind.ENDED:
            self._how = _decode_ended(head)
            self._said.set()

    async def _answer(self, number: int, doing: Coroutine[Any, Any, Connected]) -> None:
        try:
            self._server.connection.send(number, Kind.ANSWER, _encode(await doing))
        except Exception as error:  # noqa: BLE001  the edge of the process
            self._server.connection.send(number, Kind.FAILURE, _encode(refusal(error).to_wire()))

    async def _connect(self, told: Connect) -> Connected:
        """Have the replica's processes started on the node, which gets the files that it lacks.

        Raises
        ------
        Unavailable
            The node cannot be reached.
        WallarooError
            As the seat raised it.
        """
        seat = told.seat
        self._journal = JournalFiles(Path(told.journal_directory), told.durability)
        try:
            await self._seat.open(await handshake.call(seat.host, seat.port, told.secret))
            paths = {model.file_sha: model.path for model in told.models}
            directory = await files.bring(self._seat, paths, told.cache_bytes)
            begin = Begin(
                sidekicks=told.sidekicks,
                cpus=told.cpus,
                memory_bytes=told.memory_bytes,
                load_s=told.load_s,
                interpreter=sys.executable,
            )
            beginning = asyncio.ensure_future(self._seat.call(ClusterKind.BEGIN, _encode(begin)))
            connected = await handshake.call(seat.host, seat.port, told.secret)
            await self._engine.open(connected)
            head, _ = await beginning
        except (OSError, TimeoutError) as error:
            if isinstance(error, StorageFull):
                raise
            raise Unavailable(
                f"the engine's seat at {seat.host}:{seat.port} could not be reached "
                f"({getattr(error, 'strerror', None) or error or 'no answer in time'})"
            ) from None
        begun = _decode_begun(head)
        self._ahead_s = begun.monotonic - time.monotonic()
        self._directory = directory
        return Connected(pid=begun.pid, sidekicks=begun.sidekicks, threads=begun.threads)
