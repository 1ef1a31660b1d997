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
    parents: dict[int, int] = {}
    usage: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                number = int(entry.name)
                parents[number] = int(fields[1])
                usage[number] = (sum(int(field) for field in fields[11:15]), int(fields[21]))
    tree = {root}
    while more := {child for child, parent in parents.items() if parent in tree} - tree:
        tree |= more
    found = [usage[number] for number in tree if number in usage]
    return Used(sum(ticks for ticks, _ in found) * _TICK_S, sum(pages for _, pages in found) * _PAGE / 2**20)
