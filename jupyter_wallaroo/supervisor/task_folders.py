"""Where runs of tasks work and what they leave: a folder each, which goes when the run ends, and a log, which stays."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from jupyter_wallaroo.types.task import Arguments
from jupyter_wallaroo.types.task_process import FILES, FOLDER

CREDENTIALS_FILE = "credentials.json"
ARGUMENTS_FILE = "arguments.json"
TEMPORARY = "tmp"
SWEEP_LIMIT_S = 5.0
_SWEEP_PAUSE_S = 0.02


class TaskFolders:
    """The folders and logs of all runs; all methods may wait for the disk and belong in a thread.

    Parameters
    ----------
    directory
        Made when missing; one server at a time may use it.
    """

    def __init__(self, directory: Path) -> None:
        self._work, self._logs, self._kept = directory / "work", directory / "logs", directory / "kept"
        for path in (self._work, self._logs, self._kept):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)

    def make(self, run_id: str, arguments: Arguments, credentials: bytes) -> Path:
        """Make the folder of a run, and put in it what only the run may read."""
        folder = self._work / run_id
        for path in (folder, folder / FILES, folder / TEMPORARY):
            path.mkdir(mode=0o700)
        for name, content in ((ARGUMENTS_FILE, msgspec.json.encode(arguments)), (CREDENTIALS_FILE, credentials)):
            fd = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(fd, "wb") as file:
                file.write(content)
        return folder

    def log(self, run_id: str) -> Path:
        """Return where the log of a run lies, or would lie."""
        return self._logs / f"{run_id}.log"

    def lines(self, run_id: str, count: int) -> list[str]:
        """Return the last lines of a run's log, none where there is no log (any more)."""
        with contextlib.suppress(FileNotFoundError), open(self.log(run_id), "rb") as file:
            return [line.rstrip(b"\n").decode(errors="replace") for line in deque(file, maxlen=count)]
        return []

    def remove(self, run_id: str) -> None:
        """Remove what a run left in its folder."""
        _remove(self._work / run_id)

    def keep(self, run_id: str) -> None:
        """Remove a run's folder but for the files it worked on, which somebody wants to look at."""
        with contextlib.suppress(OSError):
            os.rename(self._work / run_id / FILES, self._kept / run_id)
        self.remove(run_id)

    def forget(self, run_ids: Iterable[str]) -> None:
        """Remove the logs of runs, and their files where they were kept."""
        for run_id in run_ids:
            self.log(run_id).unlink(missing_ok=True)
            _remove(self._kept / run_id)

    def end(self, run_id: str) -> int:
        """Kill every process of a run; return how many there were."""
        return _kill(lambda folder: folder == str(self._work / run_id))

    def sweep(self) -> int:
        """Kill every process of any run, and remove all folders, which a killed server left; return how many."""
        prefix = f"{self._work}{os.sep}"
        killed = _kill(lambda folder: folder.startswith(prefix))
        for folder in self._work.iterdir():
            _remove(folder)
        return killed


def _kill(is_meant: Callable[[str], bool]) -> int:
    """Kill all processes whose variable `FOLDER` is meant, until none is left."""
    killed: set[int] = set()
    until = time.monotonic() + SWEEP_LIMIT_S
    while (found := [pid for pid, folder in _processes() if is_meant(folder)]) and time.monotonic() < until:
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in found:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        killed.update(found)
        time.sleep(_SWEEP_PAUSE_S)  # they are nobody's children here: there is nothing to wait for
    return len(killed)


def _processes() -> Iterable[tuple[int, str]]:
    """Yield the running processes that have the variable `FOLDER`, with its value."""
    wanted = f"{FOLDER}=".encode()
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{entry.name}/environ", "rb") as file:
                for variable in file.read().split(b"\0"):
                    if variable.startswith(wanted):
                        yield int(entry.name), os.fsdecode(variable.removeprefix(wanted))


def _remove(path: Path) -> None:
    """Remove a folder, also where something in it was made unreadable."""
    for folder, _, _ in os.walk(path):
        with contextlib.suppress(OSError):
            os.chmod(folder, 0o700)
    shutil.rmtree(path, ignore_errors=True)
