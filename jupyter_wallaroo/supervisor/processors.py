"""How many processors this server may use, and how many threads a process gets of them."""

from __future__ import annotations

import functools
import math
import os
from pathlib import Path

_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS")
"""Who else makes a thread per core: OpenMP (pyarrow's pool goes by it as well), BLAS, numexpr, tokenizers."""
_IO_POOL = "ARROW_IO_THREADS"
_MOUNT = Path("/sys/fs/cgroup")


@functools.cache
def processors() -> float:
    """Return how many processors this process may use: by its affinity, and by the quota of its control group."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(float(allowed), quota(_MOUNT, _group()))


def quota(mount: Path, group: str) -> float:
    """Return the smallest quota of processors among a control group and those it lies in; infinity without any.

    Parameters
    ----------
    mount
        Where control groups (version 2) are mounted.
    group
        The group's path below it, as ``/user.slice/a.scope``.
    """
    found = math.inf
    place = mount / group.strip("/")
    for folder in (place, *place.parents):
        if not folder.is_relative_to(mount):
            break
        try:
            most, period = (folder / "cpu.max").read_text().split()
        except (OSError, ValueError):
            continue
        if most != "max":
            found = min(found, int(most) / int(period))
    return found


def used_s() -> float | None:
    """Return how long the processors of this container, or else of this machine, have computed, in s; None: unknown."""
    try:
        lines = dict(line.split() for line in (_MOUNT / "cpu.stat").read_text().splitlines())
        return int(lines["usage_usec"]) / 1e6
    except (OSError, ValueError, KeyError):
        pass
    try:
        times = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    except (OSError, ValueError, IndexError):
        return None
    idle = sum(times[3:5])  # idle, and waiting for disks
    return (sum(times[:8]) - idle) / os.sysconf("SC_CLK_TCK")


def threads(cpus: float) -> int:
    """Return how many threads a process may compute with at once that has a share of ``cpus`` processors.

    One at least; no more than there are processors, because threads of one inference that wait for each other's turn on
    a processor are slower than fewer.
    """
    return max(1, min(math.floor(cpus), math.ceil(processors())))


def thread_variables(count: int) -> dict[str, str]:
    """Return the variables by which libraries compute with ``count`` threads, where each would make one per core."""
    return {**dict.fromkeys(_POOLS, str(count)), _IO_POOL: str(max(2, count))}


def _group() -> str:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return ""
    return next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "")
