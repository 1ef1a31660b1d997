"""A process that outlives this server: started by it, and found again by its next start.

Nothing ties it to this process: no pipe, no socket, a session of its own. It is watched through a pidfd, which works
for those that an earlier server started as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from jupyter_wallaroo.supervisor import process_table
from jupyter_wallaroo.types.process import Identity


class LastingProcess:
    """A process and how to wait for its end; made by `start` or `adopt`.

    Parameters
    ----------
    identity
        Which process it is.
    fd
        Its pidfd, which `release` closes.
    is_child
        Whether this process started it and so has to collect its status.
    """

    def __init__(self, identity: Identity, fd: int, *, is_child: bool) -> None:
        self.identity = identity
        self.exit_status: int | None = None
        self._fd = fd
        self._is_child = is_child
        self._ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(fd, self._note_end)

    @classmethod
    def start(
        cls, command: Sequence[str], *, directory: Path, variables: Mapping[str, str], log: Path
    ) -> LastingProcess:
        """Start a program with exactly these variables; what it says is appended to ``log``.

        Raises
        ------
        OSError
            It cannot be started.
        """
        found, fd = _spawn(command, directory, variables, log)
        return cls(found, fd, is_child=True)

    @classmethod
    def adopt(cls, identity: Identity, mark: str) -> LastingProcess | None:
        """Return the process that an earlier server started, None when it is not there any more.

        Parameters
        ----------
        identity
            Its id and start, as they were written down.
        mark
            What its environment has to hold.
        """
        try:
            fd = os.pidfd_open(identity.pid)
        except OSError:
            return None
        if process_table.is_alive(identity) and process_table.carries(identity.pid, mark):
            return cls(identity, fd, is_child=False)
        os.close(fd)
        return None

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return not self._ended.is_set() and process_table.is_alive(self.identity)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self._fd >= 0 and not self._ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._fd, number)

    async def wait(self) -> None:
        """Wait for its end."""
        await self._ended.wait()

    def release(self) -> None:
        """Stop watching it and leave it to itself; more than once is fine."""
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _note_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        if self._is_child:
            with contextlib.suppress(ChildProcessError):
                self.exit_status = os.waitstatus_to_exitcode(os.waitpid(self.identity.pid, 0)[1])
        self._ended.set()


def _spawn(command: Sequence[str], directory: Path, variables: Mapping[str, str], log: Path) -> tuple[Identity, int]:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(
            list(command),
            cwd=directory,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    found = process_table.identity(process.pid)
    fd = os.pidfd_open(process.pid)
    process.returncode = 0  # it is ours to wait for from here on: Popen must not, nor complain that it still runs
    return found or Identity(process.pid, 0), fd
