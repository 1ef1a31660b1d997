"""A route: one line of the table in `routes`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from jupyter_wallaroo.server.handlers.base import API_ROOT, API_V2_ROOT, WallarooHandler
from jupyter_wallaroo.server.handlers.json_body import PostHandler, ResourceHandler
from jupyter_wallaroo.types.caller import Caller

if TYPE_CHECKING:
    from jupyter_wallaroo.services.services import Services

ServiceCall = Callable[[Caller, Any], Awaitable[Any]]


class Action(StrEnum):
    """What Jupyter's authorizer is asked about; Wallaroo reads by POST, so the method does not tell."""

    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table.

    Parameters
    ----------
    path
        Below ``{base_url}wallaroo/{root}/``, as OpenAPI writes it.
    request, response
        The structs of the wire; for a handler of bytes, what stands in for them. A response of None is 204.
    service
        Finds the call that answers.
    action, resource
        What the caller must be allowed to do, with which noun (``wallaroo:<resource>``).
    handler
        The class to derive from; its own only where bytes are moved.
    is_public
        Whether nobody needs to be logged in.
    pattern
        The regular expression of the path, where it is not the path itself.
    root
        What the path is below, ``v1/api`` for nearly all.
    query
        The struct of what is in the URL's query, where anything is.
    status
        What is answered when all went well.

    Notes
    -----
    Routes with one path and several methods are one handler class, a `ResourceHandler`: what stands in ``{braces}`` in
    the path are fields of the request.
    """

    path: str
    request: type
    response: Any
    service: Callable[[Services], ServiceCall]
    action: Action
    resource: str
    handler: type[WallarooHandler] = PostHandler
    method: Literal["GET", "POST", "PUT", "DELETE"] = "POST"
    is_public: bool = False
    pattern: str = field(default="")
    root: str = API_ROOT
    query: type | None = None
    status: HTTPStatus = HTTPStatus.OK

    @property
    def address(self) -> str:
        """The whole path below ``{base_url}wallaroo/``."""
        return f"{self.root}/{self.path}"

    @property
    def expression(self) -> str:
        """The regular expression of the path, with a named group for each part in braces."""
        return self.pattern or re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(self.path))

    @property
    def class_name(self) -> str:
        """The name of the handler class, which metrics and logs show."""
        named = self.path if issubclass(self.handler, ResourceHandler) else self.path.partition("{")[0]
        words = "".join(part.capitalize() for part in re.split(r"\W|_", named))
        return f"{words}{'V2' if self.root == API_V2_ROOT else ''}Handler"


def by_hand(_: Services) -> ServiceCall:
    """Stand in for the service of a route whose handler moves bytes, and calls its service itself."""
    raise AssertionError("a handler of bytes calls its service itself")
