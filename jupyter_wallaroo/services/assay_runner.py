"""Runs assays when they are due.

The database says what is due; nothing else remembers it. A run's results and the step to the next run are written in
one transaction, so that a kill at any moment neither loses nor doubles a window, and after a start everything that
came due meanwhile is done. Without active assays nothing happens at all.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import islice

from jupyter_wallaroo.errors import InvalidRequest, NotFound, WallarooError
from jupyter_wallaroo.services import assay_schedule, assay_status
from jupyter_wallaroo.services.analysis import AnalysisService
from jupyter_wallaroo.services.clock import Clock
from jupyter_wallaroo.store import assays
from jupyter_wallaroo.store.assays import Found, Progress
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.assay_definition import StoredAssay
from jupyter_wallaroo.types.drift import Analyses, Baseline, SpanBaseline, SummaryBaseline
from jupyter_wallaroo.types.event import AssayAction, AssayChanged, Notify

_log = logging.getLogger(__name__)

SETTLE_MS = 1000
"""How long after its end a window is looked at: by then what was answered in it is in the log."""
BATCH = 100
"""Windows of one assay that are analysed before the turn passes to the next."""
RETRY_MS = 5_000
LONGEST_RETRY_MS = 300_000


class AssayRunner:
    """The loop over everything that is due.

    Parameters
    ----------
    store
        Where assays are kept.
    analysis
        Compares.
    clock
        Says what time it is.
    notify
        Told of every run.
    """

    def __init__(self, store: Store, analysis: AnalysisService, clock: Clock, notify: Notify) -> None:
        self._store = store
        self._analysis = analysis
        self._clock = clock
        self._notify = notify
        self._woken = asyncio.Event()
        self._retries: dict[int, tuple[int, int]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, with what came due while the server was away."""
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """End; a run that is cut off is done again at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Look again what is due: an assay was made, or set active or not."""
        self._woken.set()

    async def _work(self) -> None:
        while True:
            try:
                await self._turn()
            except Exception:  # noqa: BLE001  the loop outlives whatever one turn meets
                _log.exception("wallaroo: what is due could not be found out")
                await self._clock.wait(self._clock.now_ms() + RETRY_MS, self._woken)

    async def _turn(self) -> None:
        """Run what is due, or wait until something is."""
        self._woken.clear()
        waiting = [(self._due_ms(key, run_ms), key) for key, run_ms in await self._store.read(assays.due)]
        now_ms = self._clock.now_ms()
        ready = [key for due_ms, key in sorted(waiting) if due_ms <= now_ms]
        for key in ready:
            await self._run(key)
        if not ready:
            await self._clock.wait(min(waiting)[0] if waiting else None, self._woken)

    def _due_ms(self, assay_id: int, run_ms: int) -> int:
        retry_ms, _ = self._retries.get(assay_id, (0, 0))
        return max(run_ms + SETTLE_MS, retry_ms)

    async def _run(self, assay_id: int) -> None:
        try:
            await self._advance(assay_id)
        except Exception as error:  # noqa: BLE001  one assay must not end the runs of all others
            _, last_ms = self._retries.get(assay_id, (0, RETRY_MS // 2))
            pause_ms = min(2 * last_ms, LONGEST_RETRY_MS)
            self._retries[assay_id] = (self._clock.now_ms() + pause_ms, pause_ms)
            is_known = isinstance(error, WallarooError)
            _log.warning("wallaroo: assay %d could not run: %s", assay_id, error, exc_info=not is_known)
        else:
            self._retries.pop(assay_id, None)

    async def _advance(self, assay_id: int) -> None:
        """Analyse what is due of one assay, and write it down."""
        assay = await self._store.read(assays.get, assay_id)
        if assay is None or not assay.active or assay.next_run_ms is None:
            return
        schedule = assay.definition.schedule
        now_ms = self._clock.now_ms()
        due = list(islice(assay_schedule.runs(schedule, assay.next_run_ms, now_ms - SETTLE_MS), BATCH))
        if not due:
            return
        windows = [assay_schedule.window(schedule, run_ms) for run_ms in due]
        found: list[Found] = []
        kept: Baseline | None = None
        try:
            analyses = await self._analysis.analyze(assay.pipeline_id, assay.definition, windows, baseline=assay.kept)
        except (InvalidRequest, NotFound) as refused:
            status = assay_status.refused(now_ms, refused)
        else:
            found = [
                Found(window=window, status=assay_status.of_window(assay.definition, window))
                for window in analyses.windows
            ]
            kept = _kept(assay, analyses, now_ms)
            status = assay_status.ran(now_ms, [item.status for item in found])
        progress = Progress(
            ran_at_ms=now_ms, next_run_ms=assay_schedule.next_run(schedule, due[-1]), kept=kept, status=status
        )
        if await self._store.write(assays.advance, assay, progress, found):
            self._notify(_event(assay, found))


def _event(assay: StoredAssay, found: list[Found]) -> AssayChanged:
    """Return what is told of a run: its worst window, the first of them."""
    worst = max(found, key=lambda item: assay_status.WORST_LAST.index(item.status), default=None)
    return AssayChanged.of(
        assay,
        AssayAction.ANALYZED,
        windows=len(found),
        status=None if worst is None else str(worst.status),
        window_start=None if worst is None else assay_status.moment(worst.window.span.start_ms),
    )


def _kept(assay: StoredAssay, analyses: Analyses, now_ms: int) -> Baseline | None:
    """Return a baseline of the log once its time is over: later windows need its records no more."""
    baseline = assay.definition.baseline
    is_complete = isinstance(baseline, SpanBaseline) and baseline.span.end_ms + SETTLE_MS <= now_ms
    return SummaryBaseline(analyses.baselines) if is_complete and assay.kept is None else None
