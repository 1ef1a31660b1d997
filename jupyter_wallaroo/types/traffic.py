"""What goes through a pipeline, in slots of a few seconds: for a chart, and for one line of figures."""

from __future__ import annotations

from msgspec import Struct


class GetTraffic(Struct, frozen=True, kw_only=True):
    """``pipelines/get_traffic``: of a pipeline by id."""

    pipeline_id: int


class TrafficSlot(Struct, frozen=True, kw_only=True):
    """The requests that were answered in one slot of time.

    ``start`` is when it began (ISO 8601). ``failed`` counts answers of 400 and above; ``rows`` those answered,
    ``anomalies`` those that a validation marked. The percentiles of the time taken are in milliseconds, within 5%, and
    None when there was no request.
    """

    start: str
    requests: int
    failed: int
    rows: int
    anomalies: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class Traffic(Struct, frozen=True, kw_only=True):
    """``pipelines/get_traffic``'s answer: slots of ``slot_s`` seconds, the oldest first; the last is not over yet.

    ``recent`` sums up the slots that are over of the last minute; ``total_requests`` is since the server started.
    """

    slot_s: int
    slots: list[TrafficSlot]
    recent: TrafficSlot
    recent_s: int
    total_requests: int
