"""Routes of plain JSON: decode a struct, call the service, encode a struct."""

from __future__ import annotations

from typing import Any

import msgspec
from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.web import authenticated, stream_request_body

from jupyter_wallaroo import strict_json
from jupyter_wallaroo.errors import InvalidRequest, TooLarge
from jupyter_wallaroo.server.handlers.base import WallarooHandler

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

    def on_connection_close(self) -> None:
        """Forget a caller that is gone (Tornado calls this)."""
        self.app.receiving.end(self)
        super().on_connection_close()

    def finish(self, chunk: Any = None) -> Any:
        """Send the answer (Tornado and subclasses call this)."""
        self.app.receiving.end(self)
        return super().finish(chunk)

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

    def decode(self) -> Any:
        """Return the body as the route's request struct.

        Raises
        ------
        InvalidRequest
            Not JSON, not an object, or a field that is missing or of the wrong type; names the field.
        """
        kind = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in _FORM_TYPES and not self.token_authenticated:
            raise InvalidRequest(f"Expected a JSON body; got {kind}.", hint="Send Content-Type: application/json.")
        value = strict_json.decode_document(self.body or b"{}")
        if not isinstance(value, dict):
            raise InvalidRequest(f"Expected a JSON object; got {type(value).__name__}.")
        try:
            return msgspec.convert(value, self.route.request)
        except msgspec.ValidationError as error:
            text = str(error).replace("`$.", "`").replace(" - at", " at")
            raise InvalidRequest(f"{self.route.path}: {text}.") from None

    @authenticated
    async def post(self) -> None:
        """Answer the request."""
        self.answer(await self.route.service(self.app.services)(self.caller, self.decode()))


class GetHandler(WallarooHandler):
    """A route called by GET, without parameters."""

    @authenticated
    async def get(self) -> None:
        """Answer the request."""
        self.answer(await self.route.service(self.app.services)(self.caller, self.route.request()))


class ConfigHandler(WallarooHandler):
    """The one route that nobody has to log in for."""

    @allow_unauthenticated
    async def get(self) -> None:
        """Answer the request."""
        from jupyter_wallaroo.services.services import server_config

        self.answer(server_config())


class OpenApiHandler(WallarooHandler):
    """The description of all routes."""

    @authenticated
    async def get(self) -> None:
        """Answer the request."""
        from jupyter_wallaroo.server.openapi import document

        self.answer(document(self.api_url))
