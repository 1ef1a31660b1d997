"""Uploads: streamed to disk while the SHA-256 is computed; a body that is refused leaves nothing behind."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar

import msgspec
from tornado.web import authenticated, stream_request_body

from jupyter_wallaroo import strict_json
from jupyter_wallaroo.errors import InvalidRequest, TooLarge, WallarooError
from jupyter_wallaroo.server.handlers.base import REFUSED_LIMIT_S, WallarooHandler
from jupyter_wallaroo.server.multipart import UploadForm
from jupyter_wallaroo.server.receiving import BODY_LIMIT_S
from jupyter_wallaroo.store.blobs import Incoming
from jupyter_wallaroo.types.model import UploadModel
from jupyter_wallaroo.types.orchestration import MAX_ARCHIVE_BYTES, UploadOrchestration

T = TypeVar("T")

PART_BYTES = 2**20


class UploadHandler(WallarooHandler):
    """What all uploads share: parts of 1 MB are handed to a thread, in order."""

    def initialize(self) -> None:
        """Begin with nothing received (Tornado calls this)."""
        self._incoming: Incoming | None = None
        self._waiting = bytearray()
        self._received = 0
        self._refusal: WallarooError | None = None

    async def check(self) -> None:
        """Know the caller, look at what comes before the bytes, open the file."""
        self.body_limit = self.size_limit
        await super().check()
        await self.begin()
        self.app.receiving.begin(self)
        self._incoming = await asyncio.to_thread(self.open_file)

    @property
    def size_limit(self) -> int:
        """How many bytes the whole body may have."""
        return self.app.upload_limit

    def open_file(self) -> Incoming:
        """Open the file that the upload goes to, in a thread."""
        return self.app.services.models.begin_upload()

    async def begin(self) -> None:
        """Look at what comes before the bytes."""

    def feed(self, part: bytes) -> None:
        """Take a part of the body, in a thread."""
        raise NotImplementedError

    async def data_received(self, chunk: bytes) -> None:
        """Take the next part of the body (Tornado calls this); what follows a refusal is dropped."""
        self._received += len(chunk)
        self.app.receiving.begin(self, limit_s=REFUSED_LIMIT_S if self._refusal else BODY_LIMIT_S)
        if self._received > self.body_limit:
            self._refusal = TooLarge(f"The upload is larger than {self.body_limit} bytes, the most that is taken here.")
        if self._refusal is not None:
            return
        self._waiting += chunk
        if len(self._waiting) >= PART_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        part, self._waiting = bytes(self._waiting), bytearray()
        if self._refusal is None and part:
            try:
                await asyncio.to_thread(self.feed, part)
                await self.look()
            except WallarooError as error:
                self._refusal = error

    async def look(self) -> None:
        """Refuse early what can be refused before the whole file has come."""

    async def received(self) -> Incoming:
        """Return the file once the body is complete, or raise why it is refused."""
        self.app.receiving.end(self)
        await self._flush()
        if self._refusal is not None:
            raise self._refusal
        assert self._incoming is not None, "check opened it"
        return self._incoming

    def on_finish(self) -> None:
        """Remove what was not kept (Tornado calls this)."""
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            asyncio.get_running_loop().run_in_executor(None, incoming.discard)

    def on_connection_close(self) -> None:
        """Remove a body that was cut off (Tornado calls this)."""
        self.on_finish()
        super().on_connection_close()


class FormUploadHandler(UploadHandler):
    """A form with the parts ``metadata`` (JSON) and ``file``; the metadata is checked as soon as it has come."""

    _checked = False

    async def begin(self) -> None:
        """Read the form's boundary."""
        self.form = UploadForm(self.request.headers.get("Content-Type", ""))

    def feed(self, part: bytes) -> None:
        """Parse a part of the form; what belongs to the file goes to disk."""
        assert self._incoming is not None, "check opened it"
        self.form.feed(part, self._incoming.write)

    async def look(self) -> None:
        """Check the metadata as soon as it has come."""
        if not self._checked and self.form.metadata is not None:
            self._checked = True
            await self.check_metadata(self.form.metadata)

    async def check_metadata(self, metadata: bytes) -> None:
        """Refuse what cannot be taken, whatever the file."""
        raise NotImplementedError


