"""What steps of runs left, as bytes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import BinaryIO

from tornado.web import authenticated, stream_request_body

from jupyter_wallaroo.errors import NotFound
from jupyter_wallaroo.server.handlers.json_body import BodilessHandler
from jupyter_wallaroo.types.plan import MediaType
from jupyter_wallaroo.types.run import NamedStep, OutputKind

PART_BYTES = 256 * 1024

_MEDIA_TYPES = {OutputKind.ARROW: MediaType.ARROW.value, OutputKind.JSON: "application/json"}


class FileHandler(BodilessHandler):
    """Sends a file in parts, read in a thread, no faster than the caller takes them."""

    async def send_file(self, path: Path) -> None:
        """Answer with the bytes of a file."""
        try:
            file = await asyncio.to_thread(open, path, "rb")
        except FileNotFoundError:
            raise NotFound("The file of it is no longer kept.", hint="Run the step again.") from None
        try:
            await self._send(file)
        finally:
            await asyncio.to_thread(file.close)

    async def _send(self, file: BinaryIO) -> None:
        while part := await asyncio.to_thread(file.read, PART_BYTES):
            self.write(part)
            await self.flush()
        await self.finish()


@stream_request_body
class StepNotebookHandler(FileHandler):
    """``runs/{run}/{step}/notebook``: the executed notebook."""

    @authenticated
    async def get(self, run: str, step: str) -> None:
        """Answer the request."""
        path = await self.app.services.runs.notebook(self.caller, NamedStep(run=run, step=step))
        self.set_header("Content-Type", "application/x-ipynb+json")
        await self.send_file(path)


@stream_request_body
class StepOutputHandler(FileHandler):
    """``runs/{run}/{step}/outputs/{name}``: something that a step left."""

    @authenticated
    async def get(self, run: str, step: str, name: str) -> None:
        """Answer the request."""
        output, path = await self.app.services.runs.output(self.caller, NamedStep(run=run, step=step), name)
        self.set_header("Content-Type", _MEDIA_TYPES.get(output.kind, "application/octet-stream"))
        await self.send_file(path)
