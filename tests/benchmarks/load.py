"""Closed-loop HTTP load over raw sockets: prepared request bytes out, answers counted in."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Load:
    """What came of one run: requests per second, latencies in ms, answers that were not 200, the last body."""

    rate: float
    p50_ms: float
    p99_ms: float
    failed: int
    body: bytes


class _Client(asyncio.Protocol):
    """One connection that sends its request again as soon as the answer has come."""

    def __init__(self, request: bytes, until: float, done: asyncio.Future[None]) -> None:
        self.request, self.until, self.done = request, until, done
        self.taken: list[float] = []
        self.failed = 0
        self.body = b""
        self._parts: list[bytes] = []
        self._size = self._need = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._send()

    def _send(self) -> None:
        self.started = time.perf_counter()
        self.transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if not self._need:
            head = b"".join(self._parts)
            end = head.find(b"\r\n\r\n")
            if end < 0:
                return
            lower = head[:end].lower()
            length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
            self._need = end + 4 + length
            self._head = end + 4
            self.failed += not lower.startswith(b"http/1.1 200")
        if self._size < self._need:
            return
        now = time.perf_counter()
        self.taken.append(now - self.started)
        if now < self.until:
            self._parts.clear()
            self._size = self._need = 0
            self._send()
        else:
            self.body = b"".join(self._parts)[self._head :]
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def request_bytes(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Return a whole POST request."""
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"POST {path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def run(url: str, body: bytes, headers: dict[str, str], *, connections: int, seconds: float) -> Load:
    """Send the request over ``connections`` connections for ``seconds`` seconds."""
    parts = urlsplit(url)
    request = request_bytes(url, body, headers)

    async def main() -> list[_Client]:
        loop = asyncio.get_running_loop()
        until = time.perf_counter() + seconds
        clients = []
        for _ in range(connections):
            done: asyncio.Future[None] = loop.create_future()
            _, client = await loop.create_connection(
                lambda done=done: _Client(request, until, done),  # type: ignore[misc]
                parts.hostname,
                parts.port,
            )
            clients.append(client)
        await asyncio.gather(*(client.done for client in clients))
        return clients

    started = time.perf_counter()
    clients = asyncio.run(main())
    elapsed = time.perf_counter() - started
    taken = sorted(value for client in clients for value in client.taken)
    return Load(
        rate=len(taken) / elapsed,
        p50_ms=statistics.median(taken) * 1000,
        p99_ms=taken[int(len(taken) * 0.99)] * 1000,
        failed=sum(client.failed for client in clients),
        body=clients[0].body,
    )
