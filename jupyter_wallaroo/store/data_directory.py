"""The data directory: private to one OS user, open in one server at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from jupyter_wallaroo.errors import Unavailable

_LOG_PREFIX = "pipeline-"


class DataDirectory:
    """An exclusively held data directory; the kernel gives it up when the process dies.

    Parameters
    ----------
    path
        Made (mode 0700) when missing.

    Raises
    ------
    Unavailable
        Another server has it open, or it belongs to another user.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.stat().st_uid != os.geteuid():
            raise Unavailable(
                f"The data directory {path.name!r} belongs to another user of this machine.",
                hint="Set WallarooApp.data_directory to a directory of your own.",
            )
        path.chmod(0o700)
        self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._lock)
            raise Unavailable(
                f"Another Jupyter server (process {holder}) has the data directory open.",
                hint="Stop that server, or give this one its own directory: --WallarooApp.data_directory=PATH",
                retry_after_s=10,
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    @property
    def blobs(self) -> Path:
        """Where model files lie."""
        return self.path / "blobs"

    @property
    def archives(self) -> Path:
        """Where the archives of orchestrations lie."""
        return self.path / "orchestrations"

    @property
    def logs(self) -> Path:
        """Where inference logs lie, one directory per pipeline."""
        return self.path / "logs"

    @property
    def keys(self) -> Path:
        """Where the keys lie that connections' details are sealed with."""
        return self.path / "secrets.key"

    @property
    def empty(self) -> Path:
        """An empty directory for engine processes to work in."""
        path = self.path / "empty"
        path.mkdir(exist_ok=True, mode=0o700)
        return path

    @property
    def sidekicks(self) -> Path:
        """Where each sidekick has a directory of its own; what a killed server left there is removed."""
        path = self.path / "sidekicks"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        return path

    @property
    def steps(self) -> Path:
        """Where the steps of runs have their directories while they run."""
        path = self.path / "steps"
        path.mkdir(exist_ok=True, mode=0o700)
        return path

    @property
    def step_blobs(self) -> Path:
        """Where the sources of steps and what steps left lie."""
        return self.path / "step_blobs"

    @property
    def environments(self) -> Path:
        """Where the environments of models and orchestrations with requirements lie."""
        return self.path / "environments"

    @property
    def sessions(self) -> Path:
        """Where each session has a private directory, which outlives the server as the session does."""
        return self.path / "sessions"

    @property
    def tasks(self) -> Path:
        """Where runs of tasks work and log."""
        return self.path / "tasks"

    def pipeline_log(self, pipeline_id: int) -> Path:
        """Return the directory of one pipeline's inference log."""
        return self.logs / f"{_LOG_PREFIX}{pipeline_id}"

    @staticmethod
    def pipeline_of_log(name: str) -> int | None:
        """Return the pipeline whose log is in the directory called ``name``, None when that is no such directory."""
        number = name.removeprefix(_LOG_PREFIX)
        return int(number) if number.isdecimal() and number != name else None

    def pipeline_journal(self, pipeline_id: int) -> Path:
        """Return where the replicas of one pipeline append to."""
        return self.pipeline_log(pipeline_id) / "journal"

    def close(self) -> None:
        """Give the directory up; more than once is fine."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
