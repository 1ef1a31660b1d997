"""What a deployment configuration says of the machines that may run it: graphics processors and labels.

One machine has what it has; a cluster of several chooses by this (contract/deployment_config.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jupyter_wallaroo.errors import InvalidRequest

MAX_GPUS = 64.0
GPU_KEYS = ("nvidia.com/gpu", "gpu.intel.com/i915", "amd.com/gpu", "qualcomm.com/qaic")
"""What the vendor's builders call graphics processors among resources, by the kind of acceleration."""

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?")


def gpus(said: object, limits: Mapping[str, Any], key: str) -> float:
    """Return how many graphics processors are asked for, 0 for none; a part of one is possible.

    Parameters
    ----------
    said
        ``engine.gpu``, which comes first, None where it is missing.
    limits
        The ``resources.limits`` beside it.
    key
        The key that a message names.

    Raises
    ------
    InvalidRequest
        Names the key, what was expected and what was got.
    """
    value = said if said is not None else next((limits[name] for name in GPU_KEYS if name in limits), 0)
    try:
        number = -1.0 if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = -1.0
    if 0 <= number <= MAX_GPUS:
        return number
    raise InvalidRequest(
        f"'engine_config': {key} should be a number of graphics processors from 0 to {MAX_GPUS:g}; got {value!r:.60}."
    )


def labels(selector: object) -> dict[str, str]:
    """Return the labels that a machine must have: ``"name=value"``, or an object of such, or nothing.

    Raises
    ------
    InvalidRequest
        It is neither, or no label's text.

    Examples
    --------
    >>> labels("zone=north")
    {'zone': 'north'}
    """
    if selector in (None, "", {}):
        return {}
    given = dict([selector.split("=", 1)]) if isinstance(selector, str) and "=" in selector else selector
    if isinstance(given, dict) and all(_is_label(name, value) for name, value in given.items()):
        return given
    raise InvalidRequest(
        f"'engine_config': engine.node_selector should be a label of a machine, as 'name=value'; got {selector!r:.60}."
    )


def _is_label(name: object, value: object) -> bool:
    return bool(isinstance(name, str) and isinstance(value, str) and _NAME.fullmatch(name) and _VALUE.fullmatch(value))
