"""The client: what ``import wallaroo`` gives in a notebook, with the surface that Wallaroo's tutorials use.

It works with no server package loaded: httpx carries it, and pandas and pyarrow come in with the first data. One module
per noun; a noun's class asks the server through `client.Client.api`, the only place that speaks HTTP.
"""

from __future__ import annotations

from jupyter_wallaroo import __version__
from jupyter_wallaroo.sdk import graph, step
from jupyter_wallaroo.sdk.client import Client
from jupyter_wallaroo.sdk.deployment_config import DeploymentConfigBuilder
from jupyter_wallaroo.sdk.engine_config import Acceleration, Architecture
from jupyter_wallaroo.sdk.framework import Framework

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
