"""Where connections come in: whose each is, and that a crowd of them is let in by and by."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tornado import httputil, netutil
from tornado.httpserver import HTTPServer

from jupyter_wallaroo.server.body_room import BodyRoom, Reservation
from jupyter_wallaroo.server.fast_path.entrance import LOOKED_AT_A_TURN, PASSED_ON_A_TURN, Entrance
from jupyter_wallaroo.server.fast_path.verdicts import Origin, Verdict, Verdicts, parse
from jupyter_wallaroo.server.handlers.infer import InferHandler
from jupyter_wallaroo.server.identity import Known
from jupyter_wallaroo.server.receiving import Receiving
from jupyter_wallaroo.services.inference import Form
from jupyter_wallaroo.types.media import negotiate
from tests.server.wire import request

LIMIT_S = 20.0
PEER = "127.0.0.1"
KNOWN = request("/infer/p-1", b"12345", Authorization="Bearer t")
OTHER = request("/status", method="GET")


def verdict(until: float, renewed_from: float) -> Verdict:
    parsed = parse(KNOWN.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    assert parsed is not None
    user: Any = SimpleNamespace(username="ada")
    return Verdict(
        known=Known(user, until),
        origin=Origin(PEER, "http"),
        handler=InferHandler,
        path_args=("p", "1"),
        start_line=parsed[0],
        headers=parsed[1],
        form=Form(*negotiate("application/json", "")),
        answer=b"",
        until=until,
        renewed_from=renewed_from,
    )


class Taken:
    """What becomes of connections: those that were taken, and those that Tornado got."""

    def __init__(self) -> None:
        self.verdicts = Verdicts()
        self.receiving = Receiving()
        self.served: list[bytes] = []
        self.passed_on = 0
        self._room = BodyRoom(10**6)

    def know(self) -> None:
        now = time.monotonic()
        self.verdicts.keep(verdict(now + 1000, now + 1000), PEER)

    def reserve(self, size: int) -> Reservation | None:
        arena: Any = None  # none of these is large
        return self._room.reserve(arena, size, size)

    async def serve(self, own: socket.socket, peer: str, first: tuple[Verdict, int, Reservation], rest: bytes) -> None:
        assert peer == PEER
        assert first[1] == len(b"12345")
        self.served.append(rest)
        own.close()

    def answer(self, asked: httputil.HTTPServerRequest) -> None:
        self.passed_on += 1
        assert asked.connection is not None
        asked.connection.write_headers(
            httputil.ResponseStartLine("HTTP/1.1", 200, "OK"), httputil.HTTPHeaders({"Content-Length": "0"})
        )
        asked.connection.finish()

    @property
    def count(self) -> int:
        return len(self.served) + self.passed_on


def through(scenario: Callable[[Taken, Entrance, Callable[[], socket.socket]], Awaitable[None]]) -> None:
    """Run a scenario with an entrance before a server of Tornado's, and what connects to it."""

    async def main() -> None:
        taken = Taken()
        server = HTTPServer(taken.answer)
        (listening,) = netutil.bind_sockets(0, PEER, backlog=500)
        server.add_socket(listening)
        entrance = Entrance(taken, server)
        entrance.open()
        clients: list[socket.socket] = []

        def connect() -> socket.socket:
            clients.append(socket.create_connection(listening.getsockname(), LIMIT_S))
            return clients[-1]

        try:
            async with asyncio.timeout(LIMIT_S):
                await scenario(taken, entrance, connect)
        finally:
            entrance.close()
            server.stop()
            for client in clients:
                client.close()
            await server.close_all_connections()

    asyncio.run(main())


async def until(is_so: Callable[[], bool]) -> None:
    """Let the loop turn until something is so."""
    while not is_so():
        await asyncio.sleep(0)


def test_whose_a_connection_is() -> None:
    """One that begins with a known head is taken, with what follows it; Tornado has the others untouched."""

    async def scenario(taken: Taken, entrance: Entrance, connect: Callable[[], socket.socket]) -> None:
        taken.know()
        connect().sendall(KNOWN + b"more")
        connect().sendall(OTHER)
        connect().sendall(KNOWN.replace(b"Bearer t", b"Bearer u"))
        await until(lambda: taken.count == 3)
        assert taken.served == [b"12345more"]

    through(scenario)


