"""How many replicas a load calls for: no processes and no clocks, only numbers.

`called_for` judges one look at the load, absolutely: it says how many replicas that load needs, not how many more. So
replicas that are still starting are not asked for twice, and a steady load comes to rest. `decide` judges looks over
time: more replicas as soon as pressure has lasted `PRESSURE_S`, fewer only when no look within a whole window called
for as many as there are, and then as many as the busiest of those looks called for.
"""

from __future__ import annotations

import math

from msgspec import Struct

from jupyter_wallaroo.supervisor.spec import Autoscale, Trigger

PRESSURE_S = 0.2
"""How long pressure has to last: two looks, so that one request among many that comes late does not count."""
TOLERANCE = 0.1
"""By which share the use of processors may miss its goal without any change; Kubernetes has the same."""


class Look(Struct, frozen=True, kw_only=True):
    """The load at one moment.

    ``at_s`` is of the monotonic clock. ``waiting`` are requests in flight, at least 1 when any came since the look
    before; ``busy`` is how many replicas' shares of the processors are used, None when that is not known yet.
    """

    at_s: float
    waiting: int
    busy: float | None = None


class Trend(Struct, frozen=True, kw_only=True):
    """What earlier looks told: since when they call for more or for fewer, and for how many.

    ``least`` is what every look under pressure called for at least, ``most`` what any calm one called for at most.
    """

    pressed_s: float | None = None
    least: int = 0
    calm_s: float | None = None
    most: int = 0


def called_for(policy: Autoscale, look: Look, replicas: int) -> int:
    """Return how many replicas a load calls for where there are ``replicas``, within the policy's bounds."""
    if policy.trigger is Trigger.CPU:
        if look.busy is None:
            return policy.bounded(replicas)
        needed = look.busy * 100 / policy.cpu_utilization
        is_near = abs(needed - replicas) <= TOLERANCE * replicas
        return policy.bounded(replicas if is_near else math.ceil(needed))
    if not look.waiting:
        return policy.minimum
    needed_whole = math.ceil(look.waiting / policy.scale_up_queue_depth)
    if look.waiting > policy.scale_up_queue_depth * replicas:
        return policy.bounded(needed_whole)
    # One fewer, not as few as the queue would allow: that it is short may be because there are so many.
    is_calm = look.waiting < policy.scale_down_queue_depth * replicas
    return policy.bounded(max(needed_whole, replicas - 1) if is_calm else replicas)


def decide(policy: Autoscale, trend: Trend, look: Look, replicas: int) -> tuple[int, Trend]:
    """Return how many replicas there should be now, and what the next look is to be judged by.

    Parameters
    ----------
    trend
        What was returned with the look before, `Trend()` at first.
    replicas
        How many there are, those that are starting included.
    """
    called = called_for(policy, look, replicas)
    if not policy.minimum <= replicas <= policy.maximum:
        return policy.bounded(replicas), Trend()
    if called > replicas:
        pressed_s = look.at_s if trend.pressed_s is None else trend.pressed_s
        least = called if trend.pressed_s is None else min(called, trend.least)
        if look.at_s - pressed_s >= PRESSURE_S:
            return least, Trend()
        return replicas, Trend(pressed_s=pressed_s, least=least)
    if called < replicas:
        calm_s = look.at_s if trend.calm_s is None else trend.calm_s
        most = max(called, trend.most)
        if look.at_s - calm_s >= policy.window_s:
            return most, Trend()
        return replicas, Trend(calm_s=calm_s, most=most)
    return replicas, Trend()
