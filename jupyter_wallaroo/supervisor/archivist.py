"""The process that keeps the logs, started when first needed and again when it is lost."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec

from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.errors import Unavailable
from jupyter_wallaroo.supervisor.process import EngineGone, EngineProcess, Reply
from jupyter_wallaroo.types.inference_log import LogPage, LogQuery
from jupyter_wallaroo.types.plan import Archive

TIME_LIMIT_S = 60.0

_encode = msgspec.msgpack.Encoder().encode
_decode_page = msgspec.msgpack.Decoder(LogPage).decode


class ArchivistProcess:
    """The server's side of `engine.archivist`.

    Parameters
    ----------
    directory
        An empty directory for the process to run in.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: EngineProcess | None = None
        self._starting = asyncio.Lock()

    async def page(self, query: LogQuery) -> tuple[LogPage, Buffer]:
        """Return one page of records, as the bytes the query asked for."""
        head, body = await self._call(Kind.QUERY, _encode(query))
        return _decode_page(head), body

    async def archive(self, request: Archive) -> None:
        """Archive finished journals and let old records go."""
        await self._call(Kind.ARCHIVE, _encode(request))

    async def _call(self, kind: Kind, head: bytes) -> Reply:
        for _ in range(2):
            process = await self._running()
            try:
                return await process.call(kind, head, b"", time.monotonic() + TIME_LIMIT_S)
            except EngineGone:
                continue
        raise Unavailable("The process that reads the logs was lost twice.", hint="Try again.")

    async def _running(self) -> EngineProcess:
        async with self._starting:
            if self._process is None or not self._process.is_alive:
                try:
                    self._process = await EngineProcess.start("archivist", self._directory)
                except OSError as error:
                    raise Unavailable(
                        f"The process that reads the logs cannot be started: {error.strerror}."
                    ) from error
            return self._process

    def check(self, now: float) -> None:
        """Look after the process."""
        if self._process is not None and self._process.is_alive:
            self._process.check(now)

    async def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            await self._process.stop()
