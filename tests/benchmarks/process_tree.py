"""What a process and everything that came of it have used, as Linux counts it."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Used:
    """CPU seconds since the processes began, and resident memory now; pages that processes share count for each."""

    cpu_s: float
    rss_mib: float


def used(root: int) -> Used:
    """Return what the process ``root`` and its descendants have used, those that have ended and been waited for too."""
    parents, usage = _processes()
    found = [usage[number] for number in _tree(root, parents)]
    return Used(sum(ticks for ticks, _ in found) * _TICK_S, sum(pages for _, pages in found) * _PAGE / 2**20)


def worked_s(root: int) -> float:
    """Return the CPU seconds of the threads of a process and its descendants that live now, to the microsecond.

    For differences over a time in which no thread ends: `used` counts in steps of 10 ms.
    """
    total_ns = 0
    for number in _tree(root, _processes()[0]):
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{number}/task").iterdir():
                total_ns += int((thread / "schedstat").read_text().split()[0])
    return total_ns / 1e9


def _processes() -> tuple[dict[int, int], dict[int, tuple[int, int]]]:
    """Return the parent of each process, and its ticks and pages."""
    parents: dict[int, int] = {}
    usage: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                number = int(entry.name)
                parents[number] = int(fields[1])
                usage[number] = (sum(int(field) for field in fields[11:15]), int(fields[21]))
    return parents, usage


def _tree(root: int, parents: dict[int, int]) -> set[int]:
    tree = {root} & parents.keys()
    while more := {child for child, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return tree
