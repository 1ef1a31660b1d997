"""The vendor's deployment configuration, read (contract/deployment_config.md)."""

from __future__ import annotations

import re
from typing import Any

from jupyter_wallaroo import strict_json
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.supervisor.spec import Resources
from jupyter_wallaroo.types.deployment import EngineConfig

MAX_REPLICAS = 64
MAX_CPUS = 1024.0
MIN_MEMORY_BYTES = 128 * 2**20
MAX_MEMORY_BYTES = 64 * 2**40
MAX_TEXT = 40

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_MEMORY = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT]i?)?B?")


def engine_config(given: EngineConfig | str | None) -> EngineConfig:
    """Return a configuration as an object: an object, JSON text of one, or nothing is accepted (A6)."""
    if given is None:
        return {}
    value = strict_json.decode_document(given.encode()) if isinstance(given, str) else given
    if not isinstance(value, dict):
        raise InvalidRequest(f"'engine_config': expected an object; got {type(value).__name__}.")
    return value


def resources(config: EngineConfig, defaults: Resources) -> Resources:
    """Return what a configuration asks for; unknown keys are left alone.

    Parameters
    ----------
    config
        ``{"engine": {"replicas", "autoscale", "cpu", "resources": {"limits": {"cpu", "memory"}}}, …}``.
    defaults
        What holds where it says nothing.

    Raises
    ------
    InvalidRequest
        Names the key, what was expected and what was got.
    """
    engine = _object(config.get("engine"), "engine")
    limits = _object(_object(engine.get("resources"), "engine.resources").get("limits"), "engine.resources.limits")
    autoscale = _object(engine.get("autoscale"), "engine.autoscale")
    replicas = _said(engine.get("replicas"), autoscale.get("replica_min") or None)
    cpus = _said(engine.get("cpu"), limits.get("cpu"))
    memory = limits.get("memory")
    return Resources(
        replicas=defaults.replicas if replicas is None else _replicas(replicas),
        cpus=defaults.cpus if cpus is None else _cpus(cpus),
        memory_bytes=defaults.memory_bytes if memory is None else memory_bytes(memory),
    )


def _said(first: Any, second: Any) -> Any:
    return second if first is None else first


def _object(value: Any, key: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"'engine_config': {key} should be an object; got {value!r:.60}.")
    return value


def _replicas(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_REPLICAS:
        return value
    raise InvalidRequest(
        f"'engine_config': engine.replicas should be a whole number from 1 to {MAX_REPLICAS}; got {value!r:.60}."
    )


def _cpus(value: Any) -> float:
    try:
        number = 0.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = 0.0
    if 0 < number <= MAX_CPUS:
        return number
    raise InvalidRequest(
        f"'engine_config': engine.cpu should be a number above 0, such as 0.25 or 2; got {value!r:.60}."
    )


def memory_bytes(value: Any) -> int:
    """Return an amount of memory such as ``"1Gi"`` or ``"512Mi"`` in bytes."""
    match = _MEMORY.fullmatch(str(value)[:MAX_TEXT].strip())
    size = int(float(match[1]) * _UNITS[match[2] or ""]) if match else 0
    if MIN_MEMORY_BYTES <= size <= MAX_MEMORY_BYTES:
        return size
    raise InvalidRequest(
        "'engine_config': engine.resources.limits.memory should be an amount from 128Mi to 64Ti, such as '1Gi'; "
        f"got {value!r:.60}."
    )
