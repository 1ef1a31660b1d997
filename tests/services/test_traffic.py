"""Live figures: what is counted where, and how near the percentiles are."""

from __future__ import annotations

import asyncio
from typing import cast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jupyter_wallaroo.services.pipelines import PipelineService
from jupyter_wallaroo.services.traffic import KEPT_SLOTS, RECENT_S, SLOT_S, TrafficService
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.names import instant, now
from jupyter_wallaroo.types.pipeline import Pipeline
from jupyter_wallaroo.types.traffic import GetTraffic, Traffic


class _EveryPipeline:
    """Knows any pipeline."""

    async def require(self, pipeline_id: int) -> tuple[Pipeline, int]:
        present = instant(now())
        return Pipeline(id=pipeline_id, name=f"p{pipeline_id}", created_at=present, updated_at=present), 1


class Watched:
    """A service whose clock stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0
        self.service = TrafficService(cast(PipelineService, _EveryPipeline()), lambda: self.now_s)

    def get(self, pipeline_id: int = 1) -> Traffic:
        return asyncio.run(self.service.get(cast(Caller, None), GetTraffic(pipeline_id=pipeline_id)))


def test_requests_are_counted_in_the_slot_of_their_time() -> None:
    watched = Watched()
    watched.service.observe(1, 200, 0.002, 10, 3)
    watched.service.observe(1, 500, 0.004, 0, 0)
    watched.now_s += SLOT_S
    watched.service.observe(1, 200, 0.001, 1, 0)
    watched.service.observe(2, 200, 0.001, 7, 0)
    traffic = watched.get()
    before, last = traffic.slots[-2:]
    assert (before.requests, before.failed, before.rows, before.anomalies) == (2, 1, 10, 3)
    assert (last.requests, last.failed, last.rows, last.anomalies) == (1, 0, 1, 0)
    assert len(traffic.slots) == KEPT_SLOTS
    assert traffic.total_requests == 3
    assert traffic.slots[0].p50_ms is None


def test_recent_figures_leave_out_the_slot_that_is_not_over() -> None:
    """A rate would sink at the beginning of each slot."""
    watched = Watched()
    watched.service.observe(1, 200, 0.001, 1, 0)
    assert watched.get().recent.requests == 0
    watched.now_s += SLOT_S
    assert watched.get().recent.requests == 1
    watched.now_s += RECENT_S
    assert watched.get().recent.requests == 0
    assert watched.get().slots[-1 - RECENT_S // SLOT_S - 1].requests == 1


def test_what_is_old_is_forgotten() -> None:
    watched = Watched()
    for _ in range(3 * KEPT_SLOTS):
        watched.service.observe(1, 200, 0.001, 1, 0)
        watched.now_s += SLOT_S
    assert sum(slot.requests for slot in watched.get().slots) == KEPT_SLOTS - 1
    assert watched.get().total_requests == 3 * KEPT_SLOTS


def test_a_clock_that_is_set_back_loses_nothing() -> None:
    watched = Watched()
    watched.service.observe(1, 200, 0.001, 1, 0)
    watched.now_s -= 3600
    watched.service.observe(1, 200, 0.001, 1, 0)
    watched.now_s += 3600
    assert watched.get().slots[-1].requests == 2


@given(st.lists(st.floats(0.0002, 100), min_size=1, max_size=200))
def test_percentiles_are_within_five_percent(seconds: list[float]) -> None:
    watched = Watched()
    for taken in seconds:
        watched.service.observe(1, 200, taken, 1, 0)
    last = watched.get().slots[-1]
    for part, found in ((50, last.p50_ms), (95, last.p95_ms), (99, last.p99_ms)):
        assert found is not None
        expected = 1000 * float(np.percentile(seconds, part, method="inverted_cdf"))
        assert abs(found - expected) <= 0.051 * expected
