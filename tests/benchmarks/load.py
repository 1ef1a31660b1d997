"""Closed-loop HTTP load over raw sockets: rendered requests out, every answer compared with what it must be.

One thread and ``epoll``: about 15 µs of this process per answer, which `Load.busy` tells, so that it is seen when the
load and not the server was the limit. Each connection sends its next request as soon as the answer has come. Requests
are sent in turn, so that neighbours on a server are not the same, and an answer to another's question is found out.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np

_SILENCE_S = 60.0
_READ = 1 << 20
_CHUNKED = -1
_LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True)
class Job:
    """What is to be sent.

    Parameters
    ----------
    url
        Of the server; requests carry their path.
    requests, expected
        Whole requests, and the outputs of each.
    read
        Returns the outputs in an answer's body.
    connections, seconds
        How many at once, how long.
    """

    url: str
    requests: Sequence[bytes]
    expected: Sequence[np.ndarray]
    read: Callable[[bytes], np.ndarray]
    connections: int
    seconds: float


@dataclass
class Load:
    """What came of it; latencies in ms, ``busy`` the share of the time in which this process had the CPU."""

    requests: int = 0
    elapsed_s: float = 0.0
    best_ms: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    busy: float = 0.0
    refused: int = 0
    """Answers other than 200, and connections that ended."""
    wrong: int = 0
    first_fault: str = ""

    @property
    def rate(self) -> float:
        """Right answers per second."""
        return (self.requests - self.refused - self.wrong) / self.elapsed_s


@dataclass
class _Checker:
    """Says whether answers are right; the same bytes as before need no second look."""

    job: Job
    load: Load
    known: list[set[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known = [set() for _ in self.job.requests]

    def take(self, index: int, head: bytes, body: bytes) -> None:
        if body in self.known[index] and head.startswith(b"HTTP/1.1 200"):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.load.refused += 1
            self.fault(f"{head.splitlines()[0]!r} {body[:300]!r}")
        elif self._is_right(index, body):
            self.known[index].add(body)
        else:
            self.load.wrong += 1
            self.fault(f"wrong answer {body[:300]!r}")

    def _is_right(self, index: int, body: bytes) -> bool:
        try:
            values = self.job.read(body).reshape(-1)
        except (ValueError, AssertionError):
            return False
        expected = self.job.expected[index].reshape(-1)
        # Runtimes may sum up a batch in another order than a row.
        return values.shape == expected.shape and bool(np.allclose(values, expected, rtol=1e-5, atol=1e-6))

    def fault(self, text: str) -> None:
        self.load.first_fault = self.load.first_fault or text


class _Connection:
    """One connection: a request is out, or its answer comes in."""

    def __init__(self, address: tuple[str, int], first: int, checker: _Checker, poll: select.epoll) -> None:
        self._address, self._checker, self._poll = address, checker, poll
        self._index = first
        self._taken: list[float] = []
        self._connect()

    def _connect(self) -> None:
        self.socket = socket.create_connection(self._address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._poll.register(self.socket, select.EPOLLIN)

    @property
    def taken(self) -> list[float]:
        return self._taken

    def send(self) -> None:
        requests = self._checker.job.requests
        self._index = (self._index + 1) % len(requests)
        self._rest = memoryview(requests[self._index])
        self._parts: list[bytes] = []
        self._head = b""
        self._begun = time.perf_counter()
        self.write()

    def write(self) -> None:
        """Send what the socket takes, and be told when it takes more."""
        waiting = len(self._rest)
        with contextlib.suppress(BlockingIOError):
            self._rest = self._rest[self.socket.send(self._rest) :]
        is_done = not self._rest
        if not is_done or waiting < len(self._checker.job.requests[self._index]):
            self._poll.modify(self.socket, select.EPOLLIN if is_done else select.EPOLLIN | select.EPOLLOUT)

    def read(self) -> bool:
        """Take what has come; return whether the answer is complete, or will never be."""
        try:
            data = self.socket.recv(_READ)
        except ConnectionError:
            data = b""
        if not data:
            return self._broken()
        self._parts.append(data)
        if not self._head:
            data = data if len(self._parts) == 1 else b"".join(self._parts)
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                return False
            self._head = data[:end]
            self._parts = [data[end:]]
            self._length = _length(self._head)
            self._missing = self._length - len(self._parts[0])
        else:
            self._missing -= len(data)
        if self._length == _CHUNKED:
            if not b"".join(self._parts[-2:]).endswith(_LAST_CHUNK):
                return False
            self._parts = [_unchunked(b"".join(self._parts))]
        elif self._missing:
            return False
        self._taken.append(time.perf_counter() - self._begun)
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._checker.take(self._index, self._head, body)
        return True

    def _broken(self) -> bool:
        self._taken.append(time.perf_counter() - self._begun)
        self._checker.load.refused += 1
        self._checker.fault("the server closed the connection")
        self._poll.unregister(self.socket)
        self.socket.close()
        self._connect()
        return True


def _length(head: bytes) -> int:
    at = head.find(b"ontent-")
    while at >= 0:
        if head[at + 7 : at + 14].lower() == b"length:":
            return int(head[at + 14 : head.find(b"\r", at)])
        at = head.find(b"ontent-", at + 7)
    if b"transfer-encoding: chunked" in head.lower():
        return _CHUNKED
    raise ValueError(f"an answer without a length: {head!r}")


def _unchunked(data: bytes) -> bytes:
    parts, at = [], 0
    while size := int(data[at : (line := data.find(b"\r\n", at))], 16):
        parts.append(data[line + 2 : line + 2 + size])
        at = line + 4 + size
    return b"".join(parts)


def request_bytes(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Return a whole POST request."""
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"POST {path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def run(job: Job) -> Load:
    """Send the job's requests over its connections until its time is over."""
    parts = urlsplit(job.url)
    assert parts.hostname is not None and parts.port is not None, f"{job.url} has no port"
    load = Load()
    checker = _Checker(job, load)
    with select.epoll() as poll:
        address = (parts.hostname, parts.port)
        connections = [_Connection(address, number, checker, poll) for number in range(job.connections)]
        by_number = {connection.socket.fileno(): connection for connection in connections}
        cpu, begun = time.process_time(), time.perf_counter()
        until = begun + job.seconds
        for connection in connections:
            connection.send()
        waiting = len(connections)
        while waiting:
            events = poll.poll(_SILENCE_S)
            if not events:
                raise TimeoutError(f"{job.url} has not answered for {_SILENCE_S:.0f} s")
            for number, event in events:
                connection = by_number[number]
                if event & select.EPOLLOUT:
                    connection.write()
                if event & ~select.EPOLLOUT and connection.read():
                    by_number[connection.socket.fileno()] = connection
                    if time.perf_counter() < until:
                        connection.send()
                    else:
                        waiting -= 1
        load.elapsed_s = time.perf_counter() - begun
        load.busy = (time.process_time() - cpu) / load.elapsed_s
        for connection in connections:
            connection.socket.close()
    taken = sorted(value for connection in connections for value in connection.taken)
    load.requests = len(taken)
    load.best_ms = taken[0] * 1000
    load.p50_ms, load.p99_ms = (taken[int(len(taken) * share)] * 1000 for share in (0.5, 0.99))
    return load
