"""What the head of a request means: where it is sent, by whom, in which formats, and where its body ends."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import parse_qs, unquote

from jupyter_wallaroo.engine.door import parsers
from jupyter_wallaroo.engine.door.parsers import Malformed, Parsed
from jupyter_wallaroo.errors import Forbidden, InvalidRequest, NotFound, TooLarge, WallarooError
from jupyter_wallaroo.types.door import DoorPlan
from jupyter_wallaroo.types.media import negotiate
from jupyter_wallaroo.types.plan import MediaType

HEAD_LIMIT_BYTES = 64 * 1024
"""As Tornado has it."""
HEADERS_LIMIT = 100
FIELDS_LIMIT = 1000
CHUNKED = -1
"""The length of a body that says it only as it comes."""

_KEPT = 1024
_KEPT_BYTES = 4096
_LENGTH = re.compile(rb"\d{1,18}")
_ONCE = frozenset({b"host", b"content-length", b"transfer-encoding", b"authorization", b"content-type", b"origin"})


class Misused(Exception):
    """A request that HTTP itself has an answer for, with its status and why."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(slots=True, frozen=True)
class Asked:
    """What is wanted of the pipeline, in the words of `InferRequest`."""

    content: MediaType = MediaType.TENSORS
    accepts: MediaType = MediaType.TENSORS
    dataset: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    separator: str | None = None


@dataclass(slots=True, frozen=True)
class Head:
    """A head that was understood.

    ``length`` is that of the body, or `CHUNKED`; ``credential`` the token that came with it, b"" without any;
    ``refusal`` why it cannot be answered whoever sends it, None when it can.
    """

    length: int
    keeps: bool
    """Whether the connection is to be kept."""
    is_old: bool
    """HTTP/1.0, where keeping it has to be said."""
    expects: bool
    """Whether the client waits to be told to go on before it sends the body."""
    room: int
    """What its body may take, in bytes."""
    credential: bytes
    is_own: bool
    """Whether the token is the deployment's own."""
    asked: Asked
    refusal: Exception | None


class Heads:
    """Reads heads, and keeps what it read: most clients send the same one again and again.

    Parameters
    ----------
    plan
        Where inferences are sent to.
    """

    def __init__(self, plan: DoorPlan) -> None:
        path = unquote(plan.path)
        self._paths = frozenset({path, f"{path}/{plan.pipeline_name}"})
        self._token = plan.token.encode()
        self._body_limit = plan.body_limit
        self._known: dict[bytes, Head] = {}

    def read(self, raw: bytes) -> Head:
        """Return what a head means, its last empty line included.

        Raises
        ------
        Misused
            It does not say where its body ends, or cannot be read; the connection is of no use any more.
        """
        known = self._known.get(raw)
        if known is not None:
            return known
        try:
            parsed = parsers.parse(raw)
        except Malformed as error:
            raise Misused(HTTPStatus.BAD_REQUEST, f"That is not HTTP: {error}.") from None
        head = self._understood(parsed)
        if len(raw) <= _KEPT_BYTES:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[raw] = head
        return head

    def _understood(self, parsed: Parsed) -> Head:
        headers = _headers(parsed)
        is_old = parsed.version == "1.0"
        length = _length(headers, is_old=is_old)
        connection = {word.strip() for word in headers.get(b"connection", b"").lower().split(b",")}
        asked, refusal = Asked(), None
        try:
            _require_local(headers)
            asked = self._asked(parsed, headers)
            self._require_small(length)
        except (WallarooError, Misused) as error:
            refusal = error.with_traceback(None)
        credential = _credential(headers.get(b"authorization", b""))
        return Head(
            length=length,
            keeps=b"keep-alive" in connection if is_old else b"close" not in connection,
            is_old=is_old,
            expects=_expects(headers, is_old=is_old),
            room=self._body_limit if length == CHUNKED else length,
            credential=credential,
            is_own=hmac.compare_digest(credential, self._token),
            asked=asked,
            refusal=refusal,
        )

    def _require_small(self, length: int) -> None:
        if length > self._body_limit:
            raise TooLarge(
                f"The request body has {length} bytes; at most {self._body_limit} are taken here.",
                hint="Send fewer rows per request, or ask whoever runs the server to raise the limit.",
            )

    def _asked(self, parsed: Parsed, headers: dict[bytes, bytes]) -> Asked:
        path, _, query = parsed.target.decode("ascii", "replace").partition("?")
        if unquote(path) not in self._paths:
            raise NotFound(
                f"Nothing answers at {unquote(path)[:100]!r} on this port.",
                hint="admin/get_pipeline_internal_url gives the address of a deployed pipeline.",
            )
        if parsed.method != b"POST":
            raise Misused(HTTPStatus.METHOD_NOT_ALLOWED, "Inferences are sent by POST.")
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise Misused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Bodies are read as they are, not compressed.")
        content, accepts = negotiate(
            headers.get(b"content-type", b"").decode("latin-1"), headers.get(b"accept", b"").decode("latin-1")
        )
        if not query:
            return Asked(content, accepts)
        try:
            fields = parse_qs(query, keep_blank_values=True, max_num_fields=FIELDS_LIMIT)
        except ValueError:
            raise InvalidRequest(f"The URL's query has more than {FIELDS_LIMIT} fields.") from None
        found = {name: tuple(value.strip() for value in values) for name, values in fields.items()}
        return Asked(
            content,
            accepts,
            dataset=found.get("dataset[]", ()),
            exclude=found.get("dataset.exclude[]", ()),
            separator=found.get("dataset.separator", (None,))[-1],
        )


