"""Answers as bytes."""

from __future__ import annotations

import time
import uuid
from email.utils import formatdate
from http import HTTPStatus

import msgspec

from jupyter_wallaroo.engine.door.head import Misused
from jupyter_wallaroo.engine.process import refusal
from jupyter_wallaroo.errors import Unavailable
from jupyter_wallaroo.types import refusal as shape
from jupyter_wallaroo.types.media import ANSWER_HEADERS
from jupyter_wallaroo.types.plan import MediaType

GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"

_encode = msgspec.json.Encoder().encode
_FIXED = "".join(f"{name}: {value}\r\n" for name, value in ANSWER_HEADERS.items())


class Answers:
    """Writes the heads of answers, which are the same for a second."""

    def __init__(self) -> None:
        self._ok: dict[MediaType, bytes] = {}
        self.renew()

    def renew(self) -> None:
        """Take note of the time, which every answer tells."""
        self._date = f"Date: {formatdate(time.time(), usegmt=True)}\r\n"
        for media in MediaType:
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {media.value}\r\n{_FIXED}{self._date}Content-Length: "
            self._ok[media] = head.encode()

    def ok(self, media: MediaType, size: int) -> bytes:
        """Return the head of an answer with a body of ``size`` bytes, but for what is said of the connection."""
        return b"%b%d\r\n" % (self._ok[media], size)

    def refused(self, error: Exception) -> tuple[int, bytes, bytes]:
        """Return the status, the head and the body of an answer that says what is wrong."""
        said = ""
        if isinstance(error, Misused):
            status, said = int(error.status), str(error)
        else:
            error = refusal(error)
            status = shape.status_of(error, HTTPStatus.INTERNAL_SERVER_ERROR)
        body = _encode(shape.body(error, status, uuid.uuid4().hex, said))
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Content-Type: application/json"]
        if isinstance(error, Unavailable):
            lines.append(f"Retry-After: {error.retry_after_s}")
        if status == HTTPStatus.UNAUTHORIZED:
            lines.append("WWW-Authenticate: Bearer")
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            lines.append("Allow: POST")
        head = "\r\n".join(lines) + f"\r\n{_FIXED}{self._date}Content-Length: {len(body)}\r\n"
        return status, head.encode(), body
