"""A run of a task on a node, as the agent sees it: it brings the run there, takes its log down, tells how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable

import msgspec

from jupyter_wallaroo.cluster import files, handshake
from jupyter_wallaroo.cluster.link import Link
from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.errors import Unavailable
from jupyter_wallaroo.types.cluster import ClusterKind, RunTask, SeatAddress, TaskRequest
from jupyter_wallaroo.types.task_process import Ending, TaskEnd

LOST_REASON = "its node of the Ray cluster, or its actor there, was lost"

_encode = msgspec.msgpack.Encoder().encode
_decode_end = msgspec.msgpack.Decoder(TaskEnd).decode


class TaskRun:
    """Runs one run.

    Parameters
    ----------
    request
        What to run.
    find_seat
        Gives it a place, once there is one.
    """

    def __init__(self, request: TaskRequest, find_seat: Callable[[], Awaitable[SeatAddress]]) -> None:
        self._request = request
        self._find_seat = find_seat
        self._seat = Link(self._from_seat)
        self._is_begun = False
        self._log = -1
        self._work: asyncio.Task[TaskEnd] | None = None

    async def run(self) -> TaskEnd:
        """Return how it ended, when nothing of it is left on the node, or nobody knows of the node any more.

        Raises
        ------
        WallarooError
            It could not be begun.
        """
        self._log = os.open(self._request.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._work = asyncio.ensure_future(self._run())
        try:
            return await self._work
        except asyncio.CancelledError:
            return TaskEnd(ending=Ending.KILLED, reason="it was killed before it had begun")
        finally:
            self._seat.connection.close()
            os.close(self._log)
            self._log = -1

    def end(self) -> None:
        """Have it end, politely where it has begun."""
        if self._is_begun:
            self._seat.connection.send(0, ClusterKind.END_TASK, b"")
        elif self._work is not None:
            self._work.cancel()

    async def _run(self) -> TaskEnd:
        request, order = self._request, self._request.order
        seat = await self._find_seat()
        try:
            await self._seat.open(await handshake.call(seat.host, seat.port, request.seat.secret))
            directory = await files.bring(self._seat, {order.archive_sha: order.archive}, request.cache_bytes)
        except (OSError, TimeoutError) as error:
            raise Unavailable(
                f"its place at {seat.host}:{seat.port} could not be reached ({error or 'no answer in time'})"
            ) from None
        there = msgspec.structs.replace(order, archive=f"{directory}/{order.archive_sha}")
        run = RunTask(order=there, server_interpreter=sys.executable)
        self._is_begun = True
        try:
            head, _ = await self._seat.call(ClusterKind.RUN_TASK, _encode(run))
        except ConnectionError:
            return TaskEnd(ending=Ending.LOST, reason=LOST_REASON)
        return _decode_end(head)

    def _from_seat(self, _number: int, kind: int, _head: bytes, body: Buffer) -> None:
        if kind == ClusterKind.TASK_LOG and self._log >= 0:
            with contextlib.suppress(OSError):  # a full disk here costs the run its log, not its life there
                os.write(self._log, body)
