"""What a replica is told of the door that it answers itself; words between our own processes."""

from __future__ import annotations

from msgspec import Struct


class DoorPlan(Struct, frozen=True, kw_only=True):
    """Where a deployment answers, to whom, and how much at once.

    ``path`` is what inferences are sent to, percent-encoded, with ``/{pipeline_name}`` behind it or not; ``queue`` the
    requests that are worked on or wait at once; ``body_budget`` the bytes of all bodies under way in one replica.
    """

    path: str
    pipeline_name: str
    token: str
    body_limit: int
    body_budget: int
    queue: int
    time_limit_s: float

    def __repr__(self) -> str:
        """Return everything but the token."""
        return f"DoorPlan(path={self.path!r}, pipeline_name={self.pipeline_name!r}, token='*****')"


class Retire(Struct, frozen=True, kw_only=True):
    """To take no more connections, and close those that are idle for so many seconds."""

    idle_s: float
