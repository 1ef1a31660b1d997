"""What Jupyter's loop is set to, so that a crowd leaves room for kernels."""

from __future__ import annotations

import asyncio
import socket

import pytest
from tornado import netutil
from tornado.iostream import IOStream
from tornado.tcpserver import TCPServer

from jupyter_wallaroo.server.crowds import ACCEPTS_A_TURN, SOCKETS_A_TURN, accept_few, take_few


def test_a_turn_takes_few_sockets_and_every_socket_gets_its_turn() -> None:
    """Sockets that are always ready are served in rounds, none twice before the last; timers run in between."""
    pairs = [socket.socketpair() for _ in range(3 * SOCKETS_A_TURN)]
    served: list[int] = []

    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        take_few(loop)
        for number, (ours, theirs) in enumerate(pairs):
            ours.setblocking(False)
            theirs.send(b"x")
            loop.add_reader(ours, served.append, number)
        turns = []
        while len(served) < len(pairs):
            before = len(served)
            await asyncio.sleep(0)
            turns.append(len(served) - before)
        for ours, _ in pairs:
            loop.remove_reader(ours)
        return turns

    turns = asyncio.run(main())
    assert max(turns) <= SOCKETS_A_TURN
    assert sorted(served[: len(pairs)]) == list(range(len(pairs)))
    for pair in pairs:
        for end in pair:
            end.close()


def test_a_turn_accepts_few_connections_and_each_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait; nobody is turned away."""
    monkeypatch.setattr(netutil, "_DEFAULT_BACKLOG", 128)
    accept_few()
    accepted: list[object] = []

    class Server(TCPServer):
        def handle_stream(self, stream: IOStream, address: tuple[str, int]) -> None:
            accepted.append(address)
            stream.close()

    async def main() -> list[int]:
        (listening,) = netutil.bind_sockets(0, "127.0.0.1")
        server = Server()
        clients = [socket.create_connection(listening.getsockname()) for _ in range(3 * ACCEPTS_A_TURN)]
        server.add_socket(listening)
        turns = []
        async with asyncio.timeout(30):
            while len(accepted) < len(clients):
                before = len(accepted)
                await asyncio.sleep(0)
                turns.append(len(accepted) - before)
        server.stop()
        for client in clients:
            client.close()
        return turns

    assert max(asyncio.run(main())) == ACCEPTS_A_TURN
