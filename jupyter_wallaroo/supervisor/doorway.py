"""The port on the loopback that a deployment's replicas answer themselves.

The server makes the socket and keeps it for as long as the deployment lasts; each replica inherits it and accepts on
it. It is listened to from when the first of them is ready: before, whoever connects is refused at once and can ask the
server why.
"""

from __future__ import annotations

import logging
import secrets
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import quote

from jupyter_wallaroo.secret import Secret
from jupyter_wallaroo.types.door import DoorPlan
from jupyter_wallaroo.types.tally import Tally

_log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
TOKEN_BYTES = 32


class Doorway:
    """One deployment's port.

    Parameters
    ----------
    listener
        Its socket, bound.
    """

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.address = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        self.token = Secret(secrets.token_urlsafe(TOKEN_BYTES))
        """What opens it, until the deployment ends."""

    @property
    def is_open(self) -> bool:
        """Whether it was not closed yet."""
        return self.listener.fileno() >= 0

    def close(self) -> None:
        """Give the port back; replicas that still accept on it are ended beside this."""
        self.listener.close()


class Doors:
    """What holds for the ports of all deployments.

    Parameters
    ----------
    path
        What inferences are sent to is below it, as at Jupyter's own address.
    body_limit, body_budget
        Bytes of one body, and of all that one replica has at once.
    queue
        Requests that one replica holds at once.
    time_limit_s
        How long a request may take.
    """

    def __init__(self, *, path: str, body_limit: int, body_budget: int, queue: int, time_limit_s: float) -> None:
        self._path = path
        self._body_limit = body_limit
        self._body_budget = body_budget
        self._queue = queue
        self._time_limit_s = time_limit_s
        self.counted: Callable[[int, Tally], None] | None = None
        """Told what was counted of a pipeline; while there is nobody to tell, it is kept."""
        self.allows: Callable[[int, str], Awaitable[int]] | None = None
        """Returns 200, or the status to refuse with, for a pipeline and a token that is none of ours."""

    def open(self) -> Doorway | None:
        """Return a new port, None when the system has none to give: then there is one way in, through Jupyter."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.bind((LOOPBACK, 0))
        except OSError as error:
            listener.close()
            _log.warning("wallaroo: a deployment has no port of its own: %s", error.strerror)
            return None
        return Doorway(listener)

    def path(self, name: str) -> str:
        """Return what inferences of the deployment called ``name`` are sent to."""
        return f"{self._path}/{quote(name)}"

    def plan(self, doorway: Doorway, name: str, pipeline_name: str) -> DoorPlan:
        """Return what a replica of the deployment called ``name`` has to know."""
        return DoorPlan(
            path=self.path(name),
            pipeline_name=pipeline_name,
            token=doorway.token.reveal(),
            body_limit=self._body_limit,
            body_budget=self._body_budget,
            queue=self._queue,
            time_limit_s=self._time_limit_s,
        )

    async def verdict(self, pipeline_id: int, token: str) -> int:
        """Return 200, or the status to refuse a request with that carries a token which is none of ours."""
        if self.allows is None:
            return HTTPStatus.SERVICE_UNAVAILABLE
        return await self.allows(pipeline_id, token)
