"""All processes that descend from this one, wherever they went: new sessions and daemons too (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> list[int]:
    """Return the process ids of this process's descendants, parents first."""
    found: list[int] = []
    waiting = _children(os.getpid())
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += _children(pid)
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    return found


def resident_bytes(pids: list[int]) -> int:
    """Return how much memory processes have for themselves, what they share with others left out."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/statm", "rb") as file:
            _, resident, shared, *_ = file.read().split()
            total += (int(resident) - int(shared)) * _PAGE_BYTES
    return total


def tell(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to processes, some of which may be gone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def reap() -> dict[int, int]:
    """Take note of the children that have ended; return their exit codes, negative for a signal."""
    ended: dict[int, int] = {}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            ended[pid] = os.waitstatus_to_exitcode(status)
    return ended


def kill_all() -> dict[int, int]:
    """End every descendant and wait until there is none; return the exit codes of those that were children.

    They are stopped first, so that none can start another while the others are being found.
    """
    ended: dict[int, int] = {}
    while True:
        known: set[int] = set()
        while fresh := set(descendants()) - known:
            tell(list(fresh), signal.SIGSTOP)
            known |= fresh
        tell(list(known), signal.SIGKILL)
        try:
            pid, status = os.waitpid(-1, 0)
        except ChildProcessError:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)
        ended |= reap()


def threads_of(user: int) -> int:
    """Return how many threads a user has on this machine, which is what the limit on processes counts."""
    total = 0
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with contextlib.suppress(OSError):
                if path.stat().st_uid == user:
                    total += len(os.listdir(path / "task"))
    return total
