"""A private Jupyter server in a process of its own, on a free port, with directories of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import httpx

from jupyter_wallaroo.errors import Unavailable

START_LIMIT_S = 60.0
STOP_LIMIT_S = 30.0


class PrivateServer:
    """A Jupyter server that only this program uses; it ends with this program, however that ends.

    Parameters
    ----------
    directory
        Where it keeps everything; used again, it finds what it left.
    base_url
        The path it lives under, as ``/`` or ``/user/bob/``.
    options
        Further command line options of the application.
    application
        The module that is run: ``jupyter_server``, or one with pages, as ``jupyterlab``.
    python
        The interpreter that runs it; default: this one.
    environment
        The variables of its process; default: those of this one.

    Examples
    --------
    >>> with PrivateServer(Path("/tmp/demo")) as server:  # doctest: +SKIP
    ...     server.client.get("health").json()
    """

    def __init__(
        self,
        directory: Path,
        *,
        base_url: str = "/",
        options: tuple[str, ...] = (),
        application: str = "jupyter_server",
        python: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.base_url = base_url
        self.token = secrets.token_hex(16)
        self.log_path = directory / "server.log"
        self._options = options
        self._application = application
        self._python = sys.executable if python is None else str(python)
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._tie: int | None = None
        self.port = 0
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def api_url(self) -> str:
        """The absolute URL of ``v1/api``."""
        return f"http://127.0.0.1:{self.port}{self.base_url}wallaroo/v1/api"

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._process is not None, "the server was not started"
        return self._process.pid

    @property
    def client(self) -> httpx.Client:
        """A new client that sends the token; whoever takes it closes it."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.api_url + "/", headers=headers, timeout=60, trust_env=False)

    def start(self) -> None:
        """Start the process and wait until it answers.

        Raises
        ------
        Unavailable
            It ended, or did not answer in time; carries the end of its log.
        """
        self.launch()
        try:
            self.wait()
        except Unavailable:
            self.stop()
            raise

    def launch(self) -> None:
        """Start the process without waiting for it."""
        self.port = _free_port()
        runtime = {name: str(self.directory / name.lower()) for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR")}
        self._untie()
        pipe, self._tie = os.pipe()
        with os.fdopen(pipe, "rb"), open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                [
                    self._python,
                    "-m",
                    "jupyter_wallaroo.demo.tied",
                    str(pipe),
                    self._application,
                    "--no-browser",
                    "--allow-root",
                    "--ServerApp.ip=127.0.0.1",
                    f"--ServerApp.port={self.port}",
                    "--ServerApp.port_retries=0",
                    f"--ServerApp.base_url={self.base_url}",
                    f"--ServerApp.root_dir={self.directory}",
                    f"--WallarooApp.data_directory={self.directory / 'data'}",
                    *self._options,
                ],
                # Not where this program runs: Python would find modules there before those that are installed.
                cwd=self.directory,
                env={
                    **(os.environ if self._environment is None else self._environment),
                    **runtime,
                    "JUPYTER_TOKEN": self.token,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(pipe,),
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until the server answers and its state is open."""
        until = time.monotonic() + START_LIMIT_S
        with self.client as client:
            while time.monotonic() < until and self._process is not None and self._process.poll() is None:
                with contextlib.suppress(httpx.TransportError):
                    if client.get("health").status_code == httpx.codes.OK:
                        return
                time.sleep(0.05)
        tail = self.log_path.read_text(errors="replace")[-2000:]
        raise Unavailable(f"The private Jupyter server did not start:\n{tail}")

    def stop(self) -> None:
        """End the server as a person would, and wait for its end; more than once is fine."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._untie()

    def kill(self) -> None:
        """End the server at once, as a crash would; its children are left to themselves."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
        self._untie()

    def _untie(self) -> None:
        """Let go of what keeps the server running (see `tied`)."""
        tie, self._tie = self._tie, None
        if tie is not None:
            os.close(tie)

    def __enter__(self) -> PrivateServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
