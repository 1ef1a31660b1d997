"""What ``/proc`` says of this user's processes: which one it is, what it carries, whom it started.

A process id alone says nothing, because ids are given out again. A process is known by its id and the moment it began,
and as one of ours by a mark: a variable of its environment that all it starts inherits.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

from jupyter_wallaroo.types.process import Identity

_STATE, _PARENT, _USER_TIME, _SYSTEM_TIME, _STARTED = 0, 1, 11, 12, 19
"""Fields of ``/proc/*/stat`` after the name, which may itself hold anything."""


def identity(pid: int) -> Identity | None:
    """Return who has this id, None when nobody does who still runs."""
    fields = _stat(pid)
    return Identity(pid, int(fields[_STARTED])) if fields and fields[_STATE] not in "ZX" else None


def is_alive(process: Identity) -> bool:
    """Tell whether it still runs."""
    return identity(process.pid) == process


def cpu_seconds(pid: int) -> float:
    """Return how much CPU time a process has used, all its threads together; 0 when it is gone."""
    fields = _stat(pid)
    return (int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def carries(pid: int, mark: str) -> bool:
    """Tell whether a process of this user has ``mark`` (``NAME=value``) in the environment it was started with."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark.encode() in file.read().split(b"\0")
    except OSError:
        return False


def family(mark: str, *, besides: Identity | None = None) -> set[Identity]:
    """Return the running processes that carry ``mark``, and all that they started; this process is never one.

    Parameters
    ----------
    mark
        ``NAME=value``, as their environment holds it.
    besides
        One that is left out, with all that it started.
    """
    parents: dict[int, int] = {}
    found: dict[int, Identity] = {}
    for pid in _pids():
        fields = _stat(pid)
        if fields and fields[_STATE] not in "ZX":
            parents[pid] = int(fields[_PARENT])
            found[pid] = Identity(pid, int(fields[_STARTED]))
    ours = {pid for pid in found if pid != os.getpid() and carries(pid, mark)}
    left_out = {besides.pid} if besides is not None else set()
    return {
        found[pid]
        for pid in found
        if (line := {pid, *_ancestors(pid, parents)}) and not ours.isdisjoint(line) and left_out.isdisjoint(line)
    }


def send(process: Identity, number: signal.Signals) -> None:
    """Send a signal to this process and to no other that has its id by now."""
    try:
        fd = os.pidfd_open(process.pid)
    except OSError:
        return
    try:
        if is_alive(process):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(fd, number)
    finally:
        os.close(fd)


def _ancestors(pid: int, parents: dict[int, int]) -> Iterator[int]:
    seen = {pid}
    while (pid := parents.get(pid, 0)) and pid not in seen:
        seen.add(pid)
        yield pid


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _stat(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2].decode().split()
    except OSError:
        return []
