"""Wallaroo's model-serving workflow inside one Jupyter server.

Jupyter asks this module for its hooks; it imports nothing heavy.
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
