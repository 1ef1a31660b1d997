"""HTTP by hand: exact bytes out, whole answers in."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from types import TracebackType

LIMIT_S = 30.0


@dataclass(frozen=True)
class Reply:
    """One answer as it came: its first line, its headers in their order, its body."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.line.split()[1])

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Wire:
    """A connection to a server on this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), LIMIT_S)
        self._read = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, *parts: bytes) -> None:
        """Send parts, each by itself."""
        for part in parts:
            self._socket.sendall(part)

    def receive(self) -> Reply | None:
        """Return the next answer, None when the server ends the connection without one."""
        try:
            while b"\r\n\r\n" not in self._read:
                self._more()
            head, _, rest = self._read.partition(b"\r\n\r\n")
            line, *lines = head.decode("latin1").split("\r\n")
            headers = tuple((name, value.strip()) for name, _, value in (text.partition(":") for text in lines))
            size = int(next((value for name, value in headers if name.lower() == "content-length"), "0"))
            self._read = rest
            while len(self._read) < size:
                self._more()
        except (EOFError, ConnectionError):
            return None
        body, self._read = self._read[:size], self._read[size:]
        return Reply(line, headers, body)

    def ask(self, *parts: bytes) -> Reply:
        """Send parts and return the answer."""
        self.send(*parts)
        reply = self.receive()
        assert reply is not None, "the server ended the connection"
        return reply

    def _more(self) -> None:
        part = self._socket.recv(2**18)
        if not part:
            raise EOFError
        self._read += part


def request(path: str, body: bytes = b"", *, method: str = "POST", **headers: str) -> bytes:
    """Return a request; underscores in the names of headers stand for hyphens."""
    given = {"Host": "127.0.0.1", "Content-Length": str(len(body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
    return "\r\n".join(lines).encode("latin1") + body
