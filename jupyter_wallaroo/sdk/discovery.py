"""Which server ``Client()`` means when nobody says: the one named by the environment, else the kernel's own.

In order:

1. the arguments of ``Client``, then ``WALLAROO_URL`` and ``WALLAROO_SDK_CREDENTIALS`` (contract/auth.md);
2. the file in which the Jupyter server that started this kernel says its address and token;
3. JupyterHub's variables, for the address, the token, or both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.auth import Credentials, read_credentials

API_NAME = "wallaroo"
"""What follows Jupyter's own base URL in ours."""


class RunningServer(Struct, frozen=True, kw_only=True):
    """A Jupyter server as its own file ``jpserver-<pid>.json`` describes it; ``url`` ends with a slash."""

    url: str
    token: str = ""

    def __repr__(self) -> str:
        """Return everything but the token."""
        return f"RunningServer(url={self.url!r})"


def find(
    api_endpoint: str | None = None, token: str | None = None, environ: Mapping[str, str] = os.environ
) -> tuple[str, Credentials]:
    """Return the API endpoint, without a slash at its end, and the credentials for it.

    Raises
    ------
    InvalidRequest
        No server, or no token for it, is known; says what to do.
    """
    running = _parent_server(environ) or _hub_server(environ)
    endpoint = api_endpoint or environ.get("WALLAROO_URL") or (running and f"{running.url.rstrip('/')}/{API_NAME}")
    if not endpoint:
        raise InvalidRequest(
            "No server found: this Python was not started by Jupyter, and WALLAROO_URL is not set.",
            hint="Run it in a notebook, or call Client('http://localhost:8888/wallaroo', token='…').",
        )
    if urlsplit(endpoint).scheme not in ("http", "https"):
        raise InvalidRequest(
            f"The API endpoint {endpoint!r:.100} is not an http or https URL.",
            hint="It is Jupyter's own address followed by /wallaroo, such as http://localhost:8888/wallaroo.",
        )
    return endpoint.rstrip("/"), _credentials(endpoint, token, running, environ)


def _credentials(
    endpoint: str, token: str | None, running: RunningServer | None, environ: Mapping[str, str]
) -> Credentials:
    if token is not None:
        return Credentials(token=token)
    path = environ.get("WALLAROO_SDK_CREDENTIALS")
    if path and _is_meant(endpoint, environ.get("WALLAROO_URL")):
        return read_credentials(path)
    if running is not None and running.token and endpoint.startswith(running.url.rstrip("/") + "/"):
        return Credentials(token=running.token)
    raise InvalidRequest(
        f"No token is known for the server at {endpoint}.",
        hint="Give it as Client(…, token='…'), or name a file that holds it in WALLAROO_SDK_CREDENTIALS.",
    )


def _is_meant(endpoint: str, server: str | None) -> bool:
    """Tell whether credentials of the environment are for ``endpoint``: one server's token is not sent to another."""
    return server is None or urlsplit(server)[:2] == urlsplit(endpoint)[:2]


def _parent_server(environ: Mapping[str, str]) -> RunningServer | None:
    """Return the Jupyter server that started this kernel, with the Hub's token where it has none of its own."""
    pid = environ.get("JPY_PARENT_PID", "")
    directory = _runtime_directory(environ)
    if not pid.isdecimal() or directory is None:
        return None
    try:
        body = (directory / f"jpserver-{pid}.json").read_bytes()
        found = msgspec.json.decode(body, type=RunningServer)
    except (OSError, msgspec.MsgspecError):
        return None
    return RunningServer(url=found.url, token=found.token or environ.get("JUPYTERHUB_API_TOKEN", ""))


def _runtime_directory(environ: Mapping[str, str]) -> Path | None:
    if environ.get("JUPYTER_RUNTIME_DIR"):
        return Path(environ["JUPYTER_RUNTIME_DIR"])
    try:
        from jupyter_core.paths import jupyter_runtime_dir
    except ImportError:
        return None
    return Path(jupyter_runtime_dir())


def _hub_server(environ: Mapping[str, str]) -> RunningServer | None:
    """Return the single-user server of a Hub: it listens on ``JUPYTERHUB_SERVICE_URL``, which holds its prefix."""
    token, url = environ.get("JUPYTERHUB_API_TOKEN"), environ.get("JUPYTERHUB_SERVICE_URL")
    if not token or not url:
        return None
    parts = urlsplit(url)
    host = "127.0.0.1" if parts.hostname in (None, "0.0.0.0", "::") else parts.hostname  # noqa: S104  read, not bound
    address = f"[{host}]" if ":" in host else host
    netloc = f"{address}:{parts.port}" if parts.port else address
    path = environ.get("JUPYTERHUB_SERVICE_PREFIX") or parts.path
    return RunningServer(url=urlunsplit((parts.scheme, netloc, path, "", "")), token=token)
