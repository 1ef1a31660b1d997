"""A run of a task in a seat: the same warden as on the server's machine, its log sent on as it is written."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from jupyter_wallaroo.errors import InvalidUpload
from jupyter_wallaroo.supervisor.task import LocalTasks, TaskProcess
from jupyter_wallaroo.supervisor.task_folders import TaskFolders
from jupyter_wallaroo.types.cluster import RunTask
from jupyter_wallaroo.types.task_process import TaskEnd

LOOK_PERIOD_S = 0.2
"""How often it is looked whether more was printed: the warden writes a file, here as on the server's machine."""
PART_BYTES = 2**20
GONE_LIMIT_S = 2.0


class TaskSeat:
    """Runs one run in a directory that nobody else uses.

    Parameters
    ----------
    directory
        Where; whoever made it removes it.
    send
        Takes what the run printed, part by part.
    """

    def __init__(self, directory: Path, send: Callable[[bytes], None]) -> None:
        self._folders = TaskFolders(directory)
        self._tasks = LocalTasks(self._folders)
        self._send = send
        self._process: TaskProcess | None = None
        self._ending: asyncio.Task[TaskEnd] | None = None
        self._is_ended = False
        self._run_id = ""

    async def run(self, run: RunTask) -> TaskEnd:
        """Return how the run ended, when nothing of it is left and all that it printed was sent.

        Raises
        ------
        InvalidUpload
            What it requires is not on this node.
        OSError
            It cannot be started.
        """
        order = run.order
        self._run_id = order.run_id
        interpreter = sys.executable if order.interpreter == run.server_interpreter else order.interpreter
        if not os.access(interpreter, os.X_OK):
            raise InvalidUpload(
                f"the environment of the orchestration, {interpreter}, is not on node {socket.gethostname()!r}",
                hint="Put the data directory on a disk that all nodes have under the same path, or install the "
                "requirements on every node and upload the orchestration without them.",
            )
        self._process = await self._tasks.start(msgspec.structs.replace(order, interpreter=interpreter))
        if self._is_ended:
            self._process.end()
        self._ending = asyncio.create_task(self._process.wait())
        log = self._folders.log(order.run_id)
        sent = 0
        while not self._ending.done():
            await asyncio.wait([self._ending], timeout=LOOK_PERIOD_S)
            sent = await self._send_from(log, sent)
        await asyncio.to_thread(self._folders.end, order.run_id)
        await self._send_from(log, sent)
        return self._ending.result()

    async def _send_from(self, log: Path, at: int) -> int:
        """Send what a log has from ``at`` on; return where it ends."""
        while part := await asyncio.to_thread(_part, log, at):
            self._send(part)
            at += len(part)
        return at

    def end(self) -> None:
        """Ask the run to end; it is killed when it takes too long."""
        self._is_ended = True
        if self._process is not None:
            self._process.end()

    async def kill(self) -> None:
        """End everything of the run at once."""
        if self._process is not None:
            self._process.kill()
            if self._ending is not None:
                await asyncio.wait([self._ending], timeout=GONE_LIMIT_S)
            await asyncio.to_thread(self._folders.end, self._run_id)


def _part(log: Path, at: int) -> bytes:
    try:
        with open(log, "rb") as file:
            file.seek(at)
            return file.read(PART_BYTES)
    except FileNotFoundError:
        return b""  # the warden has not made it yet
