"""Work beside the kernel's main thread: a cell that runs holds up no panel, and a panel holds up no cell."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from jupyter_wallaroo.errors import WallarooError

THREADS = 3
"""Per panel: what lasts, what is polled meanwhile, and what a person asks for beside them."""

REPORT_PAUSE_S = 0.1
"""Reports that follow the last one sooner are left out, unless they are the end."""


class Cancelled(WallarooError):
    """The person who asked for it no longer wants it."""


class Work:
    """One thing that was asked for: tells how far it is, and learns that it is no longer wanted.

    Parameters
    ----------
    report
        Is told ``done``, ``total`` and a few words, by the thread that works.
    """

    def __init__(self, report: Callable[[int, int, str], None]) -> None:
        self._report = report
        self._cancelled = threading.Event()
        self._next_s = 0.0

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Say how far it is.

        Raises
        ------
        Cancelled
            It is no longer wanted.
        """
        if self._cancelled.is_set():
            raise Cancelled(f"Stopped after {done:,} of {total:,}.")
        now_s = time.monotonic()
        if now_s >= self._next_s or done >= total:
            self._next_s = now_s + REPORT_PAUSE_S
            self._report(done, total, text)

    def cancel(self) -> None:
        """Have it end at its next report."""
        self._cancelled.set()


class Workers:
    """The threads of one panel; they are started by the first work, and `close` ends them."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._working: dict[str, Work] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def start(self, key: str, work: Work, call: Callable[[Work], None]) -> Future[None] | None:
        """Have a thread do ``call(work)``; None when the panel is closed."""
        with self._lock:
            if self._is_closed:
                return None
            if self._pool is None:
                self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="wallaroo-panel")
            self._working[key] = work
            future = self._pool.submit(call, work)
        future.add_done_callback(lambda _: self._working.pop(key, None))
        return future

    def cancel(self, key: str) -> None:
        """Have a work end, if it still goes on."""
        work = self._working.get(key)
        if work is not None:
            work.cancel()

    def close(self) -> None:
        """Cancel everything and take nothing more; more than once is fine."""
        with self._lock:
            self._is_closed = True
            pool, self._pool = self._pool, None
            going_on = list(self._working.values())
        for work in going_on:
            work.cancel()
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
