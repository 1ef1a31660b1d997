"""Live figures of inferences: how many, how fast, how many anomalies, over the last minutes.

A pipeline's requests are counted in slots of five seconds, of which ten minutes are kept: a page that is opened shows
at once what has been, and a server that nobody looks at does nothing but add a few numbers (about 1 µs a request). How
long requests took is kept as counts between bounds that grow by a tenth, which is why percentiles are within 5%.
"""

from __future__ import annotations

import math
import time
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http import HTTPStatus

from jupyter_wallaroo.services.pipelines import PipelineService
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.names import instant
from jupyter_wallaroo.types.tally import BOUNDS_S, GROWTH, Tally
from jupyter_wallaroo.types.traffic import GetTraffic, Traffic, TrafficSlot

SLOT_S = 5
KEPT_SLOTS = 120
RECENT_S = 60


class _Slot:
    """The requests of one pipeline in one slot; ``number`` counts slots since the epoch."""

    __slots__ = ("anomalies", "durations", "failed", "number", "requests", "rows")

    def __init__(self, number: int) -> None:
        self.number = number
        self.requests = 0
        self.failed = 0
        self.rows = 0
        self.anomalies = 0
        self.durations = array("L", bytes(array("L").itemsize * (len(BOUNDS_S) + 1)))


class _Flow:
    """The slots of one pipeline that saw a request."""

    __slots__ = ("slots", "total")

    def __init__(self) -> None:
        self.slots: deque[_Slot] = deque(maxlen=KEPT_SLOTS)
        self.total = 0


class TrafficService:
    """Counts inferences at the door, and tells what it counted.

    Parameters
    ----------
    pipelines
        Knows which pipelines there are.
    clock
        Seconds since the epoch.
    """

    def __init__(self, pipelines: PipelineService, clock: Callable[[], float] = time.time) -> None:
        self._pipelines = pipelines
        self._clock = clock
        self._flows: dict[int, _Flow] = {}

    def observe(self, pipeline_id: int, status: int, seconds: float, rows: int, anomalies: int) -> None:
        """Count one request.

        Parameters
        ----------
        pipeline_id
            Which pipeline it was sent to.
        status
            Of the answer.
        seconds
            From when its headers had come to when the answer was handed on.
        rows, anomalies
            That were answered, and that a validation marked.
        """
        slot = self._slot(pipeline_id, 1)
        slot.requests += 1
        slot.failed += status >= HTTPStatus.BAD_REQUEST
        slot.rows += rows
        slot.anomalies += anomalies
        slot.durations[bisect_left(BOUNDS_S, seconds)] += 1

    def add(self, pipeline_id: int, tally: Tally) -> None:
        """Count the requests that a replica's own door has answered since it was last asked."""
        slot = self._slot(pipeline_id, tally.total)
        slot.requests += tally.total
        slot.failed += sum(count for status, count in tally.requests.items() if status >= HTTPStatus.BAD_REQUEST)
        slot.rows += tally.rows
        slot.anomalies += tally.anomalies
        for place, count in tally.durations.items():
            slot.durations[place] += count

    def _slot(self, pipeline_id: int, requests: int) -> _Slot:
        """Return the slot of this moment, for so many requests more."""
        flow = self._flows.get(pipeline_id)
        if flow is None:
            flow = self._flows[pipeline_id] = _Flow()
        number = int(self._clock()) // SLOT_S
        slots = flow.slots
        if not slots or slots[-1].number < number:
            slots.append(_Slot(number))
        flow.total += requests
        return slots[-1]  # a clock that was set back counts on where it was

    async def get(self, caller: Caller, request: GetTraffic) -> Traffic:
        """Return what went through a pipeline in the last ten minutes.

        Raises
        ------
        NotFound
            No such pipeline.
        """
        pipeline, _ = await self._pipelines.require(request.pipeline_id)
        flow = self._flows.get(pipeline.id) or _Flow()
        present = int(self._clock()) // SLOT_S
        seen = {slot.number: slot for slot in flow.slots}
        recent = range(present - RECENT_S // SLOT_S, present)
        return Traffic(
            slot_s=SLOT_S,
            slots=[_sum(number, [seen[number]] if number in seen else []) for number in _kept(present)],
            recent=_sum(recent.start, [seen[number] for number in recent if number in seen]),
            recent_s=RECENT_S,
            total_requests=flow.total,
        )


def _kept(present: int) -> range:
    return range(present - KEPT_SLOTS + 1, present + 1)


def _sum(number: int, slots: Iterable[_Slot]) -> TrafficSlot:
    """Return what slots counted together, as of the slot with a number."""
    slots = list(slots)
    durations = [sum(counts) for counts in zip(*(slot.durations for slot in slots), strict=True)]
    return TrafficSlot(
        start=instant(datetime.fromtimestamp(number * SLOT_S, UTC)),
        requests=sum(slot.requests for slot in slots),
        failed=sum(slot.failed for slot in slots),
        rows=sum(slot.rows for slot in slots),
        anomalies=sum(slot.anomalies for slot in slots),
        p50_ms=_percentile(durations, 0.50),
        p95_ms=_percentile(durations, 0.95),
        p99_ms=_percentile(durations, 0.99),
    )


def _percentile(durations: list[int], part: float) -> float | None:
    """Return the time in ms that ``part`` of the requests took at most, the middle of its bounds; None without any."""
    rank = part * sum(durations)
    reached = 0
    for index, count in enumerate(durations):
        reached += count
        if count and reached >= rank:
            above = BOUNDS_S[min(index, len(BOUNDS_S) - 1)]
            return round(1000 * above / math.sqrt(GROWTH), 3)
    return None
