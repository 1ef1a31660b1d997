"""Inference: bytes in, bytes out; they are relayed to an engine and never looked at here."""

from __future__ import annotations

import time
from http import HTTPStatus

from tornado.web import authenticated, stream_request_body

from jupyter_wallaroo.engine.arena import Region
from jupyter_wallaroo.errors import Unavailable
from jupyter_wallaroo.server.handlers.json_body import BodyHandler
from jupyter_wallaroo.store.task_scope import Key
from jupyter_wallaroo.supervisor.deployment import Deployment
from jupyter_wallaroo.types.media import negotiate
from jupyter_wallaroo.types.plan import Answered

SHARED_FROM_BYTES = 64 * 1024
"""From this size on a body is passed to engines by its place in shared memory."""


@stream_request_body
class InferHandler(BodyHandler):
    """``pipelines/infer/{deploy_id}-{deployment id}`` and the same with ``/{pipeline name}`` (S1-40)."""

    _deployment: Deployment | None = None
    _answered: Answered | None = None
    _reserved = 0
    _region: Region | None = None
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
        self._media = negotiate(self.request.headers.get("Content-Type", ""), self.request.headers.get("Accept", ""))
        self._reserve()

    def _reserve(self) -> None:
        """Take room for the body out of what all bodies together may have (SECURITY D1).

        A large body of known length gets a region of the memory that engines share, and is never copied again.
        """
        is_known = "Content-Length" in self.request.headers
        size = self._announced_bytes() if is_known else self.body_limit
        if is_known and size >= SHARED_FROM_BYTES:
            self._region = self.app.services.inference.arena.take(size)
            has_room = self._region is not None
        else:
            has_room = self.app.body_bytes + size <= self.app.body_budget
            self._reserved = size if has_room else 0
            self.app.body_bytes += self._reserved
        if not has_room:
            raise Unavailable("The server holds as many request bodies as it has room for.", hint="Try again shortly.")

    def data_received(self, chunk: bytes) -> None:
        """Take the next part of the body (Tornado calls this)."""
        if self._region is not None:
            self._region.write(chunk)
        else:
            super().data_received(chunk)

    def _log(self) -> None:
        """Log what went wrong; an inference that succeeded is in the inference log (Tornado calls this)."""
        if self.get_status() >= HTTPStatus.BAD_REQUEST:
            super()._log()

    def _release(self) -> None:
        self.app.body_bytes -= self._reserved
        self._reserved = 0
        region, self._region = self._region, None
        if region is not None:
            region.release()

    def on_finish(self) -> None:
        """Count the request, and give the room back unless the body is still being worked on (Tornado calls this)."""
        if self._deployment is not None:
            said = self._answered
            rows, anomalies = (said.rows, said.anomalies) if said is not None else (0, 0)
            taken = time.perf_counter() - self._begun
            pipeline_id = self._deployment.spec.pipeline_id
            self.app.metrics.observe(pipeline_id, self.get_status(), taken, rows, anomalies)
            self.app.services.traffic.observe(pipeline_id, self.get_status(), taken, rows, anomalies)
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
        content, accepts = self._media
        received = self._region or self.body
        self.app.receiving.end(self)
        service = self.app.services.inference
        if self.request.query:
            said, body = await service.infer(
                self._deployment,
                received,
                content=content,
                accepts=accepts,
                dataset=tuple(self.get_query_arguments("dataset[]")),
                exclude=tuple(self.get_query_arguments("dataset.exclude[]")),
                separator=self.get_query_argument("dataset.separator", None),
            )
        else:
            said, body = await service.infer(self._deployment, received, content=content, accepts=accepts)
        self._answered = said
        self.report_activity()
        self.set_header("Content-Type", said.media.value)
        self.finish(bytes(body))
