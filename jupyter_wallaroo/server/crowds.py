"""Very many callers at once: that none is turned away, and that kernels, which share the loop, get their turn.

Measured with 1,000 connections that come and ask at once, in CPU time of the longest turns of the loop: 240 ms as
Jupyter comes, of which up to 210 ms were the collector looking through everything that there is for garbage; about 100
ms with what is there since the start left out. Few sockets a turn bound the work that one turn begins, and few new
connections keep what has come from growing faster than it is answered: the others wait where the system keeps them,
so that a kernel's message is behind few. With that, and Tornado spared most of them (`fast_path.entrance`), the longest
turns are 5 to 8 ms; what is left of them is the collector's look at the crowd itself.

Engines have the same priority as this process: with it lowered, a kernel beside 2 and 6 engines that computed all the
time answered no sooner (53 to 58 ms either way), and the engines did half as much beside others' work.
"""

from __future__ import annotations

import asyncio
import gc
import select
import selectors
from typing import TYPE_CHECKING

from tornado import netutil

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

SOCKETS_A_TURN = 32
ACCEPTS_A_TURN = 16
BACKLOG = 1024
"""Connections that wait to be accepted; Tornado asks for 128. The system may grant less (``net.core.somaxconn``)."""


def expect_crowds(serverapp: ServerApp) -> None:
    """Have the running loop and the server's sockets bear very many callers; called once all has started."""
    take_few(asyncio.get_running_loop())
    accept_few()
    for listening in getattr(serverapp.http_server, "_sockets", {}).values():
        listening.listen(BACKLOG)
    gc.collect()
    gc.freeze()


def take_few(loop: asyncio.AbstractEventLoop) -> None:
    """Have a loop take up to `SOCKETS_A_TURN` sockets that are ready in each turn, where it is asyncio's with epoll.

    Each turn goes through timers and messages as well, which else wait until a thousand requests have been begun.
    The kernel reports sockets that are ready in rounds, so that none is left out.
    """
    own = vars(loop).get("_selector")  # there is no public way
    if own is not None and type(own) is getattr(selectors, "EpollSelector", None):
        own._selector = _Few(own._selector)


def accept_few() -> None:
    """Have Tornado's servers accept up to `ACCEPTS_A_TURN` connections in a turn; by itself it takes 128."""
    vars(netutil)["_DEFAULT_BACKLOG"] = ACCEPTS_A_TURN  # read whenever connections come; there is no public way


class _Few:
    """An epoll object that reports few at a time."""

    def __init__(self, poll: select.epoll) -> None:
        self.register, self.unregister, self.modify = poll.register, poll.unregister, poll.modify
        self.fileno, self.close = poll.fileno, poll.close
        self._poll = poll.poll

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """Return some of the descriptors that are ready, and for what."""
        return self._poll(timeout, min(maxevents, SOCKETS_A_TURN) if maxevents > 0 else SOCKETS_A_TURN)
