"""Heads of HTTP requests taken apart by a kept parser: llhttp by `httptools`, or `h11` where that is missing.

Both are given exactly one head, which ends with the first empty line. What they would put up with and others read
otherwise (bare line ends, folded lines) is refused before: two readers that differ are how requests are smuggled.
"""

from __future__ import annotations

import re
from typing import NamedTuple

try:
    import httptools
except ImportError:  # no build for this interpreter
    _has_httptools = False
else:
    _has_httptools = True

_LENGTHS = re.compile(rb"\r\ncontent-length:([^\r]*)", re.IGNORECASE)


class Malformed(Exception):
    """It is no request; what follows it on the connection cannot be known."""


class Parsed(NamedTuple):
    """A head as it stands: names of headers in lower case, values as they came."""

    method: bytes
    target: bytes
    version: str
    """``1.0`` or ``1.1``."""
    headers: list[tuple[bytes, bytes]]


class _Collector:
    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.begun = self.completed = 0

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.completed += 1


def with_httptools(raw: bytes) -> Parsed:
    """Return a head as llhttp reads it.

    Raises
    ------
    Malformed
        It is none.
    """
    collector = _Collector()
    parser = httptools.HttpRequestParser(collector)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass  # an offer that need not be taken
    except httptools.HttpParserError as error:
        raise Malformed(str(error)) from None
    if (collector.begun, collector.completed) != (1, 1):
        raise Malformed("not one head")
    return Parsed(parser.get_method(), collector.target, parser.get_http_version(), collector.headers)


def with_h11(raw: bytes) -> Parsed:
    """Return a head as h11 reads it.

    Raises
    ------
    Malformed
        It is none.
    """
    import h11

    lengths = _LENGTHS.findall(raw)  # of equal ones h11 makes one
    if len(lengths) > 1 or any(b"," in length for length in lengths):
        raise Malformed("more than one length")
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=len(raw) + 1)
    try:
        connection.receive_data(raw)
        event = connection.next_event()
    except h11.RemoteProtocolError as error:
        raise Malformed(str(error)) from None
    if not isinstance(event, h11.Request):
        raise Malformed("not one head")
    version = event.http_version.decode()
    return Parsed(event.method, event.target, version, [(bytes(name), bytes(value)) for name, value in event.headers])


def parse(raw: bytes) -> Parsed:
    """Return the parts of a head, its last empty line included.

    Raises
    ------
    Malformed
        It is none, or one that others may read otherwise.
    """
    lines = raw.count(b"\r\n")
    if raw.count(b"\n") != lines or raw.count(b"\r") != lines or b"\0" in raw:
        raise Malformed("a line that does not end as it must")
    if b"\r\n " in raw or b"\r\n\t" in raw:
        raise Malformed("a folded line")
    return with_httptools(raw) if _has_httptools else with_h11(raw)
