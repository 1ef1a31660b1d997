"""What the full handler decided, by the head of the request, for a few seconds."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from tornado import httputil

from jupyter_wallaroo.types.names import MAX_DIGITS

if TYPE_CHECKING:
    from jupyter_wallaroo.server.handlers.infer import InferHandler
    from jupyter_wallaroo.server.identity import Known
    from jupyter_wallaroo.services.inference import Form

MAX_VERDICTS = 1000
MAX_HEADS = 4000
MAX_HEAD_BYTES = 16 * 1024
HEAD_END = b"\r\n\r\n"

PER_REQUEST = frozenset({"Content-Length", "Traceparent", "Tracestate", "X-Request-Id"})
"""Headers that differ from request to request and mean nothing to any rule."""
_FRAMING = frozenset({"Transfer-Encoding", "Expect", "Upgrade", "Trailer", "Te", "Content-Encoding"})
"""Headers of which a request that has them is Tornado's."""

_LENGTH = re.compile(rb"\r\ncontent-length: ?(\d{1,10})\r\n", re.IGNORECASE)

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from, as Tornado asks its connection; what a trusted proxy says of it is believed."""

    remote_ip: str
    protocol: str


@dataclass(slots=True, eq=False)
class Verdict:
    """That requests with one head are let through, to which deployment, and how their answers begin.

    Parameters
    ----------
    known
        Who is calling; when that is over, so is this.
    origin
        Where from.
    handler, path_args
        The full handler's class and what it found in the path.
    start_line, headers
        The head of the request.
    form
        How bodies are read and answered.
    answer
        The head of an answer, with places for ``media``, ``date`` and ``length``.
    until, renewed_from
        Seconds of the monotonic clock: until when it holds, and from when on the next request is decided anew.
    """

    known: Known
    origin: Origin
    handler: type[InferHandler]
    path_args: tuple[str, ...]
    start_line: httputil.RequestStartLine
    headers: httputil.HTTPHeaders
    form: Form
    answer: bytes
    until: float
    renewed_from: float

    is_due: bool = False
    """Whether the next request that Tornado has parsed is to be decided anew."""

    def holds(self, now: float) -> bool:
        """Tell whether a request may go by it; once, near its end, not, so that it is renewed before all need it."""
        until = min(self.until, self.known.until)
        if now >= until:
            return False
        if now >= self.renewed_from:
            self.renewed_from = until
            self.is_due = True
            return False
        return True

    def holds_for_parsed(self, now: float) -> bool:
        """Tell the same of a request that Tornado has parsed, perhaps because `holds` said no before."""
        holds = self.holds(now) and not self.is_due
        self.is_due = False
        return holds


@dataclass(slots=True)
class Verdicts:
    """The verdicts of a server."""

    _by_key: dict[Key, Verdict] = field(default_factory=dict)
    _by_head: dict[bytes, Verdict] = field(default_factory=dict)

    def find(self, start_line: httputil.RequestStartLine, headers: httputil.HTTPHeaders, peer: str) -> Verdict | None:
        """Return the verdict on a head that Tornado has parsed, None when there is none that holds."""
        verdict = self._by_key.get(_key(start_line, headers, peer))
        return verdict if verdict is not None and verdict.holds_for_parsed(time.monotonic()) else None

    def find_bytes(self, head: bytes, peer: str) -> tuple[Verdict, int] | None:
        """Return the verdict on a head as it came, and the length of its body; None when there is none that holds."""
        found = _LENGTH.search(head) if self._by_key else None
        if found is None:
            return None
        start, end = found.span(1)
        rest = b"%b%b\0%b" % (head[:start], head[end:], peer.encode())
        verdict = self._by_head.get(rest) or self._parsed(head, rest, peer)
        if verdict is None or not verdict.holds(time.monotonic()):
            return None
        return verdict, int(found[1])

    def _parsed(self, head: bytes, rest: bytes, peer: str) -> Verdict | None:
        parsed = parse(head)
        if parsed is None or len(parsed[1].get_list("Content-Length")) != 1:
            return None
        verdict = self._by_key.get(_key(*parsed, peer))
        if verdict is not None and PER_REQUEST.intersection(parsed[1]) == {"Content-Length"}:
            if len(self._by_head) >= MAX_HEADS:
                self._by_head.clear()
            self._by_head[rest] = verdict
        return verdict

    def keep(self, verdict: Verdict, peer: str) -> None:
        """Let requests with this head through from now on; the one that was kept before is renewed."""
        key = _key(verdict.start_line, verdict.headers, peer)
        if key not in self._by_key and len(self._by_key) >= MAX_VERDICTS:
            now = time.monotonic()
            self._by_key = {key: kept for key, kept in self._by_key.items() if kept.until > now}
            self._by_head.clear()
            if len(self._by_key) >= MAX_VERDICTS:
                return
        kept = self._by_key.setdefault(key, verdict)
        if kept is not verdict:
            for name in Verdict.__slots__:
                setattr(kept, name, getattr(verdict, name))


def parse(head: bytes) -> tuple[httputil.RequestStartLine, httputil.HTTPHeaders] | None:
    """Return a head as Tornado's server parses it, None when it would refuse it."""
    line, _, rest = head.decode("latin1").partition("\r\n")
    try:
        return httputil.parse_request_start_line(line), httputil.HTTPHeaders.parse("\n" + rest)
    except (httputil.HTTPInputError, ValueError):
        return None


def length_of(start_line: httputil.RequestStartLine, headers: httputil.HTTPHeaders) -> int | None:
    """Return the length of the body of a request that the fast path may serve, None for any other."""
    lengths = headers.get_list("Content-Length")
    if (
        start_line.method != "POST"
        or start_line.version != "HTTP/1.1"
        or len(lengths) != 1
        or not (lengths[0].isascii() and lengths[0].isdecimal() and len(lengths[0]) <= MAX_DIGITS)
        or not _FRAMING.isdisjoint(headers)
        or headers.get("Connection", "keep-alive").lower() != "keep-alive"
        or "Authorization" not in headers
    ):
        return None
    return int(lengths[0])


def answer_head(headers: httputil.HTTPHeaders) -> bytes:
    """Return the head of an answer with places for what differs, from the headers that the full handler set."""
    places = {"Content-Type": b"%(media)b", "Date": b"%(date)b"}
    lines = [f"HTTP/1.1 {HTTPStatus.OK.value} {HTTPStatus.OK.phrase}".encode()]
    for name, value in headers.get_all():
        lines.append(name.encode("latin1") + b": " + places.get(name, value.encode("latin1").replace(b"%", b"%%")))
    return b"\r\n".join([*lines, b"Content-Length: %(length)d", b"", b""])


def _key(start_line: httputil.RequestStartLine, headers: httputil.HTTPHeaders, peer: str) -> Key:
    rest = tuple(pair for pair in headers.get_all() if pair[0] not in PER_REQUEST)
    return start_line.method, start_line.path, start_line.version, peer, rest
