"""The autoscaling block of a deployment configuration, read (contract/deployment_config.md)."""

from __future__ import annotations

import math
from typing import Any

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.supervisor.spec import Autoscale, Trigger

DEFAULT_CPU_UTILIZATION = 50.0
"""The vendor's."""
DEFAULT_SCALE_DOWN_DEPTH = 1.0
DEFAULT_WINDOW_S = 300.0
MAX_DEPTH = 10**6
MAX_WINDOW_S = 86_400.0
_PLACE = "'engine_config': engine.autoscale"
_OFF = "none"


def autoscale(block: dict[str, Any], most: int) -> Autoscale | None:
    """Return how the number of replicas follows the load, None when it does not.

    Parameters
    ----------
    block
        ``{"replica_min", "replica_max", "type", "cpu_utilization", "scale_up_queue_depth", "scale_down_queue_depth",
        "autoscaling_window"}``. ``replica_min`` alone is a number of replicas to begin with and stay at.
    most
        How many replicas a deployment may have.

    Raises
    ------
    InvalidRequest
        Names the key, what was expected and what was got.

    Notes
    -----
    By CPU there is always one replica, whatever the minimum: nothing would tell when to start the first again. So it
    is with the vendor, whose lowest minimum by CPU is 1 though its builder says 0.
    """
    minimum = _whole(block, "replica_min", 0, most)
    maximum = _whole(block, "replica_max", 1, most)
    trigger = _trigger(block)
    if trigger is None or (maximum is None and _says_nothing_more(block)):
        return None
    if maximum is None:
        raise InvalidRequest(
            f"{_PLACE}.replica_max should say up to how many replicas there may be; got nothing.",
            hint="replica_autoscale_min_max(maximum=…) of the builder sets it.",
        )
    if minimum is not None and minimum > maximum:
        raise InvalidRequest(f"{_PLACE}.replica_min should be at most replica_max, {maximum}; got {minimum}.")
    up = _number(block, "scale_up_queue_depth", MAX_DEPTH)
    down = _number(block, "scale_down_queue_depth", MAX_DEPTH)
    window_s = _number(block, "autoscaling_window", MAX_WINDOW_S)
    utilization = _number(block, "cpu_utilization", 100)
    if trigger is Trigger.QUEUE and up is None:
        raise InvalidRequest(
            f"{_PLACE}.scale_up_queue_depth should say above how many waiting requests per replica one is added; "
            "got nothing."
        )
    if up is not None and down is not None and down > up:
        raise InvalidRequest(
            f"{_PLACE}.scale_down_queue_depth should be at most scale_up_queue_depth, {up:g}; got {down:g}."
        )
    up = 1.0 if up is None else up
    return Autoscale(
        trigger=trigger,
        minimum=max(minimum or 0, 1 if trigger is Trigger.CPU else 0),
        maximum=maximum,
        cpu_utilization=DEFAULT_CPU_UTILIZATION if utilization is None else utilization,
        scale_up_queue_depth=up,
        scale_down_queue_depth=min(DEFAULT_SCALE_DOWN_DEPTH, up) if down is None else down,
        window_s=DEFAULT_WINDOW_S if window_s is None else window_s,
    )


def minimum(block: dict[str, Any], most: int) -> int | None:
    """Return how many replicas a block asks for at least, None when it does not say, or says 0."""
    return _whole(block, "replica_min", 0, most) or None


def _says_nothing_more(block: dict[str, Any]) -> bool:
    return not any(block.get(name) is not None for name in ("type", "cpu_utilization", "scale_up_queue_depth"))


def _trigger(block: dict[str, Any]) -> Trigger | None:
    said = block.get("type")
    if said is None:
        return Trigger.QUEUE if block.get("scale_up_queue_depth") is not None else Trigger.CPU
    if said == _OFF:
        return None
    if said not in list(Trigger):
        raise InvalidRequest(f"{_PLACE}.type should be 'cpu', 'queue' or 'none' here; got {said!r:.60}.")
    return Trigger(said)


def _whole(block: dict[str, Any], name: str, least: int, most: int) -> int | None:
    value = block.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and least <= value <= most):
        return value
    raise InvalidRequest(f"{_PLACE}.{name} should be a whole number from {least} to {most}; got {value!r:.60}.")


def _number(block: dict[str, Any], name: str, most: float) -> float | None:
    value = block.get(name)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and 0 < value <= most:
        return float(value)
    raise InvalidRequest(f"{_PLACE}.{name} should be a number above 0, at most {most:g}; got {value!r:.60}.")
