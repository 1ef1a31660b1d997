"""A process that does nothing but send load, and has no part of any server in it."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from types import TracebackType

from tests.benchmarks import load


class LoadProcess:
    """Runs one job after the other until it is closed."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))

    def run(self, job: load.Job) -> load.Load:
        """Return what came of a job."""
        result: load.Load = self._pool.submit(load.run, job).result()
        return result

    def __enter__(self) -> LoadProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()