@stream_request_body
class MultipartUploadHandler(FormUploadHandler):
    """``models/upload``: a model that is converted before it is answered."""

    waits: ClassVar[bool] = True
    status: ClassVar[HTTPStatus] = HTTPStatus.OK

    async def check_metadata(self, metadata: bytes) -> None:
        """Refuse what cannot be a model, whatever the file."""
        await self.app.services.models.check_upload(await self.narrowed(_document(metadata, UploadModel)))

    @authenticated
    async def post(self) -> None:
        """Make a model version of what came."""
        incoming = await self.received()
        request = await self.narrowed(_document(self.form.finish(), UploadModel))
        uploaded = await self.app.services.models.finish_upload(
            self.caller, request, incoming, self.form.file_name, waits=self.waits
        )
        self.report_activity()
        self.set_status(self.status)
        self.answer(uploaded)


@stream_request_body
class ConvertingUploadHandler(MultipartUploadHandler):
    """``models/upload_and_convert``: answers once the file is kept, and converts it afterwards."""

    waits = False
    status = HTTPStatus.ACCEPTED


@stream_request_body
class RawUploadHandler(UploadHandler):
    """``models/upload_stream``: the file is the body, the rest is in the query."""

    async def begin(self) -> None:
        """Check the query before the bytes come."""
        names = ("name", "workspace_id", "visibility", "sha")
        query = {name: self.get_query_argument(name) for name in names if self.get_query_argument(name, None)}
        self._request = await self.narrowed(_convert(query, UploadModel, strict=False))
        self._file_name = self.get_query_argument("filename", self._request.name)
        await self.app.services.models.check_upload(self._request)

    def feed(self, part: bytes) -> None:
        """Write a part to disk."""
        assert self._incoming is not None, "check opened it"
        self._incoming.write(part)

    @authenticated
    async def post(self) -> None:
        """Make a model version of what came."""
        incoming = await self.received()
        uploaded = await self.app.services.models.finish_upload(
            self.caller, self._request, incoming, self._file_name, waits=True
        )
        self.report_activity()
        self.answer(uploaded)


@stream_request_body
class OrchestrationUploadHandler(FormUploadHandler):
    """``orchestration/upload``: answers once the archive was looked into and is kept; it is packaged afterwards."""

    status: ClassVar[HTTPStatus] = HTTPStatus.ACCEPTED

    @property
    def size_limit(self) -> int:
        """How many bytes the whole body may have."""
        return MAX_ARCHIVE_BYTES

    def open_file(self) -> Incoming:
        """Open the file that the archive goes to, in a thread."""
        return self.app.services.orchestrations.begin_upload()

    async def check_metadata(self, metadata: bytes) -> None:
        """Refuse what cannot be an orchestration, whatever the file."""
        await self.app.services.orchestrations.check_upload(_document(metadata, UploadOrchestration))

    @authenticated
    async def post(self) -> None:
        """Make an orchestration of what came."""
        incoming = await self.received()
        request = _document(self.form.finish(), UploadOrchestration)
        uploaded = await self.app.services.orchestrations.finish_upload(
            self.caller, request, incoming, self.form.file_name
        )
        self.report_activity()
        self.set_status(self.status)
        self.answer(uploaded)


def _document(metadata: bytes, kind: type[T]) -> T:
    return _convert(strict_json.decode_document(metadata), kind, strict=True)


def _convert(value: Any, kind: type[T], *, strict: bool) -> T:
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"The upload's metadata: {str(error).replace('`$.', '`')}.") from None
