"""Files that go out as they came in, a part at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

from tornado.iostream import StreamClosedError
from tornado.web import authenticated, stream_request_body

from jupyter_wallaroo.server.handlers.json_body import BodilessHandler

PART_BYTES = 2**20


@stream_request_body
class OrchestrationDownloadHandler(BodilessHandler):
    """``orchestration/download``: the archive as it was uploaded."""

    @authenticated
    async def get(self) -> None:
        """Answer the request."""
        service = self.app.services.orchestrations
        found = await service.require(self.decode_query().id)
        await self.send_file(service.archive(found), f"{found.id}.zip", found.file_name, found.size_bytes)

    async def send_file(self, path: Path, plain_name: str, name: str, size_bytes: int) -> None:
        """Send a file to be saved under a name: ``name`` by RFC 5987, ``plain_name`` for old clients."""
        file = await asyncio.to_thread(open, path, "rb")
        try:
            self.set_header("Content-Type", "application/octet-stream")
            self.set_header("Content-Length", str(size_bytes))
            disposition = f"attachment; filename=\"{plain_name}\"; filename*=UTF-8''{quote(name, safe='')}"
            self.set_header("Content-Disposition", disposition)
            while part := await asyncio.to_thread(file.read, PART_BYTES):
                self.write(part)
                await self.flush()
        except StreamClosedError:
            return  # whoever asked is gone
        finally:
            await asyncio.to_thread(file.close)
        self.finish()
