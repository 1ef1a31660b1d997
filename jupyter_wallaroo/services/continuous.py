"""Tasks that run all the time: started again when they end, later and later when they do not last."""

from __future__ import annotations

import asyncio
import logging
import uuid

from jupyter_wallaroo.services.clock import Clock
from jupyter_wallaroo.services.task_runs import TaskRunner
from jupyter_wallaroo.store import tasks
from jupyter_wallaroo.store.db import Store

_log = logging.getLogger(__name__)

LASTED_MS = 60_000
"""A run that lasted this long was no crash."""
LONGEST_PAUSE_MS = 60_000
CRASH_LOOP = 3
"""Runs in a row that did not last, after which a task is said to be in a crash loop."""


class ContinuousTasks:
    """Keeps tasks running; they take no place in the queue.

    Parameters
    ----------
    store
        Where tasks are kept.
    runner
        Runs a run.
    clock
        Says what time it is.
    """

    def __init__(self, store: Store, runner: TaskRunner, clock: Clock) -> None:
        self._store = store
        self._runner = runner
        self._clock = clock
        self._loops: dict[str, asyncio.Task[None]] = {}

    def begin(self, task_id: str) -> None:
        """Keep a task running from now on, until it is paused or killed; more than once is fine."""
        if task_id not in self._loops:
            loop = self._loops[task_id] = asyncio.get_running_loop().create_task(self._keep(task_id))
            loop.add_done_callback(lambda _: self._loops.pop(task_id, None))

    async def end(self, task_id: str) -> None:
        """Let a task rest that waits for its next run; a run under way is ended by whoever wants that."""
        loop = self._loops.get(task_id)
        if loop is not None:
            loop.cancel()
            await asyncio.gather(loop, return_exceptions=True)

    async def stop(self) -> None:
        """End every run."""
        loops = list(self._loops.values())
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)

    async def _keep(self, task_id: str) -> None:
        while True:
            try:
                if not await self._run_again(task_id):
                    return
            except Exception:  # noqa: BLE001  the loop outlives whatever one run meets
                _log.exception("wallaroo: task %s could not be run", task_id)
                await self._clock.wait(self._clock.now_ms() + LONGEST_PAUSE_MS, asyncio.Event())

    async def _run_again(self, task_id: str) -> bool:
        """Run a task to its end and wait until its next run; False when there is none."""
        begun_ms = self._clock.now_ms()
        run = await self._store.write(tasks.begin_again, task_id, str(uuid.uuid4()), begun_ms)
        if run is None:
            return False
        await self._runner.run(run.id)
        task = await self._store.read(tasks.get, task_id)
        assert task is not None, "tasks are not removed"
        if task.is_killed or task.is_paused:
            return False
        now_ms = self._clock.now_ms()
        failures = 0 if now_ms - begun_ms >= LASTED_MS else task.failures + 1
        await self._store.write(tasks.set_failures, task_id, failures)
        if failures:
            until_ms = now_ms + pause_ms(failures)
            while self._clock.now_ms() < until_ms:
                await self._clock.wait(until_ms, asyncio.Event())
        return True


def pause_ms(failures: int) -> int:
    """Return how long to wait after so many runs in a row that did not last: 1, 2, 4 … 60 s.

    Examples
    --------
    >>> [pause_ms(failures) for failures in (1, 2, 3, 9)]
    [1000, 2000, 4000, 60000]
    """
    return min(1000 << min(failures - 1, 10), LONGEST_PAUSE_MS)
