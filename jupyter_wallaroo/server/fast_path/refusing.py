"""Refusals on the fast path, written and logged by the full handler as it does for requests of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tornado import httputil
from tornado.concurrent import Future

if TYPE_CHECKING:
    from tornado.web import Application

    from jupyter_wallaroo.server.fast_path.verdicts import Origin, Verdict
    from jupyter_wallaroo.supervisor.deployment import Deployment


class Collected(httputil.HTTPConnection):
    """A connection of which nothing but the bytes of one answer comes.

    Parameters
    ----------
    origin
        Where the request came from.
    """

    def __init__(self, origin: Origin) -> None:
        self.context = origin
        self.answer = b""

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        """Take no note: a request is refused at once (Tornado calls this)."""

    def write_headers(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
        chunk: bytes | None = None,
    ) -> Future[None]:
        """Take the head of the answer (Tornado calls this)."""
        _, code, reason = start_line
        lines = [f"HTTP/1.1 {code} {reason}", *(f"{name}: {value}" for name, value in headers.get_all()), "", ""]
        return self.write("\r\n".join(lines).encode("latin1") + (chunk or b""))

    def write(self, chunk: bytes) -> Future[None]:
        """Take what comes next of the answer (Tornado calls this)."""
        self.answer += chunk
        written: Future[None] = Future()
        written.set_result(None)
        return written

    def finish(self) -> None:
        """Learn that this is all (Tornado calls this)."""


def refusal(
    application: Application,
    verdict: Verdict,
    error: Exception,
    *,
    deployment: Deployment | None,
    begun: float,
) -> bytes:
    """Return the whole answer that the full handler gives to a request that ended with ``error``.

    Parameters
    ----------
    begun
        When its head had come, by `time.perf_counter`.
    """
    collected = Collected(verdict.origin)
    request = httputil.HTTPServerRequest(
        start_line=verdict.start_line, headers=verdict.headers.copy(), connection=collected
    )
    handler = verdict.handler(application, request)
    handler.refuse(error, verdict.known.user, deployment, begun)
    return collected.answer
