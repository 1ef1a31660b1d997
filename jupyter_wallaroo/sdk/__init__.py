"""The client: what ``import wallaroo`` gives in a notebook, with the surface that Wallaroo's tutorials use.

It works with no server package loaded: httpx carries it, and pandas and pyarrow come in with the first data. One module
per noun; a noun's class asks the server through `client.Client.api`, the only place that speaks HTTP.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from jupyter_wallaroo import __version__
from jupyter_wallaroo.sdk.client import Client
from jupyter_wallaroo.sdk.deployment_config import DeploymentConfigBuilder
from jupyter_wallaroo.sdk.engine_config import Acceleration, Architecture
from jupyter_wallaroo.sdk.framework import Framework

if TYPE_CHECKING:
    from types import ModuleType

    from jupyter_wallaroo.sdk import graph, step

__all__ = [
    "Acceleration",
    "Architecture",
    "Client",
    "DeploymentConfigBuilder",
    "Framework",
    "__version__",
    "graph",
    "step",
]


def __getattr__(name: str) -> ModuleType:
    """Import what only graphs of steps need when somebody asks for it."""
    if name in ("graph", "step"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
