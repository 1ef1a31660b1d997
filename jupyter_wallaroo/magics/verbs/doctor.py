"""``%wl doctor``: where am I, is it healthy, and one block to paste into a bug report. Holds no secrets."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from jupyter_wallaroo.errors import WallarooError
from jupyter_wallaroo.magics.results import Facts
from jupyter_wallaroo.magics.verb import Call, Verb
from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.sdk.client import Client
from jupyter_wallaroo.types.config import Health

_PACKAGES = (
    "jupyter-wallaroo", "ipython", "ipykernel", "jupyter-server", "jupyterlab", "notebook", "httpx", "msgspec", "numpy",
    "pandas", "pyarrow", "onnxruntime", "scikit-learn", "skl2onnx", "xgboost", "xgboost-cpu", "torch",
)  # fmt: skip
_VARIABLES = ("WALLAROO_URL", "WALLAROO_SDK_CREDENTIALS", "WALLAROO_REQUEST_TIMEOUT", "WALLAROO_RESULT_STYLE")


class Report(Facts):
    """The facts, as a block that can be copied."""

    def html(self) -> str:
        """Return the text as it is to be pasted."""
        lines = "\n".join(display.cell(line) for line in self.text().splitlines())
        return f"<pre>{lines}</pre>"


def _run(call: Call) -> Report:
    facts: dict[str, object] = {}
    try:
        facts |= _server(call.client)
    except WallarooError as error:
        facts["server"] = f"✖ {error.message}"
        if error.hint:
            facts["next step"] = error.hint
    facts["python"] = f"{platform.python_version()} at {_short(sys.executable)}"
    facts["platform"] = f"{platform.platform()}, {os.cpu_count()} CPUs"
    facts["directory"] = _short(str(Path.cwd()))
    facts["package"] = _short(str(Path(__file__).parents[2]))
    facts["set in the environment"] = (
        ", ".join(name for name in _VARIABLES if os.environ.get(name)) or "nothing of ours"
    )
    facts |= {name: version for name in _PACKAGES if (version := _version(name))}
    return Report("jupyter-wallaroo doctor", facts)


def _server(client: Client) -> dict[str, object]:
    health = client.api.get("health", Health)
    workspace = client.get_current_workspace()
    mark = "●" if health.status == "ok" else "◐"
    return {
        "server": f"{mark} {health.status}, version {health.version} at {_without_user(client.api_endpoint)}",
        "deployments": f"{health.deployments}, {health.replicas_running} of {health.replicas_wanted} replicas run",
        "engines": health.launcher,
        "workspace": f"{workspace.name()} (id {workspace.id()})",
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _short(path: str) -> str:
    """Return a path without the name of whoever is at home there."""
    home = str(Path.home())
    return f"~{path.removeprefix(home)}" if path.startswith(f"{home}{os.sep}") else path


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


VERB = Verb("doctor", "versions, paths, server and engines: one block for a bug report, without secrets", _run)
