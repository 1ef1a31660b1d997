"""How long the machine kept a process waiting that could have run: what limits of time should not count."""

from __future__ import annotations

import time
from pathlib import Path


def waited_s(pid: int | None = None) -> float:
    """Return for how long the main thread of a process, by default of this one, waited for a processor since its start.

    0 where the kernel does not tell, or the process is gone.
    """
    try:
        return int(Path(f"/proc/{pid or 'self'}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


class Stopwatch:
    """Measures from now on, without the time that this thread and those of some processes had to wait.

    Parameters
    ----------
    pids
        Processes that take turns with this one, as a server that is asked does.
    """

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._started = self._now()

    def own_s(self) -> float:
        """Return how long it would have taken on a machine that nothing else keeps busy."""
        return self._now() - self._started

    def _now(self) -> float:
        return time.monotonic() - waited_s() - sum(waited_s(pid) for pid in self._pids)
