"""A Jupyter Enterprise Gateway in an environment of its own, which is built once: it pins an old jupyter-server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.counterparts import environments

_REQUIREMENTS = ("jupyter_enterprise_gateway==3.3.*", "ipykernel")


@dataclass(frozen=True)
class GatewayProgram:
    """An installed gateway: what starts it, and the ``sys.prefix`` of its own kernels."""

    command: str
    prefix: str


@contextlib.contextmanager
def enterprise_gateway(cache: Path) -> Iterator[GatewayProgram]:
    """Install the gateway in ``cache`` when it is not there yet; nothing is started."""
    python = environments.made(cache, "enterprise-gateway", _REQUIREMENTS)
    yield GatewayProgram(str(python.parent / "jupyter-enterprisegateway"), str(python.parent.parent))
