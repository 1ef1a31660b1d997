"""Wallaroo's model-serving workflow inside one Jupyter server.

Jupyter and IPython ask this module for their hooks; it imports nothing heavy.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

__all__ = ["__version__"]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server where the extension application lives."""
    from jupyter_wallaroo.server.app import WallarooApp

    return [{"module": "jupyter_wallaroo", "app": WallarooApp}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab's development tools where the built front end lies."""
    return [{"src": "labextension", "dest": "jupyter-wallaroo"}]


def load_ipython_extension(ipython: Any) -> None:
    """Let ``import wallaroo`` find the client, and add ``%wl`` (``%load_ext jupyter_wallaroo``)."""
    from jupyter_wallaroo import alias
    from jupyter_wallaroo.magics import hook

    alias.install()
    hook.install(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Take the name ``wallaroo`` back, and ``%wl`` (``%unload_ext jupyter_wallaroo``)."""
    from jupyter_wallaroo import alias
    from jupyter_wallaroo.magics import hook

    alias.uninstall()
    hook.uninstall(ipython)
