"""Inference: which deployment an address means, and that its answer comes in time."""

from __future__ import annotations

import time

import msgspec
from msgspec import Struct

from jupyter_wallaroo.engine.arena import Arena, Region
from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.errors import DeadlineExceeded, NotFound
from jupyter_wallaroo.supervisor.deployment import Deployment
from jupyter_wallaroo.supervisor.supervisor import Supervisor
from jupyter_wallaroo.supervisor.taker import Awaited, Taker
from jupyter_wallaroo.types.plan import Answered, InferRequest, MediaType

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answered).decode


class Form(Struct, frozen=True):
    """How a body is read and what is answered: media types, and the fields asked for (contract/inference.md)."""

    content: MediaType
    accepts: MediaType
    dataset: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    separator: str | None = None


class InferenceService:
    """Passes bodies to deployments without looking at them.

    Parameters
    ----------
    supervisor
        Knows the deployments.
    time_limit_s
        How long a request may take.
    arena
        Where large bodies are put as they come in.
    """

    def __init__(self, supervisor: Supervisor, time_limit_s: float, arena: Arena) -> None:
        self.arena = arena
        self._supervisor = supervisor
        self._time_limit_s = time_limit_s

    def find(self, deployment_id: int, name: str, pipeline_name: str | None) -> Deployment:
        """Return the deployment that an inference address means.

        Parameters
        ----------
        deployment_id, name
            ``14`` and ``fraud-14`` for an address that ends with ``fraud-14``.
        pipeline_name
            What follows it, when anything does.

        Raises
        ------
        NotFound
            Nothing answers there.
        """
        found = self._supervisor.get(deployment_id)
        if found is None or found.spec.name != name or pipeline_name not in (None, found.spec.pipeline_name):
            raise NotFound(
                f"Nothing is deployed as {name!r}" + (f" for pipeline {pipeline_name!r}." if pipeline_name else "."),
                hint="admin/get_pipeline_external_url gives the address of a deployed pipeline.",
            )
        return found

    def submit(self, deployment: Deployment, body: Buffer | Region, form: Form, taker: Taker[Answered]) -> None:
        """Have a body answered, and its outcome told to ``taker``.

        Raises
        ------
        NotFound, Unavailable, EngineFailure
            The deployment does not take it, see `Deployment.submit`.
        """
        deadline = time.monotonic() + self._time_limit_s
        place = (body.offset, body.size) if isinstance(body, Region) else None
        request = InferRequest(form.accepts, form.content, deadline, form.dataset, form.exclude, form.separator, place)
        deployment.submit(_encode(request), body, deadline, _Taken(taker, deployment, self._time_limit_s))

    async def infer(self, deployment: Deployment, body: Buffer | Region, form: Form) -> tuple[Answered, Buffer]:
        """Return what is said of the answer, and its bytes.

        Raises
        ------
        DeadlineExceeded
            It took longer than the time limit.
        """
        awaited: Awaited[Answered] = Awaited()
        self.submit(deployment, body, form, awaited)
        return await awaited.future


class _Taken:
    """Reads what is said of an answer, and words a lateness."""

    __slots__ = ("_deployment", "_taker", "_time_limit_s")

    def __init__(self, taker: Taker[Answered], deployment: Deployment, time_limit_s: float) -> None:
        self._taker = taker
        self._deployment = deployment
        self._time_limit_s = time_limit_s

    def answered(self, head: bytes, body: Buffer) -> None:
        self._taker.answered(_decode(head), body)

    def failed(self, error: Exception) -> None:
        if isinstance(error, DeadlineExceeded):
            error = DeadlineExceeded(
                f"Pipeline {self._deployment.spec.pipeline_name!r} did not answer within the time limit of "
                f"{self._time_limit_s:g} s.",
                hint="Send fewer rows per request, or ask whoever runs the server to raise request_time_limit_s.",
            )
        self._taker.failed(error)
