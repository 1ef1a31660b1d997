"""The process that keeps the logs."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.supervisor.on_demand import OnDemandProcess
from jupyter_wallaroo.types.inference_log import LogPage, LogQuery
from jupyter_wallaroo.types.plan import Archive, Archived

TIME_LIMIT_S = 60.0

_encode = msgspec.msgpack.Encoder().encode
_decode_archived = msgspec.msgpack.Decoder(Archived).decode
_decode_page = msgspec.msgpack.Decoder(LogPage).decode


class ArchivistProcess(OnDemandProcess):
    """The server's side of `engine.archivist`.

    Parameters
    ----------
    directory
        An empty directory for the process to run in.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__("archivist", directory, "reads the logs", time_limit_s=TIME_LIMIT_S)

    async def page(self, query: LogQuery) -> tuple[LogPage, Buffer]:
        """Return one page of records, as the bytes the query asked for."""
        head, body = await self.call(Kind.QUERY, _encode(query))
        return _decode_page(head), body

    async def rows(self, directory: str) -> int:
        """Return how many records the log of a pipeline has."""
        _, body = await self.call(Kind.COUNT, _encode(directory))
        return int.from_bytes(body, "little")

    async def archive(self, request: Archive) -> Archived:
        """Archive finished journals and let old records go."""
        head, _ = await self.call(Kind.ARCHIVE, _encode(request))
        return _decode_archived(head)
