"""A panel's browser half without a browser: sends what JavaScript would send, and takes what it would get."""

from __future__ import annotations

import itertools
import queue
import time
from types import TracebackType
from typing import Any

from comm.base_comm import BaseComm

from jupyter_wallaroo.widgets.panel import Panel

LIMIT_S = 60.0


class RecordingComm(BaseComm):
    """Keeps what a kernel would publish; its state is what a notebook would save."""

    def __init__(self, **settings: Any) -> None:
        self.published: queue.Queue[tuple[dict[str, Any], list[bytes]]] = queue.Queue()
        super().__init__(**settings)

    def publish_msg(self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any) -> None:
        if msg_type == "comm_msg" and data["method"] == "custom":
            self.published.put((data["content"], list(buffers or [])))


class Refused(Exception):
    """The panel answered with an error."""

    def __init__(self, error: dict[str, str]) -> None:
        super().__init__(f"{error['message']} {error['hint']}")
        self.message = error["message"]
        self.hint = error["hint"]


class Conversation:
    """Talks with one panel; closes it at the end."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.comm = RecordingComm(target_name="jupyter.widget")
        panel.comm = self.comm
        self._numbers = itertools.count()
        self.progress: list[dict[str, Any]] = []
        self.buffers: list[bytes] = []

    def __enter__(self) -> Conversation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.panel.close()

    def send(self, content: Any) -> None:
        """Send a message as it comes out of a browser."""
        self.comm.handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})

    def begin(self, verb: str, **fields: Any) -> str:
        """Ask something, and return the id of the question."""
        number = f"test-{next(self._numbers)}"
        self.send({"id": number, "ask": {"verb": verb, **fields}})
        return number

    def end(self, number: str) -> Any:
        """Return the answer to a question."""
        until = time.monotonic() + LIMIT_S
        while True:
            said, buffers = self.comm.published.get(timeout=max(0.01, until - time.monotonic()))
            if said["id"] != number:
                continue
            if "progress" in said:
                self.progress.append(said["progress"])
                continue
            self.buffers = buffers
            if "error" in said:
                raise Refused(said["error"])
            return said["value"]

    def ask(self, verb: str, **fields: Any) -> Any:
        """Ask something and return the answer."""
        return self.end(self.begin(verb, **fields))

    def until(self, verb: str, holds: Any, **fields: Any) -> Any:
        """Ask again and again, as a panel that is looked at does, until an answer is as wanted."""
        until = time.monotonic() + LIMIT_S
        while True:
            found = self.ask(verb, **fields)
            if holds(found):
                return found
            assert time.monotonic() < until, found
            time.sleep(0.02)