def _headers(parsed: Parsed) -> dict[bytes, bytes]:
    """Return the headers by name; those that may come once must."""
    if parsed.version not in ("1.0", "1.1"):
        raise Misused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "HTTP/1.1 is spoken here.")
    if len(parsed.headers) > HEADERS_LIMIT:
        raise Misused(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"A request may have {HEADERS_LIMIT} headers at most."
        )
    found: dict[bytes, bytes] = {}
    for name, value in parsed.headers:
        if name not in found:
            found[name] = value.strip(b" \t")
        elif name in _ONCE:
            raise Misused(HTTPStatus.BAD_REQUEST, f"The header {name.decode('latin-1')!r} came more than once.")
        else:
            found[name] += b", " + value.strip(b" \t")
    return found


def _length(headers: dict[bytes, bytes], *, is_old: bool) -> int:
    """Return the length of the body; one that is said in two ways, or in a way that others read otherwise, is none."""
    length, coding = headers.get(b"content-length"), headers.get(b"transfer-encoding")
    if coding is None:
        if length is None:
            return 0
        if _LENGTH.fullmatch(length) is None:
            raise Misused(HTTPStatus.BAD_REQUEST, "Content-Length is not a number of bytes.")
        return int(length)
    if length is not None:
        raise Misused(HTTPStatus.BAD_REQUEST, "Content-Length and Transfer-Encoding exclude each other.")
    if is_old or coding.lower() != b"chunked":
        raise Misused(HTTPStatus.BAD_REQUEST, "The only Transfer-Encoding that is read is 'chunked'.")
    return CHUNKED


def _expects(headers: dict[bytes, bytes], *, is_old: bool) -> bool:
    expected = headers.get(b"expect")
    if expected is None or is_old:
        return False
    if expected.lower() != b"100-continue":
        raise Misused(HTTPStatus.EXPECTATION_FAILED, "The only Expect that is met is '100-continue'.")
    return True


def _credential(authorization: bytes) -> bytes:
    """Return the token of an ``Authorization`` header, b"" when there is none of a scheme that Jupyter takes."""
    scheme, _, token = authorization.partition(b" ")
    return token.strip() if scheme.lower() in (b"bearer", b"token") else b""


def _require_local(headers: dict[bytes, bytes]) -> None:
    """Refuse what a page has sent, by another name for this machine or by none (SECURITY A6 … A8)."""
    host = headers.get(b"host", b"").decode("latin-1")
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name.lower() != "localhost":
        try:
            is_loopback = ip_address(name).is_loopback
        except ValueError:
            is_loopback = False
        if not is_loopback:
            raise Forbidden("The Host header names another machine.")
    if b"origin" in headers:
        raise Forbidden(
            "Pages are not answered on this port.", hint="admin/get_pipeline_external_url gives the address for them."
        )
