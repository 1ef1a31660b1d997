"""Where the processes of this machine reach the server."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from jupyter_server.utils import url_path_join

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "localhost": "127.0.0.1", "::": "::1"}  # noqa: S104
"""What a server that listens on all addresses is called here; "::" is IPv6 alone, as Tornado binds it."""


def local_url(serverapp: ServerApp, path: str) -> str:
    """Return the URL of ``path`` below the base URL: on the loopback, or on the one address that is listened to."""
    scheme = "https" if serverapp.certfile else "http"
    host = _LOOPBACK.get(serverapp.ip, serverapp.ip)
    return f"{scheme}://{_bracketed(host)}:{serverapp.port}{url_path_join(serverapp.base_url, path)}"


def _bracketed(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host
