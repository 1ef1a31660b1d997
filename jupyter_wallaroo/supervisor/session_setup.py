"""What a session's two processes are told: commands, variables, and files with their settings and tokens."""

from __future__ import annotations

import os
import pwd
import secrets
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from jupyter_wallaroo.secret import Secret
from jupyter_wallaroo.supervisor.process import environment

MARK = "KERNEL_WALLAROO_SESSION"
"""The variable that all processes of a session carry; the server and the gateway hand ``KERNEL_…`` on to kernels."""
TOKEN_BYTES = 32
ROOT_STANDS_FOR = "jovyan"
"""Whose kernels those of root are said to be: a gateway refuses kernels of ``root``."""

_NOT_FOR_GATEWAYS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX")
"""Of this server's own environment; the gateway has another one."""
_FOR_GATEWAYS = ("EG_", "DOCKER_", "KUBE")
"""By which operators configure gateways."""
_RESPONSES = {"EG_RESPONSE_IP": "127.0.0.1", "EG_RESPONSE_PORT_RETRIES": "100"}
"""Where kernels in containers answer a gateway; an operator who has such says an address that they reach."""
_FOR_KERNELS = ("WALLAROO_URL", "WALLAROO_SDK_AUTH_TYPE", "WALLAROO_SDK_CREDENTIALS")
"""By which ``wallaroo.Client()`` finds this server; they hold no token but the name of the file with one."""
_FOR_SERVERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_CONFIG_PATH", "JUPYTER_DATA_DIR", "JUPYTER_PATH")


class SessionSpec(Struct, frozen=True, kw_only=True):
    """What a session is made of.

    Parameters
    ----------
    id
        Its UUID, which marks its processes.
    directory
        Its own, private: configuration, logs, and below ``jupyter`` its kernelspecs.
    project
        The folder that its server shows and its kernels work in.
    gateway_command
        What starts the gateway, as a program and its arguments.
    """

    id: str
    directory: Path
    project: Path
    gateway_command: list[str]

    @property
    def mark(self) -> str:
        """What the environment of all its processes holds."""
        return f"{MARK}={self.id}"


class Command(Struct, frozen=True):
    """How to start a process: its arguments, and all its variables."""

    arguments: list[str]
    variables: dict[str, str]


class SessionSetup:
    """The settings of one session; its methods wait for the disk and belong in a thread.

    Parameters
    ----------
    spec
        What the session is made of; its directory is made when missing.

    Notes
    -----
    Tokens are in files that only their user may read: none is in a command line, an environment or a log.
    """

    def __init__(self, spec: SessionSpec) -> None:
        self._spec = spec
        self.gateway_token = Secret("")
        self.server_token = Secret("")

    def make(self) -> None:
        """Make the directory and new tokens."""
        for directory in (self._spec.directory.parent, self._spec.directory, self._runtime):
            directory.mkdir(exist_ok=True, mode=0o700)
        self.gateway_token, self.server_token = (Secret(secrets.token_urlsafe(TOKEN_BYTES)) for _ in range(2))

    def find(self) -> None:
        """Read the tokens of an earlier start from what the server was told then; without the file they stay empty."""
        try:
            settings = msgspec.json.decode((self._spec.directory / "server.json").read_bytes())
            self.server_token = Secret(str(settings["IdentityProvider"]["token"]))
            self.gateway_token = Secret(str(settings["GatewayClient"]["auth_token"]))
        except (OSError, msgspec.MsgspecError, KeyError, TypeError):
            return

    @property
    def _runtime(self) -> Path:
        return self._spec.directory / "runtime"

    def gateway(self, port: int) -> Command:
        """Return what starts the gateway on a port of the loopback."""
        settings: dict[str, object] = {
            "auth_token": self.gateway_token.reveal(),
            "ip": "127.0.0.1",
            "port": port,
            "port_retries": 0,
            "list_kernels": True,
        }
        config = self._written("gateway", {"EnterpriseGatewayApp": settings, "Application": {"log_level": "WARN"}})
        given = {
            name: value for name, value in os.environ.items() if name.startswith(_FOR_GATEWAYS) or name in _FOR_KERNELS
        }
        own = {name: value for name, value in environment().items() if name not in _NOT_FOR_GATEWAYS}
        variables = _RESPONSES | own | given | self._common()
        for_kernels = [name for name in variables if not name.startswith((*_FOR_GATEWAYS, "JUPYTER_"))]
        variables["EG_INHERITED_ENVS"] = ",".join(filter(None, [*for_kernels, given.get("EG_INHERITED_ENVS")]))
        variables["JUPYTER_PATH"] = str(self._spec.directory / "jupyter")
        return Command([*self._spec.gateway_command, f"--config={config}"], variables)

    def server(self, port: int, gateway_port: int) -> Command:
        """Return what starts the Jupyter server on a port of the loopback, connected to the gateway on another."""
        settings: dict[str, object] = {
            "ip": "127.0.0.1",
            "port": port,
            "port_retries": 0,
            "open_browser": False,
            "allow_root": os.geteuid() == 0,
            "root_dir": str(self._spec.project),
            "log_level": "WARN",
            # It holds no models: this server does, and its data directory is open in one server at a time.
            "jpserver_extensions": {"jupyter_wallaroo": False},
        }
        config = self._written(
            "server",
            {
                "ServerApp": settings,
                "IdentityProvider": {"token": self.server_token.reveal()},
                "GatewayClient": {"auth_token": self.gateway_token.reveal()},
            },
        )
        given = {name: value for name, value in os.environ.items() if name in _FOR_SERVERS}
        gateway_url = f"http://127.0.0.1:{gateway_port}"
        arguments = [sys.executable, "-P", "-m", "jupyter_server", f"--gateway-url={gateway_url}", f"--config={config}"]
        return Command(arguments, environment() | given | self._common())

    def _common(self) -> dict[str, str]:
        user = os.environ.get("KERNEL_USERNAME") or pwd.getpwuid(os.geteuid()).pw_name
        user = ROOT_STANDS_FOR if user == "root" else user
        return {"JUPYTER_RUNTIME_DIR": str(self._runtime), "KERNEL_USERNAME": user, MARK: self._spec.id}

    def _written(self, name: str, settings: dict[str, object]) -> Path:
        path = self._spec.directory / f"{name}.json"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(settings))
        return path
