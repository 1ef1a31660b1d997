"""Which way an inference takes: straight to the engines where that is possible, else through Jupyter.

A pipeline's engines answer on a port of the server's machine. A client on the same machine asks once for its address
and the token that opens it, and uses it from then on: a request costs a fraction of one through Jupyter. When nobody
answers there any more, or answers that there is no such deployment, it asks again, and goes through Jupyter where that
leads to nothing. A request whose connection was cut is sent once more, through Jupyter: models are functions of their
input.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import Struct

from jupyter_wallaroo.errors import NotFound, Unauthenticated, WallarooError
from jupyter_wallaroo.sdk.object import CommunicationError, RequestTimeoutError, UnreachedError
from jupyter_wallaroo.types.loopback import loopback_id
from jupyter_wallaroo.types.pipeline import DirectAccess, GetDirectAccess

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.api import Api

AGAIN_AFTER_S = 30.0
"""When a deployment that could not be reached directly is tried again: its engines may have been starting."""


class Pipe(Struct, frozen=True):
    """Where inferences go: a deployment of a pipeline, by the names that addresses have."""

    deployment: str
    pipeline: str
    workspace_id: int


class Way(Struct, frozen=True):
    """An address that takes inferences, and the header that opens it; None: the client's own."""

    url: str
    credentials: dict[str, str] | None = None

    def __repr__(self) -> str:
        """Return everything but the token."""
        return f"Way({self.url!r})"


class Ways:
    """The ways of one client.

    Parameters
    ----------
    api
        The session with the server.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._direct: dict[Pipe, Way] = {}
        self._closed: dict[Pipe, float] = {}

    def known(self, pipe: Pipe) -> Way | None:
        """Return the way to take, None when the server has to be asked."""
        if not self._api.is_local or self._closed.get(pipe, 0.0) > time.monotonic():
            return self.through_jupyter(pipe)
        return self._direct.get(pipe)

    def find(self, pipe: Pipe) -> Way:
        """Return the way to take; asks the server when that is not known."""
        return self.known(pipe) or self._ask(pipe) or self.through_jupyter(pipe)

    def through_jupyter(self, pipe: Pipe) -> Way:
        """Return the way that is always there."""
        return Way(self._api.url(f"pipelines/infer/{quote(pipe.deployment)}/{quote(pipe.pipeline)}"))

    def instead(self, pipe: Pipe, way: Way, error: WallarooError, tried: int) -> Way:
        """Return the way to send a request by once more that failed, or raise ``error`` when that is the last word.

        Parameters
        ----------
        way
            What it was sent by.
        tried
            How often it was sent.
        """
        if way.credentials is None or isinstance(error, RequestTimeoutError):
            raise error
        if isinstance(error, UnreachedError | Unauthenticated | NotFound):
            self._direct.pop(pipe, None)
            fresh = self._ask(pipe) if tried == 1 else None
            if fresh is not None and fresh != way:
                return fresh
            self._close(pipe)
        elif not isinstance(error, CommunicationError):
            raise error
        return self.through_jupyter(pipe)

    def _ask(self, pipe: Pipe) -> Way | None:
        request = GetDirectAccess(workspace_id=pipe.workspace_id, pipeline_name=pipe.pipeline)
        try:
            access = self._api.call("admin/get_pipeline_direct_access", request, DirectAccess)
        except WallarooError:  # an older server, a task's token, or a pipeline that is gone: the other way says which
            access = None
        if access is None or access.token is None or not access.loopback or access.loopback != loopback_id():
            self._close(pipe)
            return None
        self._direct[pipe] = Way(access.url, {"Authorization": f"Bearer {access.token}"})
        return self._direct[pipe]

    def _close(self, pipe: Pipe) -> None:
        self._direct.pop(pipe, None)
        self._closed[pipe] = time.monotonic() + AGAIN_AFTER_S