@pytest.mark.parametrize("cut", [1, 20, KNOWN.index(b"\r\n\r\n") + 3])
def test_half_a_head_is_tornados(cut: int) -> None:
    """It waits for the rest as it always did."""

    async def scenario(taken: Taken, entrance: Entrance, connect: Callable[[], socket.socket]) -> None:
        taken.know()
        client = connect()
        client.sendall(KNOWN[:cut])
        for _ in range(20):
            await asyncio.sleep(0)
        client.sendall(KNOWN[cut:])
        await until(lambda: taken.passed_on == 1)
        assert not taken.served

    through(scenario)


def test_silence_is_waited_for_and_ends() -> None:
    """A connection may come before its request; one that ends, or stays silent for too long, is let go of."""

    async def scenario(taken: Taken, entrance: Entrance, connect: Callable[[], socket.socket]) -> None:
        taken.know()
        late, gone, silent = connect(), connect(), connect()
        waiting = taken.receiving._until
        await until(lambda: len(waiting) == 3)
        late.sendall(KNOWN)
        gone.close()
        await until(lambda: len(taken.served) == 1 and len(waiting) == 1)
        for receiver in list(waiting):
            receiver.cut_off()
        silent.setblocking(False)
        assert await asyncio.get_running_loop().sock_recv(silent, 1) == b""
        assert not waiting
        last = connect()
        await until(lambda: len(waiting) == 1)
        entrance.close()
        last.setblocking(False)
        assert await asyncio.get_running_loop().sock_recv(last, 1) == b""
        assert taken.passed_on == 0

    through(scenario)


def test_a_crowd_of_strangers_is_let_in_by_and_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, few in a turn."""
    monkeypatch.setattr(netutil, "_DEFAULT_BACKLOG", 128)

    async def scenario(taken: Taken, entrance: Entrance, connect: Callable[[], socket.socket]) -> None:
        count = 20 * PASSED_ON_A_TURN
        for _ in range(count):
            connect().sendall(OTHER)
        passed = [0]
        while taken.passed_on < count:
            await asyncio.sleep(0)
            passed.append(taken.passed_on)
        assert max(after - before for before, after in itertools.pairwise(passed)) <= PASSED_ON_A_TURN

    through(scenario)


def test_a_verdict_holds_for_those_in_line() -> None:
    """Only the first of a crowd are decided in full."""

    async def scenario(taken: Taken, entrance: Entrance, connect: Callable[[], socket.socket]) -> None:
        count = 3 * LOOKED_AT_A_TURN
        for _ in range(count):
            connect().sendall(KNOWN)
        await until(lambda: taken.passed_on > 0)
        taken.know()
        await until(lambda: taken.count == count)
        assert taken.passed_on <= 2 * PASSED_ON_A_TURN

    through(scenario)


def test_one_request_renews_a_verdict() -> None:
    """Near its end one goes to the full handler, wherever it was asked for first; the others still go by it."""
    verdicts = Verdicts()
    now = time.monotonic()
    kept = verdict(now + 1000, now + 1000)
    verdicts.keep(kept, PEER)
    head = KNOWN[: KNOWN.index(b"\r\n\r\n") + 4]
    assert verdicts.find_bytes(head, PEER) is not None
    kept.renewed_from = now
    assert verdicts.find_bytes(head, PEER) is None
    assert verdicts.find_bytes(head, PEER) is not None
    assert verdicts.find(kept.start_line, kept.headers, PEER) is None
    assert verdicts.find(kept.start_line, kept.headers, PEER) is kept
    kept.renewed_from = now
    assert verdicts.find(kept.start_line, kept.headers, PEER) is None
    assert verdicts.find(kept.start_line, kept.headers, PEER) is kept
    kept.known.until = now
    assert verdicts.find_bytes(head, PEER) is None
    assert verdicts.find(kept.start_line, kept.headers, PEER) is None
