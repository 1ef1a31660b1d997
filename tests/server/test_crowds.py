"""What Jupyter's loop is set to, so that a crowd leaves room for kernels."""

from __future__ import annotations

import asyncio
import socket

from jupyter_wallaroo.server.crowds import SOCKETS_A_TURN, take_few


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
