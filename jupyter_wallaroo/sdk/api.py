"""The one place where the client speaks HTTP: one session, one way to try again, one way to read a refusal."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import Struct

from jupyter_wallaroo import __version__
from jupyter_wallaroo.errors import InvalidRequest, WallarooError, from_wire
from jupyter_wallaroo.sdk.auth import Auth
from jupyter_wallaroo.sdk.object import CommunicationError, RequestTimeoutError, UnreachedError

T = TypeVar("T")

Parameters: TypeAlias = dict[str, list[str]]
"""The query of a URL."""

RETRY_LIMIT_S = 10.0
"""How long a server that says 429 or 503 is asked again, where the caller's own limit is not shorter."""

MIN_PAUSE_S = 0.1
"""The least pause before it is asked again, as the vendor's client has it; a server may say ``Retry-After: 0``."""

PASSING = (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE)
"""What a server says that did nothing with a request and may do it later."""

MAX_SHOWN = 300
"""Characters of an answer that is not ours that a message repeats."""

_CODES = {
    400: "invalid_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    413: "too_large",
    429: "unavailable",
    503: "unavailable",
    504: "deadline_exceeded",
    507: "storage_full",
}
_ENGINE_CODES = {400: "invalid_input", 500: "engine_failure"}


class Api:
    """A session with one server.

    Parameters
    ----------
    endpoint
        The URL that ``/v1/api`` follows, without a slash at its end.
    auth
        Who is calling.
    timeout_s
        Seconds that a call may take which does not say.

    Notes
    -----
    A server on this machine is asked directly, whatever proxy the environment names.
    """

    def __init__(self, endpoint: str, auth: Auth, timeout_s: float) -> None:
        self.endpoint = endpoint
        self.timeout_s = timeout_s
        self._auth = auth
        self.is_local = urlsplit(endpoint).hostname in ("localhost", "127.0.0.1", "::1")
        """Whether the server's address is one of this machine, or of the end of a tunnel on it."""
        # Reading the certificates takes 45 ms: once, not with every session.
        self._tls = httpx.create_ssl_context(trust_env=not self.is_local)
        self._http = httpx.Client(**self._settings())
        self._closer = weakref.finalize(self, self._http.close)

    def _settings(self) -> dict[str, Any]:
        agent = {"User-Agent": f"jupyter-wallaroo/{__version__}"}
        return {"headers": agent, "timeout": self.timeout_s, "trust_env": not self.is_local, "verify": self._tls}

    def close(self) -> None:
        """End the session; more than once is fine."""
        self._closer()

    def url(self, path: str) -> str:
        """Return the URL of a route such as ``pipelines/create``."""
        return f"{self.endpoint}/v1/api/{path}"

    def new_async_client(self, connections: int) -> httpx.AsyncClient:
        """Return a session for coroutines that keeps so many connections open; whoever takes it closes it."""
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        return httpx.AsyncClient(**self._settings(), limits=limits)

    def call(
        self, path: str, request: Struct | dict[str, Any], answer: type[T], *, timeout_s: float | None = None
    ) -> T:
        """Return the answer of a route of plain JSON as the struct ``answer``.

        Raises
        ------
        WallarooError
            What the server refused, in the class it has there; `CommunicationError` when nobody answers.
        """
        return self.decode(self.post(path, request, timeout_s=timeout_s), answer)

    def get(self, path: str, answer: type[T]) -> T:
        """Return the answer of a route called by GET."""
        return self.decode(self.send(lambda: self._http.build_request("GET", self.url(path))), answer)

    def get_bytes(self, path: str, params: Parameters | None = None) -> bytes:
        """Return the file that a route called by GET answers."""
        return self.send(lambda: self._http.build_request("GET", self.url(path), params=params)).content

    def send_json(self, method: str, path: str, request: Struct | None = None) -> httpx.Response:
        """Return the answer to PUT or DELETE."""
        body = None if request is None else msgspec.json.encode(request)
        headers = {"Content-Type": "application/json"} if body else {}
        return self.send(lambda: self._http.build_request(method, self.url(path), content=body, headers=headers))

    def post(self, path: str, request: Struct | dict[str, Any], *, timeout_s: float | None = None) -> httpx.Response:
        """Return the whole answer of a route of plain JSON."""
        try:
            body = msgspec.json.encode(request)
        except UnicodeEncodeError as error:
            raise InvalidRequest(f"A text to be sent holds half a character: {error.object[:60]!r}.") from None
        return self.send_body(self.url(path), body, {"Content-Type": "application/json"}, timeout_s=timeout_s)

    def build_form(self, path: str, form: dict[str, Any], *, timeout_s: float) -> httpx.Request:
        """Return a request that streams a form of parts ``(file name, content, media type)``."""
        return self._http.build_request("POST", self.url(path), files=form, timeout=timeout_s)

    def send_body(
        self,
        url: str,
        body: bytes,
        headers: dict[str, str],
        *,
        params: Parameters | None = None,
        timeout_s: float | None = None,
        credentials: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Return the answer to bytes that are posted, trying again while the server says that it will pass.

        ``credentials`` are the header to send in place of the session's own.
        """
        limit_s = timeout_s or self.timeout_s

        def build() -> httpx.Request:
            return self._http.build_request("POST", url, content=body, headers=headers, params=params, timeout=limit_s)

        return self.send(build, timeout_s=limit_s, credentials=credentials)

    def send(
        self,
        build: Callable[[], httpx.Request],
        *,
        timeout_s: float | None = None,
        credentials: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Return the answer to a request, which is built anew for every attempt.

        Raises
        ------
        RequestTimeoutError
            No answer within ``timeout_s`` (default: the session's).
        """
        patience = Patience(timeout_s or self.timeout_s)
        while True:
            try:
                response = self._http.send(self._signed(build(), credentials))
            except httpx.TransportError as error:
                raise self._lost(error, patience.limit_s) from None
            pause_s = patience.pause_s(response)
            if pause_s is None:
                return accepted(response)
            time.sleep(pause_s)

    async def send_async(
        self,
        session: httpx.AsyncClient,
        build: Callable[[], httpx.Request],
        *,
        timeout_s: float,
        credentials: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Do as `send` does, in a coroutine and a session of the caller's."""
        patience = Patience(timeout_s)
        while True:
            try:
                response = await session.send(self._signed(build(), credentials))
            except httpx.TransportError as error:
                raise self._lost(error, patience.limit_s) from None
            pause_s = patience.pause_s(response)
            if pause_s is None:
                return accepted(response)
            await asyncio.sleep(pause_s)

    def _signed(self, request: httpx.Request, credentials: Mapping[str, str] | None) -> httpx.Request:
        request.headers.update(self._auth.auth_header() if credentials is None else credentials)
        return request

    def _lost(self, error: httpx.TransportError, limit_s: float) -> WallarooError:
        if isinstance(error, httpx.TimeoutException):
            return RequestTimeoutError(
                f"The server at {self.endpoint} did not answer within {limit_s:g} s.",
                hint="Raise request_timeout of Client, or look whether the server is overloaded.",
            )
        kind = UnreachedError if isinstance(error, httpx.ConnectError) else CommunicationError
        return kind(
            f"Nobody answers at {self.endpoint} ({str(error)[:MAX_SHOWN] or type(error).__name__}).",
            hint="See that the Jupyter server runs there and that jupyter-wallaroo is installed in it.",
        )

    def decode(self, response: httpx.Response, answer: type[T]) -> T:
        """Return the body of an answer as the struct ``answer``."""
        try:
            return msgspec.json.decode(response.content, type=answer)
        except msgspec.MsgspecError as error:
            raise CommunicationError(
                f"{response.request.url} answered something unexpected ({str(error)[:MAX_SHOWN]}).",
                hint="Check that the API endpoint ends with /wallaroo, and that client and server have one version.",
            ) from None


class Patience:
    """For how long a server that says 429 or 503 is asked again.

    Parameters
    ----------
    limit_s
        Seconds the caller is ready to wait in all.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._until = time.monotonic() + min(limit_s, RETRY_LIMIT_S)

    def pause_s(self, response: httpx.Response) -> float | None:
        """Return how long to wait before the next attempt, None when ``response`` is the last word."""
        if response.status_code not in PASSING:
            return None
        pause_s = max(MIN_PAUSE_S, retry_after_s(response))
        return pause_s if time.monotonic() + pause_s < self._until else None


def accepted(response: httpx.Response) -> httpx.Response:
    """Return a successful answer, or raise what the server refused."""
    if response.is_success:
        return response
    raise refusal(response)


def refusal(response: httpx.Response) -> WallarooError:
    """Return the error that an answer means, with the server's own words and hint."""
    status = response.status_code
    try:
        body = msgspec.json.decode(response.content)
    except msgspec.MsgspecError:
        body = None
    if not isinstance(body, dict) or "message" not in body:
        if status == httpx.codes.BAD_GATEWAY:
            return CommunicationError(
                f"Something between here and the server answered {status} {response.reason_phrase}: nobody answers it.",
                hint="See that the Jupyter server runs, and how the proxy before it is set up.",
            )
        shown = response.text[:MAX_SHOWN] if "html" not in response.headers.get("Content-Type", "") else ""
        return from_wire(
            {
                "code": _CODES.get(status, ""),
                "message": f"{response.request.url} answered {status} {response.reason_phrase}. {shown}".strip(),
                "hint": "Check that the API endpoint is Jupyter's own address followed by /wallaroo.",
            }
        )
    code = _CODES.get(status, "")
    if body.get("source") == "engine" or "/pipelines/infer/" in str(response.request.url):
        code = _ENGINE_CODES.get(status, code)
    hint = body.get("hint", "")
    if status >= 500 and body.get("request_id") and code in ("", "engine_failure"):
        hint = f"{hint} The server's log has more under {body['request_id']}.".strip()
    wire = {"code": code, "message": body["message"], "hint": hint, "details": body.get("details")}
    return from_wire({**wire, "retry_after_s": retry_after_s(response)})


def retry_after_s(response: httpx.Response) -> int:
    """Return when the server says to try again."""
    said = response.headers.get("Retry-After", "1")
    return int(said) if said.isdecimal() else 1
