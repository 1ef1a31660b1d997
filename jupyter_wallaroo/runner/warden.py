"""Guards one run of a task: ``python -P -m jupyter_wallaroo.runner.warden FOLDER``; only the server starts it.

SIGTERM ends the run, first politely. When the server dies the kernel sends SIGHUP, and everything is killed at once.
How it ended is the only thing that is written to the standard output, when nothing of the run is left.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from jupyter_wallaroo.engine.process import die_with_parent, limit
from jupyter_wallaroo.runner import tree
from jupyter_wallaroo.runner.log import Log
from jupyter_wallaroo.types.task_process import MAX_REASON, REASON_FILE, START_FILE, Ending, TaskEnd, TaskStart

CHECK_PERIOD_S = 0.1
GRACE_S = 3.0
"""How long a run that is ended may take to clean up."""
PART_BYTES = 64 * 1024


class Warden:
    """Runs a task to its end.

    Parameters
    ----------
    start
        What to run.
    """

    def __init__(self, start: TaskStart) -> None:
        self._start = start
        self._folder = Path(start.folder)
        self._told: set[int] = set()
        self._end: TaskEnd | None = None
        self._exit_code: int | None = None

    def run(self) -> TaskEnd:
        """Return how the run ended, when nothing of it is left."""
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, lambda number, _: self._told.add(number))
        die_with_parent(self._start.parent, signal.SIGHUP)
        tree.adopt_orphans()
        output, theirs = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(output, False)
        with Log(Path(self._start.log), self._start.limits.log_bytes) as log, selectors.DefaultSelector() as selector:
            self._pid = self._launch(theirs)
            os.close(theirs)
            selector.register(woken, selectors.EVENT_READ)
            selector.register(output, selectors.EVENT_READ)
            self._watch(selector, output, log)
            codes = tree.kill_all()
            self._exit_code = codes.get(self._pid, self._exit_code)
            _drain(output, log)
        return msgspec.structs.replace(self._end or self._exited(), exit_code=self._exit_code)

    def _launch(self, output: int) -> int:
        command = [self._start.interpreter, "-P", "-m", "jupyter_wallaroo.runner.task", str(self._folder)]
        process = subprocess.Popen(
            command,
            cwd=self._folder,
            env={**os.environ, **self._start.variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        process.returncode = 0  # it is waited for here, with everything else that becomes a child
        return process.pid

    def _watch(self, selector: selectors.BaseSelector, output: int, log: Log) -> None:
        """Take down what is printed until the run has ended or has to."""
        begun = time.monotonic()
        checked = begun
        kill_at: float | None = None
        while True:
            for key, _ in selector.select(CHECK_PERIOD_S):
                if key.fd == output:
                    if not _take(output, log):
                        selector.unregister(output)
                else:
                    with contextlib.suppress(BlockingIOError):
                        os.read(key.fd, PART_BYTES)
            now = time.monotonic()
            self._exit_code = tree.reap().get(self._pid, self._exit_code)
            if self._exit_code is not None or signal.SIGHUP in self._told:
                return
            if now - checked >= CHECK_PERIOD_S:
                checked = now
                self._check_limits()
            if kill_at is None:
                kill_at = self._ended_politely(now, begun)
            if (kill_at is not None and now >= kill_at) or (self._end and self._end.ending is Ending.LIMIT):
                return

    def _ended_politely(self, now: float, begun: float) -> float | None:
        """Ask the run to end when its time is over or somebody wants that; return when it has to be gone."""
        limit_s = self._start.time_limit_s
        if signal.SIGTERM in self._told:
            self._end = TaskEnd(ending=Ending.KILLED, reason="it was killed")
        elif limit_s and now - begun >= limit_s:
            self._end = TaskEnd(ending=Ending.TIMED_OUT, reason=f"it ran for longer than its timeout of {limit_s} s")
        else:
            return None
        tree.tell(tree.descendants(), signal.SIGTERM)
        return now + GRACE_S

    def _check_limits(self) -> None:
        limits = self._start.limits
        pids = tree.descendants()
        if limits.processes and len(pids) > limits.processes:
            self._end = TaskEnd(ending=Ending.LIMIT, reason=f"it had more than {limits.processes} processes")
        elif limits.memory_bytes and tree.resident_bytes(pids) > limits.memory_bytes:
            said = f"it used more than its memory limit of {limits.memory_bytes // 2**20} MiB"
            self._end = TaskEnd(ending=Ending.LIMIT, reason=said)

    def _exited(self) -> TaskEnd:
        code = self._exit_code
        if code == 0:
            return TaskEnd(ending=Ending.EXITED)
        if code is None:
            return TaskEnd(ending=Ending.LOST, reason="the server ended")
        if code < 0:
            reason = f"ended by {signal.Signals(-code).name}"
            if -code in (signal.SIGXCPU, signal.SIGKILL) and self._start.limits.cpu_s:
                reason += f", perhaps for its CPU limit of {self._start.limits.cpu_s} s"
        else:
            reason = _said(self._folder / REASON_FILE) or f"exited with status {code}"
        return TaskEnd(ending=Ending.EXITED, reason=reason)


def _take(output: int, log: Log) -> bool:
    """Take down what was printed since; False when nobody is left who could print."""
    try:
        part = os.read(output, PART_BYTES)
    except BlockingIOError:
        return True
    log.take(part)
    return bool(part)


def _drain(output: int, log: Log) -> None:
    """Take down what is still in the pipe; somebody outside the run may have it open, and is not waited for."""
    with contextlib.suppress(BlockingIOError):
        while part := os.read(output, PART_BYTES):
            log.take(part)
    os.close(output)


def _said(path: Path) -> str:
    """Return the last words of the run, which may be anything, and anything may be where they should be."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with open(fd, "rb") as file:
        return file.read(4 * MAX_REASON).decode(errors="replace")[:MAX_REASON]


def main(folder: Path) -> None:
    """Guard one run to its end, and say how that came."""
    limit(memory_bytes=0)
    end = Warden(msgspec.json.decode((folder / START_FILE).read_bytes(), type=TaskStart)).run()
    os.write(sys.stdout.fileno(), msgspec.json.encode(end))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
