"""What a door counted: requests, and how long they took."""

from __future__ import annotations

from msgspec import Struct

SHORTEST_S = 0.0001
GROWTH = 1.1
BOUNDS_S = tuple(SHORTEST_S * GROWTH**power for power in range(150))
"""From 0.1 ms to 147 s, longer than a request may take; percentiles between them are within 5%."""

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""What Prometheus is told of."""


class Tally(Struct, frozen=True, kw_only=True):
    """Requests of one pipeline: by the status of their answers, and how many took how long.

    ``durations`` counts by the number of the bound in `BOUNDS_S` that each took at most, ``buckets`` by that in
    `BUCKETS_S`; what took longer than the last comes after it.
    """

    requests: dict[int, int]
    rows: int
    anomalies: int
    seconds: float
    durations: dict[int, int]
    buckets: dict[int, int]

    @property
    def total(self) -> int:
        """How many requests there were."""
        return sum(self.requests.values())
