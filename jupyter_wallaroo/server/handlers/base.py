"""What every handler does: know the caller, before a byte of the body is read; answer errors in one shape."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast, get_origin

import msgspec
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError

from jupyter_wallaroo.errors import Forbidden, InvalidRequest, TooLarge, Unauthenticated, Unavailable, WallarooError
from jupyter_wallaroo.secret import Secret
from jupyter_wallaroo.server import errors
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.media import ANSWER_HEADERS
from jupyter_wallaroo.types.names import MAX_DIGITS
from jupyter_wallaroo.types.user import User

if TYPE_CHECKING:
    from types import TracebackType

    from jupyter_wallaroo.server.app import WallarooApp
    from jupyter_wallaroo.server.identity import Known
    from jupyter_wallaroo.server.route import Route

ROOT_PATH = "wallaroo"
API_ROOT = "v1/api"
API_V2_ROOT = "v2/api"
LOGS_ROOT = "v1/logs"
API_PATH = f"{ROOT_PATH}/{API_ROOT}"
REFUSED_LIMIT_S = 5.0
DROPPED_BODY_BYTES = 16 * 2**20
"""A refused body up to this size is let come in, and dropped; a larger one is cut off."""

_NO_LIMIT = 1 << 60

Request = TypeVar("Request")

_encode = msgspec.json.Encoder().encode


class WallarooHandler(JupyterHandler):
    """The base of every handler here.

    Subclasses are made by `routes` with their ``route``; they carry Tornado's ``stream_request_body``, because Tornado
    otherwise holds a whole body in memory before anybody asks whose it is (SECURITY D1).
    """

    route: ClassVar[Route]
    body_limit: int = 2**20
    user: User
    only_workspace_id: int | None = None
    """The workspace that a task's token opens, None for everybody else."""
    known: Known | None = None
    """Until when the caller's credential is good, where that is known."""
    _is_dropping = False

    @property
    def app(self) -> WallarooApp:
        """The extension application."""
        return cast("WallarooApp", self.settings["wallaroo"])

    @property
    def token_authenticated(self) -> bool:
        """Whether a token came with the request, Jupyter's or a kernel's, so that no page can have sent it."""
        return bool(getattr(self, "_token_authenticated", False) or super().token_authenticated)

    async def prepare(self) -> None:  # type: ignore[override]
        """Check the request before its body is read; a refused body is never kept (Tornado calls this).

        One that is refused is answered at once, and within reason still let come in, and dropped: Tornado closes the
        connection when a request is finished before its body, which most clients take for a lost connection.
        """
        try:
            await self.check()
        except (WallarooError, HTTPError) as refusal:
            if self._is_chunked() or self._announced_bytes() > DROPPED_BODY_BYTES:
                raise
            self._drop_body()
            self._handle_request_exception(refusal)

    def _is_chunked(self) -> bool:
        return "Transfer-Encoding" in self.request.headers

    def _announced_bytes(self) -> int:
        announced = self.request.headers.get("Content-Length", "0")
        return int(announced[:MAX_DIGITS]) if announced.isdecimal() else 0

    def _drop_body(self) -> None:
        """Have the answer sent before the body has come, and the request finished when it has."""

        def end(*_: str | None, **__: str) -> None:
            self._is_dropping = False
            self.finish()

        def drop(_: bytes) -> None:
            return None

        self.app.receiving.begin(self, limit_s=REFUSED_LIMIT_S)
        self._is_dropping = True
        setattr(self, (self.request.method or "").lower(), end)
        self.data_received = drop  # type: ignore[method-assign, assignment]

    async def check(self) -> None:
        """Establish who calls and that they may, by Jupyter's rules.

        Raises
        ------
        Unauthenticated, Forbidden
            Nobody known is calling, or somebody who may not.
        TooLarge
            The body says of itself that it is over the limit.
        """
        if not self.app.hosts.allows(self):
            raise HTTPError(HTTPStatus.FORBIDDEN, "The Host header names another machine.")
        if not self.route.is_public:
            await self.authorize()
        self.refuse_large_body()
        connection: Any = self.request.connection
        connection.set_max_body_size(_NO_LIMIT)  # ours are kept while the body comes in, and answered as JSON

    async def authorize(self) -> None:
        """Establish who calls and that they may use the route, as `check` does."""
        grant = self.app.task_grant(self.request.headers.get("Authorization", ""))
        if grant is not None:
            self.only_workspace_id = grant.workspace_id
        user, self.known = await self.app.identities.authenticate(self, None if grant is None else grant.user)
        if user is None:
            raise Unauthenticated(
                "No valid token came with the request.",
                hint="Send the header 'Authorization: Bearer <token of this Jupyter server>'.",
            )
        if "Origin" in self.request.headers:
            self.set_cors_headers()
        if self.request.method not in ("GET", "HEAD", "OPTIONS"):
            self._refuse_foreign_pages()
            self.check_xsrf_cookie()
        elif not self.check_origin():
            raise HTTPError(HTTPStatus.FORBIDDEN, "The page that sent this is not of this server.")
        resource = f"wallaroo:{self.route.resource}"
        allowed = self.authorizer.is_authorized(self, user, self.route.action, resource)
        if not (await allowed if isawaitable(allowed) else allowed):
            raise Forbidden(f"{user.username!r} may not {self.route.action} {resource}.")
        if grant is not None:
            self.app.services.task_scope.require_open(self.route.path, self.route.request, self.route.query)
            self.user = grant.user
            return
        username, display_name = self.app.identities.username(self.identity_provider, user)
        self.user = await self.app.services.users.identify(username, display_name)

    @property
    def caller(self) -> Caller:
        """Who is calling, for the services."""
        return Caller(self.user, self.api_url, self.only_workspace_id)

    async def narrowed(self, request: Request) -> Request:
        """Return a request as it may be served: that of a task stays within the task's workspace."""
        if self.only_workspace_id is None:
            return request
        return await self.app.services.task_scope.narrowed(request, self.only_workspace_id)

    def _refuse_foreign_pages(self) -> None:
        """Refuse what only a page of another site would send with our user's cookie (SECURITY A6)."""
        if not self.token_authenticated and self.request.headers.get("Sec-Fetch-Site") == "cross-site":
            raise Forbidden("A page of another site sent this request.", hint="Authenticate with a token.")

    def refuse_large_body(self) -> None:
        """Refuse a body whose announced length is over ``body_limit``."""
        announced = self._announced_bytes()
        if announced > self.body_limit:
            raise TooLarge(
                f"The request body has {announced} bytes; at most {self.body_limit} are taken here.",
                hint="Send fewer rows per request, or ask whoever runs the server to raise the limit.",
            )

    @property
    def api_url(self) -> str:
        """The absolute URL of ``v1/api`` as this caller reaches it, through whatever proxy (S1-37)."""
        return f"{self.root_url}/{API_ROOT}"

    @property
    def root_url(self) -> str:
        """The absolute URL that ``/v1/api`` and ``/v2/api`` follow, as this caller reaches it."""
        return f"{self.request.protocol}://{self.request.host}{url_path_join(self.base_url, ROOT_PATH)}"

    def decode_query(self) -> Any:
        """Return what is in the URL's query as the route's query struct.

        Raises
        ------
        InvalidRequest
            A field of the wrong type; names it.
        """
        kind = self.route.query
        assert kind is not None, "the route has a struct for its query"
        repeated = {field.encode_name for field in msgspec.structs.fields(kind) if field.type == list[str]}
        arguments = self.request.query_arguments
        given = {
            name: self.get_query_arguments(name) if name in repeated else self.get_query_argument(name)
            for name in arguments
        }
        return self.converted(given, kind, strict=False)

    def converted(self, value: Any, kind: type, *, strict: bool) -> Any:
        """Return a value as a struct of the wire, or raise `InvalidRequest` naming what is wrong with it."""
        try:
            return msgspec.convert(value, kind, strict=strict, dec_hook=_secret)
        except msgspec.ValidationError as error:
            text = str(error).replace("`$.", "`").replace(" - at", " at")
            raise InvalidRequest(f"{self.route.path}: {text}.") from None

    def report_activity(self) -> None:
        """Tell Jupyter that this server is in use, so that a Hub does not cull it."""
        self.app.report_activity()

    def set_default_headers(self) -> None:
        """Set the headers of every answer: data, never a page (Tornado calls this)."""
        for name, value in ANSWER_HEADERS.items():
            self.set_header(name, value)
        for name, value in self.settings.get("headers", {}).items():
            self.set_header(name, value)

    def finish(self, chunk: Any = None) -> Any:
        """Send the answer (Tornado and subclasses call this)."""
        if self._is_dropping:
            if chunk is not None:  # Tornado finishes an error once more after us
                self.set_header("Content-Length", len(chunk))
                self.write(chunk)
                self.flush()
            return None
        self.app.receiving.end(self)
        return super().finish(chunk)

    def cut_off(self) -> None:
        """End the connection of a request whose body takes too long."""
        connection: Any = self.request.connection
        connection.close()

    def on_connection_close(self) -> None:
        """Forget a caller that is gone (Tornado calls this)."""
        self.app.receiving.end(self)
        super().on_connection_close()

    def answer(self, value: Any) -> None:
        """Finish with ``value`` as JSON."""
        self.set_header("Content-Type", "application/json")
        self.finish(_encode(value))

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Answer an error with the status of its class (Tornado calls this)."""
        super().send_error(errors.status_of(_error(kwargs), status_code), **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write the one shape of an error body (Tornado calls this)."""
        error = _error(kwargs)
        if isinstance(error, Unavailable):
            self.set_header("Retry-After", str(error.retry_after_s))
        if status_code == HTTPStatus.UNAUTHORIZED:
            self.set_header("WWW-Authenticate", "Bearer")
        self.answer(errors.body(error, status_code, self._request_id()))

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Log what is our fault with its request id; a caller's mistake is no news (Tornado calls this)."""
        if isinstance(value, WallarooError) and errors.status_of(value, 500) != HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.debug("wallaroo: %s refused: %s", self.route.path, value.code)
        elif isinstance(value, HTTPError):
            super().log_exception(typ, value, tb)
        else:
            self.log.error("wallaroo: request %s to %s failed", self._request_id(), self.route.path, exc_info=value)

    def _request_id(self) -> str:
        if not hasattr(self, "_wallaroo_request_id"):
            self._wallaroo_request_id = uuid.uuid4().hex
        return self._wallaroo_request_id


def _secret(kind: Any, value: Any) -> Secret[Any]:
    """Wrap what a struct wants kept secret (msgspec calls this for types that are not its own)."""
    if get_origin(kind) is not Secret:
        raise NotImplementedError(f"{kind} is no type of the wire")
    return Secret(value)


def _error(kwargs: dict[str, Any]) -> BaseException | None:
    exc_info = kwargs.get("exc_info")
    return exc_info[1] if exc_info else None
