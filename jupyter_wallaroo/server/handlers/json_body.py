"""Routes of plain JSON: decode a struct, call the service, encode a struct."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.web import HTTPError, authenticated, stream_request_body

from jupyter_wallaroo import strict_json
from jupyter_wallaroo.errors import InvalidRequest, TooLarge
from jupyter_wallaroo.server.handlers.base import WallarooHandler

if TYPE_CHECKING:
    from jupyter_wallaroo.server.route import Route

INLINE_BYTES = 16 * 1024
"""A body larger than this is decoded in a thread: the event loop is shared."""

_FORM_TYPES = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")


class BodyHandler(WallarooHandler):
    """A handler that takes its whole body into memory, up to its limit."""

    def initialize(self) -> None:
        """Begin with an empty body (Tornado calls this)."""
        self._parts: list[bytes] = []
        self._received = 0
        self.app.receiving.begin(self)

    def data_received(self, chunk: bytes) -> None:
        """Take the next part of the body (Tornado calls this)."""
        self._received += len(chunk)
        if self._received <= self.body_limit:
            self._parts.append(chunk)

    @property
    def body(self) -> bytes:
        """The body, now that it is complete."""
        self.app.receiving.end(self)
        if self._received > self.body_limit:
            raise TooLarge(f"The request body is larger than {self.body_limit} bytes, the most that is taken here.")
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)


@stream_request_body
class PostHandler(BodyHandler):
    """A route called by POST with a JSON object (Wallaroo reads by POST, too)."""

    async def decode(self) -> Any:
        """Return the body, and what stands in the path, as the route's request struct.

        Raises
        ------
        InvalidRequest
            Not JSON, not an object, or a field that is missing or of the wrong type; names the field.
        """
        self.refuse_forms()
        body = self.body or b"{}"
        if len(body) > INLINE_BYTES:
            value = await asyncio.to_thread(document, body)
        else:
            value = document(body)
        return await self.narrowed(self.converted(value | self.path_kwargs, self.route.request, strict=True))

    @property
    def media_type(self) -> str:
        """What the request says its body is, without parameters."""
        return self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def refuse_forms(self) -> None:
        """Refuse what a page of another site can send without asking."""
        kind = self.media_type
        if kind in _FORM_TYPES and not self.token_authenticated:
            raise InvalidRequest(f"Expected a JSON body; got {kind}.", hint="Send Content-Type: application/json.")

    @authenticated
    async def post(self) -> None:
        """Answer the request."""
        await self.answer_to(await self.decode())

    async def answer_to(self, request: Any) -> None:
        """Finish with what the route's service says to a request."""
        value = await self.route.service(self.app.services)(self.caller, request)
        if self.route.response is None:
            self.set_status(HTTPStatus.NO_CONTENT)
            self.finish()
        else:
            self.set_status(self.route.status)
            self.answer(value)


@stream_request_body
class ResourceHandler(PostHandler):
    """One thing, or all of a kind, by its path: a route for each method that means something there."""

    routes: ClassVar[Mapping[str, Route]]

    def initialize(self) -> None:
        """Find the route of the request's method; of others, any tells who may be told 405 (Tornado calls this)."""
        self.route = self.routes.get(self.request.method or "", self.route)  # type: ignore[misc]
        super().initialize()

    @authenticated
    async def get(self, **_: str) -> None:
        """Answer what is there."""
        await self._answer_path()

    @authenticated
    async def delete(self, **_: str) -> None:
        """End or remove it."""
        await self._answer_path()

    @authenticated
    async def post(self, **_: str) -> None:
        """Make one."""
        await self._answer_body()

    @authenticated
    async def put(self, **_: str) -> None:
        """Say how it is."""
        await self._answer_body()

    async def _answer_path(self) -> None:
        self._refuse_other_methods()
        asked = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        await self.answer_to(self.converted(asked | self.path_kwargs, self.route.request, strict=False))

    async def _answer_body(self) -> None:
        self._refuse_other_methods()
        await self.answer_to(await self.decode())

    def _refuse_other_methods(self) -> None:
        if self.route.method != self.request.method:
            raise HTTPError(HTTPStatus.METHOD_NOT_ALLOWED)


def document(body: bytes) -> dict[str, Any]:
    """Return a body as a JSON object."""
    value = strict_json.decode_document(body)
    if not isinstance(value, dict):
        raise InvalidRequest(f"Expected a JSON object; got {type(value).__name__}.")
    return value


class BodilessHandler(WallarooHandler):
    """A handler that takes no body: one that is announced is refused, one that comes is dropped."""

    body_limit = 0

    def data_received(self, chunk: bytes) -> None:
        """Drop what comes (Tornado calls this)."""


@stream_request_body
class GetHandler(BodilessHandler):
    """A route called by GET, without parameters."""

    @authenticated
    async def get(self) -> None:
        """Answer the request."""
        self.answer(await self.route.service(self.app.services)(self.caller, self.route.request()))


@stream_request_body
class ConfigHandler(BodilessHandler):
    """The one route that nobody has to log in for."""

    @allow_unauthenticated
    async def get(self) -> None:
        """Answer the request."""
        from jupyter_wallaroo.services.services import server_config

        self.answer(server_config())


@stream_request_body
class OpenApiHandler(BodilessHandler):
    """The description of all routes."""

    @authenticated
    async def get(self) -> None:
        """Answer the request."""
        from jupyter_wallaroo.server.openapi import document

        self.answer(document(self.root_url))
