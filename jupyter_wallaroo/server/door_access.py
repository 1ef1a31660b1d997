"""Who may use the doors that replicas answer themselves with a token of Jupyter's: whoever may send inferences here.

A replica asks about each token that it does not know. The question becomes a request that nobody sent, which goes
through the same checks as one that somebody did: the identity provider, the authorizer, the scope of a task's token.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import HTTPError

from jupyter_wallaroo.errors import WallarooError
from jupyter_wallaroo.server.errors import status_of
from jupyter_wallaroo.server.handlers.base import WallarooHandler
from jupyter_wallaroo.store.task_scope import Key

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerWebApplication

    from jupyter_wallaroo.server.app import WallarooApp


class _Nobody:
    """The connection of a request that nobody sent."""

    def set_close_callback(self, callback: Any) -> None:
        """Learn what to call when it ends, which it does not."""


class DoorAccess:
    """Decides about tokens.

    Parameters
    ----------
    app
        Knows the services.
    web_app
        Knows the routes and Jupyter's rules.
    """

    def __init__(self, app: WallarooApp, web_app: ServerWebApplication) -> None:
        from jupyter_wallaroo.server.routes import ROUTES

        self._app = app
        self._web_app = web_app
        self._route = next(route for route in ROUTES if route.path.startswith("pipelines/infer/"))

    async def verdict(self, pipeline_id: int, token: str) -> int:
        """Return 200, or the status that an inference for a pipeline with this token is refused with."""
        headers = HTTPHeaders({"Host": "localhost", "Authorization": f"Bearer {token}"})
        connection: Any = _Nobody()
        request = HTTPServerRequest(method="POST", uri="/", headers=headers, connection=connection)
        asking = type("_Asking", (WallarooHandler,), {"route": self._route})(self._web_app, request)
        try:
            await asking.authorize()
            if asking.only_workspace_id is not None:
                scope = self._app.services.task_scope
                await scope.require(Key.PIPELINE, pipeline_id, asking.only_workspace_id)
        except WallarooError as error:
            return status_of(error, HTTPStatus.INTERNAL_SERVER_ERROR)
        except HTTPError as error:
            return error.status_code
        return HTTPStatus.OK
