"""The vendor's deployment configuration, read (contract/deployment_config.md)."""

from __future__ import annotations

import copy
import re
from typing import Any

from jupyter_wallaroo import strict_json
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services import autoscale, placement
from jupyter_wallaroo.supervisor.spec import Resources
from jupyter_wallaroo.types.deployment import EngineConfig

MAX_REPLICAS = 64
MAX_CPUS = 1024.0
MIN_MEMORY_BYTES = 128 * 2**20
MAX_MEMORY_BYTES = 64 * 2**40
MAX_TEXT = 40

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
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
        ``{"engine": {"replicas", "autoscale", "cpu", "gpu", "node_selector", "resources": {"limits": {"cpu",
        "memory"}}}, …}``.
    defaults
        What holds where it says nothing.

    Raises
    ------
    InvalidRequest
        Names the key, what was expected and what was got.
    """
    engine = _object(config.get("engine"), "engine")
    limits = _object(_object(engine.get("resources"), "engine.resources").get("limits"), "engine.resources.limits")
    block = _object(engine.get("autoscale"), "engine.autoscale")
    scaling = autoscale.autoscale(block, MAX_REPLICAS)
    said = _said(engine.get("replicas"), autoscale.minimum(block, MAX_REPLICAS))
    replicas = defaults.replicas if said is None else _replicas(said)
    cpus = _said(engine.get("cpu"), limits.get("cpu"))
    memory = limits.get("memory")
    return Resources(
        replicas=scaling.bounded(replicas) if scaling else replicas,
        cpus=defaults.cpus if cpus is None else _cpus(cpus),
        memory_bytes=defaults.memory_bytes if memory is None else memory_bytes(memory),
        gpus=placement.gpus(engine.get("gpu"), limits, "engine.gpu"),
        labels=placement.labels(engine.get("node_selector")),
        autoscale=scaling,
    )


def sidekick(config: EngineConfig, uid: str, defaults: Resources) -> Resources:
    """Return what a configuration asks for a model in a process of its own.

    Parameters
    ----------
    config
        ``{"engineAux": {"images": {uid: {"resources": {"limits": {"cpu", "memory"}}}}}, …}``.
    uid
        ``{model name}-{model version id}``.
    defaults
        What holds where it says nothing.

    Raises
    ------
    InvalidRequest
        Names the key, what was expected and what was got.
    """
    limits = _object(_object(_image(config, uid).get("resources"), f"{uid}.resources").get("limits"), f"{uid}.limits")
    cpus, memory = limits.get("cpu"), limits.get("memory")
    return Resources(
        replicas=1,
        cpus=defaults.cpus if cpus is None else _cpus(cpus),
        memory_bytes=defaults.memory_bytes if memory is None else memory_bytes(memory),
        gpus=placement.gpus(None, limits, f"{uid}.limits"),
    )


def sidekick_variables(config: EngineConfig, uid: str) -> dict[str, str]:
    """Return the environment variables that a configuration gives a model in a process of its own.

    Raises
    ------
    InvalidRequest
        They are not a list of names and values.
    """
    given = _image(config, uid).get("env") or []
    try:
        variables = {str(item["name"]): str(item["value"]) for item in given}
    except (TypeError, KeyError):
        variables = {"": ""}
    if not all(_VARIABLE.fullmatch(name) and "\0" not in value for name, value in variables.items()):
        raise InvalidRequest(
            f"'engine_config': engineAux.images.{uid}.env should be a list of {{name, value}}; got {given!r:.60}."
        )
    return variables


def with_resources(
    config: EngineConfig, *, replicas: int | None = None, cpus: float | None = None, memory: str | None = None
) -> EngineConfig:
    """Return a configuration that asks for other resources, as the vendor's builder writes them; None: as before.

    A number of replicas is meant to stay: it ends autoscaling.

    Examples
    --------
    >>> with_resources({"engine": {"cpu": 1}}, replicas=2)
    {'engine': {'cpu': 1, 'replicas': 2}}
    """
    changed = copy.deepcopy(config)
    engine = changed["engine"] = _object(changed.get("engine"), "engine")
    if replicas is not None:
        engine["replicas"] = _replicas(replicas)
        engine.pop("autoscale", None)
    if cpus is not None:
        engine["cpu"] = _cpus(cpus)
    if memory is not None:
        memory_bytes(memory)
    for name, value in (("cpu", cpus), ("memory", memory)):
        if value is not None:
            asked = engine["resources"] = _object(engine.get("resources"), "engine.resources")
            for part in ("limits", "requests"):
                asked[part] = _object(asked.get(part), f"engine.resources.{part}") | {name: value}
    return changed


def check_sidekicks(config: EngineConfig, defaults: Resources) -> None:
    """Refuse a configuration of which some model's part is wrong."""
    for uid in _images(config):
        sidekick(config, uid, defaults)
        sidekick_variables(config, uid)


def _images(config: EngineConfig) -> dict[str, Any]:
    return _object(_object(config.get("engineAux"), "engineAux").get("images"), "engineAux.images")


def _image(config: EngineConfig, uid: str) -> dict[str, Any]:
    return _object(_images(config).get(uid), f"engineAux.images.{uid}")


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
