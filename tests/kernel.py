"""A kernel that a real server started, used as JupyterLab uses it."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

import httpx
import websocket

READY_PAUSE_S = 1.0


class Address(Protocol):
    """Where a Jupyter server on this machine answers."""

    @property
    def port(self) -> int: ...
    @property
    def base_url(self) -> str: ...
    @property
    def token(self) -> str: ...


@dataclass
class Output:
    """What a cell left: printed text, displayed MIME bundles (its value last), and how it failed."""

    text: str = ""
    displays: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""

    @property
    def html(self) -> str:
        """The HTML of everything displayed."""
        return "\n".join(display.get("text/html", "") for display in self.displays)

    @property
    def plain(self) -> str:
        """The text of everything displayed."""
        return "\n".join(display.get("text/plain", "") for display in self.displays)


class Kernel:
    """A running kernel, by default of the server's own environment; end it with ``with``."""

    def __init__(self, server: Address, name: str = "python3") -> None:
        self._headers = {"Authorization": f"Bearer {server.token}"}
        self._url = f"http://127.0.0.1:{server.port}{server.base_url}api/kernels"
        started = httpx.post(self._url, json={"name": name}, headers=self._headers, trust_env=False)
        assert started.status_code == 201, started.text
        self._id = started.json()["id"]
        self._socket = websocket.create_connection(
            f"{self._url.replace('http', 'ws', 1)}/{self._id}/channels", header=self._headers
        )

    def __enter__(self) -> Kernel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()
        httpx.delete(f"{self._url}/{self._id}", headers=self._headers, trust_env=False)

    def abandon(self) -> None:
        """Let go of it, as a browser that is closed does; more than once is fine."""
        self._socket.close()

    def run(self, code: str, *, limit_s: float = 120.0) -> Output:
        """Run a cell that must succeed, and return what it left."""
        output = self.attempt(code, limit_s=limit_s)
        assert not output.error, f"{code}\n{output.text}\n{output.error}"
        return output

    def value(self, expression: str) -> Any:
        """Return the value of an expression, by way of JSON."""
        return json.loads(self.run(f"import json\nprint(json.dumps(({expression}), default=str))").text)

    def attempt(self, code: str, *, limit_s: float = 120.0) -> Output:
        """Run a cell, and return what it left."""
        number = self.begin(code)
        output = Output()
        until = time.monotonic() + limit_s
        while not self._take(number, output, until):
            pass
        return output

    def until_ready(self, *, limit_s: float = 60.0) -> None:
        """Wait until it is heard: behind a gateway, what is said before all is connected may be lost."""
        until = time.monotonic() + limit_s
        while True:
            number = self._send("kernel_info_request", {})
            with contextlib.suppress(websocket.WebSocketTimeoutException):
                while not self._take(number, Output(), time.monotonic() + READY_PAUSE_S):
                    pass
                return
            assert time.monotonic() < until, "the kernel does not answer"

    def interrupt(self) -> None:
        """End what a cell is doing, as the button does."""
        httpx.post(f"{self._url}/{self._id}/interrupt", headers=self._headers, trust_env=False).raise_for_status()

    def begin(self, code: str) -> str:
        """Run a cell without waiting for it, and return the number of its message."""
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        return self._send("execute_request", content)

    def _send(self, kind: str, content: dict[str, Any]) -> str:
        number = uuid.uuid4().hex
        header = {"msg_id": number, "msg_type": kind, "session": "s", "username": "u", "version": "5.3"}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self._socket.send(json.dumps({**message, "buffers": []}))
        return number

    def _take(self, number: str, output: Output, until: float) -> bool:
        """Take one message; tell whether the cell has ended."""
        self._socket.settimeout(max(0.1, until - time.monotonic()))
        said = json.loads(self._socket.recv())
        if said.get("parent_header", {}).get("msg_id") != number:
            return False
        kind, content = said["msg_type"], said["content"]
        if kind == "stream":
            output.text += content["text"]
        elif kind in ("display_data", "execute_result"):
            output.displays.append(content["data"])
        elif kind == "error":
            output.error = "\n".join(content["traceback"])
        return kind == "status" and content["execution_state"] == "idle"
