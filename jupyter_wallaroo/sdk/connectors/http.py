"""HTTP, HTTPS and HTTPFILE: a file behind a URL.

Details
-------
url (or uri, endpoint)
    Of a file, or of a folder of files. Required.
headers
    An object of request headers.
token (or bearer, api_token, access_token)
    Sent as ``Authorization: Bearer``.
user (or username), password
    Sent as basic authentication.
params
    An object of query parameters.
format
    When suffix and content type do not tell it.

A source or target is resolved against the URL as a link in a page is, and a URL whose last part has no suffix counts
as a folder: ``x.csv`` beside ``https://host/data`` is ``https://host/data/x.csv``, beside ``https://host/data/y.csv``
too. Headers and credentials go to the connection's own host only: a source on another host is refused, and a redirect
to one is followed without them.

Column types are those of the format, see `formats`.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import httpx

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors.details import choice, optional, required
from jupyter_wallaroo.sdk.connectors.failures import ConnectorError

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_wallaroo.sdk.connectors.connector import Details

TIMEOUT_S = 60.0
"""To connect, and between two pieces of an answer."""

MAX_REDIRECTS = 10

MAX_TOLD = 300
"""Characters of a refusal that are repeated."""

_HINTS = {
    401: "The token, or the user and password, among the connection's details is not accepted there.",
    403: "The credentials among the connection's details may not do this.",
    404: "Nothing is there: check the connection's url and the source.",
    405: "Try method='POST' or method='PUT'.",
}


class HTTP:
    """Gets a file, and puts one."""

    def read(
        self,
        details: Details,
        source: str | None = None,
        *,
        format: str | None = None,  # noqa: A002 pandas' and pyarrow's word
        timeout_s: float = TIMEOUT_S,
    ) -> pa.Table:
        """Return the table in the file at the connection's URL, or at ``source`` beside it."""
        from jupyter_wallaroo.sdk.connectors import formats

        url = _url(details, source)
        response = _exchange(details, httpx.Request("GET", url, params=optional(details, "params")), timeout_s)
        content_type = response.headers.get("Content-Type", "")
        chosen = formats.choose(format or optional(details, "format"), url.path, content_type)
        return formats.decode(response.content, chosen)

    def write(
        self,
        details: Details,
        table: pa.Table,
        target: str | None = None,
        *,
        format: str | None = None,  # noqa: A002
        method: str = "PUT",
        timeout_s: float = TIMEOUT_S,
    ) -> int:
        """Send the table; without a suffix or a format it goes as JSON records."""
        from jupyter_wallaroo.sdk.connectors import formats

        url = _url(details, target)
        verb = choice("method", method, ("put", "post", "patch")).upper()
        chosen = formats.choose(format or optional(details, "format"), url.path, "application/json")
        body = formats.encode(table, chosen)
        headers = {"Content-Type": chosen.content_types[0]}
        request = httpx.Request(verb, url, params=optional(details, "params"), headers=headers, content=body)
        _exchange(details, request, timeout_s)
        return int(table.num_rows)


def _url(details: Details, name: str | None) -> httpx.URL:
    own = httpx.URL(str(required(details, "url", "uri", "endpoint")))
    if name is None:
        return own
    folder = own if PurePosixPath(own.path).suffix or own.path.endswith("/") else own.copy_with(path=own.path + "/")
    url = folder.join(name)
    if not _same_origin(own, url):
        raise InvalidRequest(
            "The source is not on the host of the connection's url, whose credentials are for that host only.",
            hint="Make a connection of its own for the other host.",
        )
    return url


def _same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def _exchange(details: Details, request: httpx.Request, timeout_s: float) -> httpx.Response:
    """Return a good answer; redirects are followed, to another host without the connection's headers."""
    own_headers = httpx.Headers({str(name): str(value) for name, value in (optional(details, "headers") or {}).items()})
    token = optional(details, "token", "bearer", "api_token", "access_token")
    if token is not None:
        own_headers["Authorization"] = f"Bearer {token}"
    user = optional(details, "user", "username")
    if user is not None:
        basic = httpx.BasicAuth(str(user), str(optional(details, "password") or ""))
        request = next(basic.auth_flow(request))
    request.headers.update(own_headers)
    own_names = {*own_headers, "Authorization"}
    with httpx.Client(timeout=timeout_s) as client:
        for _ in range(MAX_REDIRECTS):
            response = client.send(request)
            following = response.next_request
            if following is None:
                break
            if not _same_origin(request.url, following.url):
                for name in own_names:
                    following.headers.pop(name, None)
            request = following
    if not response.is_success:
        raise ConnectorError(
            f"{request.method} was answered {response.status_code} {response.reason_phrase}{_told(response)}.",
            hint=_HINTS.get(response.status_code, "Ask whoever runs that server."),
        )
    return response


def _told(response: httpx.Response) -> str:
    """Return what a program said about its refusal; pages for people are left out."""
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    words = response.text.split() if kind in {"text/plain", "application/json", "application/problem+json"} else []
    return f": {' '.join(words)[:MAX_TOLD]}" if words else ""
