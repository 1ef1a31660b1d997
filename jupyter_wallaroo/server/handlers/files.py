"""Files that go out, a part at a time: archives as they came in, and what steps of runs left."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from urllib.parse import quote

from tornado.iostream import StreamClosedError
from tornado.web import authenticated, stream_request_body

from jupyter_wallaroo.errors import NotFound
from jupyter_wallaroo.server.handlers.json_body import BodilessHandler
from jupyter_wallaroo.types.plan import MediaType
from jupyter_wallaroo.types.run import NamedStep, OutputKind

PART_BYTES = 256 * 1024
PLAIN_BYTES = "application/octet-stream"

_MEDIA_TYPES = {OutputKind.ARROW: MediaType.ARROW.value, OutputKind.JSON: "application/json"}


class FileHandler(BodilessHandler):
    """Sends a file in parts, read in a thread, no faster than the caller takes them."""

    async def send_file(self, path: Path, media_type: str) -> None:
        """Answer with the bytes of a file.

        Raises
        ------
        NotFound
            It is no longer there.
        """
        try:
            file = await asyncio.to_thread(open, path, "rb")
        except FileNotFoundError:
            raise NotFound("The file of it is no longer kept.", hint="Make it again.") from None
        try:
            self.set_header("Content-Type", media_type)
            self.set_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            with contextlib.suppress(StreamClosedError):  # whoever asked is gone
                while part := await asyncio.to_thread(file.read, PART_BYTES):
                    self.write(part)
                    await self.flush()
                await self.finish()
        finally:
            await asyncio.to_thread(file.close)


@stream_request_body
class OrchestrationDownloadHandler(FileHandler):
    """``orchestration/download``: the archive as it was uploaded."""

    @authenticated
    async def get(self) -> None:
        """Answer the request; the file is to be saved under its name by RFC 5987, by its id for old clients."""
        service = self.app.services.orchestrations
        found = await service.require(self.decode_query().id)
        name = quote(found.file_name, safe="")
        self.set_header("Content-Disposition", f"attachment; filename=\"{found.id}.zip\"; filename*=UTF-8''{name}")
        await self.send_file(service.archive(found), PLAIN_BYTES)


@stream_request_body
class StepNotebookHandler(FileHandler):
    """``runs/{run}/{step}/notebook``: the executed notebook."""

    @authenticated
    async def get(self, run: str, step: str) -> None:
        """Answer the request."""
        path = await self.app.services.runs.notebook(self.caller, NamedStep(run=run, step=step))
        await self.send_file(path, "application/x-ipynb+json")


@stream_request_body
class StepOutputHandler(FileHandler):
    """``runs/{run}/{step}/outputs/{name}``: something that a step left."""

    @authenticated
    async def get(self, run: str, step: str, name: str) -> None:
        """Answer the request."""
        output, path = await self.app.services.runs.output(self.caller, NamedStep(run=run, step=step), name)
        await self.send_file(path, _MEDIA_TYPES.get(output.kind, PLAIN_BYTES))
