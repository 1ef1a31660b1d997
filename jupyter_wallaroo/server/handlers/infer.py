"""Inference: bytes in, bytes out; they are relayed to an engine and never looked at here."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from tornado.httputil import HTTPHeaders
from tornado.web import authenticated, stream_request_body

from jupyter_wallaroo.engine.arena import Region
from jupyter_wallaroo.errors import Unavailable
from jupyter_wallaroo.server.body_room import Reservation
from jupyter_wallaroo.server.handlers.json_body import BodyHandler
from jupyter_wallaroo.services.inference import Form
from jupyter_wallaroo.store.task_scope import Key
from jupyter_wallaroo.supervisor.deployment import Deployment
from jupyter_wallaroo.types.media import negotiate
from jupyter_wallaroo.types.plan import Answered

if TYPE_CHECKING:
    from jupyter_server.auth import User


@stream_request_body
class InferHandler(BodyHandler):
    """``pipelines/infer/{deploy_id}-{deployment id}`` and the same with ``/{pipeline name}`` (S1-40)."""

    _deployment: Deployment | None = None
    _answered: Answered | None = None
    _room: Reservation | None = None
    _is_relayed = False

    async def check(self) -> None:
        """Know the caller and the deployment, and that there is room for the body."""
        self._begun = time.perf_counter()
        self.body_limit = self.app.inference_body_limit
        await super().check()
        deploy_id, number, *rest = self.path_args
        pipeline_name = rest[0] if rest else None
        self._deployment = self.app.services.inference.find(int(number), f"{deploy_id}-{number}", pipeline_name)
        if self.only_workspace_id is not None:
            pipeline_id = self._deployment.spec.pipeline_id
            await self.app.services.task_scope.require(Key.PIPELINE, pipeline_id, self.only_workspace_id)
        self._form = self._asked_form()
        self._reserve()

    def _asked_form(self) -> Form:
        headers = self.request.headers
        content, accepts = negotiate(headers.get("Content-Type", ""), headers.get("Accept", ""))
        if not self.request.query:
            return Form(content, accepts)
        return Form(
            content,
            accepts,
            dataset=tuple(self.get_query_arguments("dataset[]")),
            exclude=tuple(self.get_query_arguments("dataset.exclude[]")),
            separator=self.get_query_argument("dataset.separator", None),
        )

    def _reserve(self) -> None:
        """Take room for the body; a large one of known length is never copied again."""
        size = self._announced_bytes() if "Content-Length" in self.request.headers else None
        self._room = self.app.body_room.reserve(self.app.services.inference.arena, size, self.body_limit)
        if self._room is None:
            raise Unavailable("The server holds as many request bodies as it has room for.", hint="Try again shortly.")

    @property
    def _region(self) -> Region | None:
        return self._room.region if self._room is not None else None

    def data_received(self, chunk: bytes) -> None:
        """Take the next part of the body (Tornado calls this)."""
        region = self._region
        if region is not None:
            region.write(chunk)
        else:
            super().data_received(chunk)

    def _log(self) -> None:
        """Log what went wrong; an inference that succeeded is in the inference log (Tornado calls this)."""
        if self.get_status() >= HTTPStatus.BAD_REQUEST:
            super()._log()

    def _release(self) -> None:
        if self._room is not None:
            self._room.release()

    def on_finish(self) -> None:
        """Count the request, and give the room back unless the body is still being worked on (Tornado calls this)."""
        if self._deployment is not None:
            said = self._answered
            rows, anomalies = (said.rows, said.anomalies) if said is not None else (0, 0)
            taken = time.perf_counter() - self._begun
            self.app.count_inference(self._deployment.spec.pipeline_id, self.get_status(), taken, rows, anomalies)
        if not self._is_relayed:
            self._release()

    def on_connection_close(self) -> None:
        """Give the room back when the caller is gone (Tornado calls this)."""
        if not self._is_relayed:
            self._release()
        super().on_connection_close()

    @authenticated
    async def post(self, *_: str | None) -> None:
        """Relay the body and its answer; the body's room is taken until an engine is done with it."""
        self._is_relayed = True
        try:
            await self._relay()
        finally:
            self._release()

    async def _relay(self) -> None:
        assert self._deployment is not None, "check found it"
        received = self._region or self.body
        self.app.receiving.end(self)
        if self.known is not None:
            self.app.fast_path.learn(self, self.known, self._form)  # before its answer, for those that come meanwhile
        said, body = await self.app.services.inference.infer(self._deployment, received, self._form)
        self._answered = said
        self.report_activity()
        self.set_header("Content-Type", said.media.value)
        self.finish(bytes(body))

    @property
    def answer_headers(self) -> HTTPHeaders:
        """What was set of the answer's headers, its length and cookies left out."""
        return self._headers

    def refuse(self, error: Exception, user: User, deployment: Deployment | None, begun: float) -> None:
        """Answer, log and count a request of the fast path that ended with ``error``.

        Parameters
        ----------
        user
            Who sent it.
        deployment
            What it was for, None when that is not there any more.
        begun
            When its head had come, by `time.perf_counter`.
        """
        self.current_user = self._jupyter_current_user = user
        self._deployment, self._begun = deployment, begun
        self.request._start_time -= time.perf_counter() - begun
        self._transforms = []
        told = type(error), error, error.__traceback__
        self.log_exception(*told)
        self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, exc_info=told)
