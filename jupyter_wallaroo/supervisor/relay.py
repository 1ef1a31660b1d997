"""One inference on its way to a replica and back.

No task and no future stand between a frame and whoever waits for it: an answer is passed on from within the read that
brought it. Only a request that finds no replica running has a task of its own, which waits for one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jupyter_wallaroo.engine.arena import Region
from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.errors import EngineFailure, TooLarge, WallarooError
from jupyter_wallaroo.supervisor.process import EngineGone
from jupyter_wallaroo.supervisor.taker import Taker

if TYPE_CHECKING:
    from jupyter_wallaroo.supervisor.deployment import Deployment

ATTEMPTS = 2


class Relay:
    """One request, until its outcome is told.

    A request whose replica dies over it is sent to another one once: models are functions of their input. One that only
    waited behind another is sent on as often as its time allows.

    Parameters
    ----------
    deployment
        Whose replicas may answer it; is told when it is over.
    head, body, deadline, taker
        See `Deployment.submit`.
    """

    __slots__ = ("_body", "_deadline", "_deployment", "_head", "_lost", "_taker", "_waiting")

    def __init__(
        self, deployment: Deployment, head: bytes, body: Buffer | Region, deadline: float, taker: Taker[bytes]
    ) -> None:
        self._deployment = deployment
        self._head = head
        self._body = body
        self._deadline = deadline
        self._taker = taker
        self._lost = 0
        self._waiting: asyncio.Task[None] | None = None

    def send(self) -> None:
        """Send it to the replica that owes least, or wait for one that ran to come back."""
        replica = self._deployment.pick()
        if replica is not None:
            replica.send(self._head, self._body, self._deadline, self)
        else:
            self._waiting = asyncio.get_running_loop().create_task(self._send_later())

    async def _send_later(self) -> None:
        try:
            replica = await self._deployment.wait_for_replica(self._deadline)
        except WallarooError as error:
            self._end(error)
        else:
            replica.send(self._head, self._body, self._deadline, self)

    def answered(self, head: bytes, body: Buffer) -> None:
        """Pass an answer on (the engine's process calls this)."""
        self._deployment.relayed()
        self._taker.answered(head, body)

    def failed(self, error: Exception) -> None:
        """Try another replica, or pass the refusal on (the engine's process calls this)."""
        if not isinstance(error, EngineGone):
            self._end(error)
            return
        name = self._deployment.spec.name
        if error.is_memory:
            too_large = TooLarge(
                f"This request needs more memory than an engine of deployment {name!r} may use: {error.reason}.",
                hint="Send fewer rows per request, or deploy with more memory.",
            )
            self._end(too_large)
            return
        self._lost += error.was_worked_on
        if self._lost < ATTEMPTS:
            self.send()
            return
        self._deployment.remember_poison(self._body)
        failure = EngineFailure(
            f"Two engines of deployment {name!r} were lost while answering this request: {error.reason}.",
            hint="The request itself may be what ends them; it is refused for a minute.",
        )
        self._end(failure)

    def _end(self, error: Exception) -> None:
        self._deployment.relayed()
        self._taker.failed(error)
