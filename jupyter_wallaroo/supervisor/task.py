"""A run of a task: a warden that is started, told to end, and waited for; here, or where another launcher has room."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Protocol

import msgspec

from jupyter_wallaroo.supervisor.process import environment
from jupyter_wallaroo.supervisor.task_folders import ARGUMENTS_FILE, CREDENTIALS_FILE, TEMPORARY, TaskFolders
from jupyter_wallaroo.types.task_process import (
    ARGUMENTS,
    FOLDER,
    START_FILE,
    Ending,
    TaskEnd,
    TaskLimits,
    TaskOrder,
    TaskStart,
)

LOST_REASON = "its warden was killed"


class TaskProcess:
    """A started run; made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(
        cls,
        *,
        folder: Path,
        log: Path,
        archive: Path,
        entry: str,
        interpreter: str,
        time_limit_s: int,
        limits: TaskLimits,
        variables: dict[str, str],
    ) -> TaskProcess:
        """Start the warden of a run, which starts it.

        Parameters
        ----------
        folder, log
            The run's own folder, made; where what it prints is written.
        archive, entry
            The orchestration's zip archive, and where ``main.py`` is in it.
        interpreter
            The Python that runs it.
        time_limit_s
            After how many seconds it is ended; 0: never.
        limits
            What it may use.
        variables
            What its environment has besides what every child gets.

        Raises
        ------
        OSError
            It cannot be started.
        """
        start = TaskStart(
            parent=os.getpid(),
            folder=str(folder),
            log=str(log),
            archive=str(archive),
            entry=entry,
            interpreter=interpreter,
            time_limit_s=time_limit_s,
            limits=limits,
            variables={
                **variables,
                ARGUMENTS: str(folder / ARGUMENTS_FILE),
                "WALLAROO_SDK_AUTH_TYPE": "token",
                "WALLAROO_SDK_CREDENTIALS": str(folder / CREDENTIALS_FILE),
                "PYTHONUNBUFFERED": "1",
                "TMPDIR": str(folder / TEMPORARY),
            },
        )
        text = msgspec.json.encode(start)
        await asyncio.to_thread((folder / START_FILE).write_bytes, text)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "jupyter_wallaroo.runner.warden",
            str(folder),
            cwd=folder,
            env=environment() | {FOLDER: str(folder)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return cls(process)

    def end(self) -> None:
        """Ask the run to end; it is killed when it takes too long."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Have everything of the run killed at once."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGHUP)

    async def wait(self) -> TaskEnd:
        """Wait until nothing of the run is left, and return how it ended.

        The warden that was killed itself leaves processes: `TaskFolders.end` finds them.
        """
        said, _ = await self._process.communicate()
        try:
            return msgspec.json.decode(said, type=TaskEnd)
        except msgspec.MsgspecError:
            return TaskEnd(ending=Ending.LOST, reason=LOST_REASON)


class StartedTask(Protocol):
    """A run that was started somewhere."""

    def end(self) -> None:
        """Ask the run to end; it is killed when it takes too long."""

    async def wait(self) -> TaskEnd:
        """Wait until nothing of the run is left, and return how it ended.

        Raises
        ------
        WallarooError
            It could not be started.
        """


class TaskLauncher(Protocol):
    """Starts runs of tasks."""

    async def start(self, order: TaskOrder) -> StartedTask:
        """Start a run; what it prints is in `TaskFolders.log`, from its beginning on.

        Raises
        ------
        OSError, WallarooError
            It cannot be started.
        """


class LocalTasks:
    """Starts runs on this machine.

    Parameters
    ----------
    folders
        Where they work. What a run leaves there is removed by whoever started it.
    """

    def __init__(self, folders: TaskFolders) -> None:
        self._folders = folders

    async def start(self, order: TaskOrder) -> TaskProcess:
        """Make the run's folder and start its warden.

        Raises
        ------
        OSError
            It cannot be started.
        """
        folder = await asyncio.to_thread(self._folders.make, order.run_id, order.arguments, order.credentials)
        return await TaskProcess.start(
            folder=folder,
            log=self._folders.log(order.run_id),
            archive=Path(order.archive),
            entry=order.entry,
            interpreter=order.interpreter,
            time_limit_s=order.time_limit_s,
            limits=order.limits,
            variables=order.variables,
        )
