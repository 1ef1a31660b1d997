"""Pages of inference records, as the archivist wrote them."""

from __future__ import annotations

from tornado.web import authenticated, stream_request_body

from jupyter_wallaroo.server.handlers.json_body import BodilessHandler, PostHandler
from jupyter_wallaroo.types.media import ARROW_TYPES
from jupyter_wallaroo.types.plan import MediaType


@stream_request_body
class LogsHandler(PostHandler):
    """``pipelines/get_logs``: the page in the body, how it ended in the ``x-iteration-*`` headers."""

    @authenticated
    async def post(self) -> None:
        """Answer the request."""
        accept = self.request.headers.get("Accept", "").lower()
        arrow = any(kind in accept for kind in ARROW_TYPES)
        page, body = await self.app.services.inference_logs.page(self.caller, await self.decode(), arrow=arrow)
        self.set_header("Content-Type", (MediaType.ARROW if arrow else MediaType.RECORDS).value)
        self.set_header("x-iteration-status", page.status)
        if page.cursor is not None:
            self.set_header("x-iteration-cursor", page.cursor)
        self.finish(bytes(body))


@stream_request_body
class TopicHandler(BodilessHandler):
    """``v1/logs/topic/{topic}``: what it holds."""

    @authenticated
    async def get(self, topic: str) -> None:
        """Answer the request."""
        self.answer(await self.app.services.inference_logs.partitions(self.caller, topic))


@stream_request_body
class TopicRecordsHandler(PostHandler):
    """``v1/logs/topic/{topic}/records``: a page as an Arrow file; the body says where it begins."""

    @authenticated
    async def post(self, topic: str) -> None:
        """Answer the request."""
        service = self.app.services.inference_logs
        page = await service.topic_page(self.caller, topic, self.decode_query(), await self.decode())
        self.set_header("Content-Type", MediaType.ARROW.value)
        self.finish(bytes(page))
