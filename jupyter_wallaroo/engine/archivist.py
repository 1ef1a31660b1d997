"""Keeps the inference logs: turns finished journals into segments, and reads pages of records."""

from __future__ import annotations

import traceback
from pathlib import Path

import msgspec
from msgspec import Struct

from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.engine.process import Handler, ping
from jupyter_wallaroo.segments.archive import archive, retain
from jupyter_wallaroo.segments.query import Log
from jupyter_wallaroo.types.inference_log import LogQuery
from jupyter_wallaroo.types.plan import Archive

_decode_query = msgspec.msgpack.Decoder(LogQuery).decode
_decode_archive = msgspec.msgpack.Decoder(Archive).decode
_encode = msgspec.msgpack.Encoder().encode


class Archived(Struct, frozen=True):
    """How many journals became segments, and how many old segments went."""

    journals: int
    retired: int


class Archivist:
    """One process for the logs of all pipelines."""

    def __init__(self) -> None:
        self._logs: dict[str, Log] = {}

    def handlers(self) -> dict[int, Handler]:
        """Return what the archivist answers."""
        return {Kind.PING: ping, Kind.QUERY: self.query, Kind.ARCHIVE: self.archive}

    def query(self, head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
        """Return a `LogPage` and the page's bytes for a `LogQuery`."""
        query = _decode_query(head)
        log = self._logs.get(query.directory)
        if log is None:
            log = self._logs[query.directory] = Log(Path(query.directory))
        page_body, page = log.page(query)
        return _encode(page), page_body

    def archive(self, head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
        """Archive what is finished in every pipeline's log, and let old records go."""
        request = _decode_archive(head)
        journals = retired = 0
        for directory in sorted(Path(request.directory).glob("*")):
            if not directory.is_dir():
                continue
            try:
                journals += archive(directory)
                retired += retain(directory, request.max_bytes, request.max_age_s)
            except OSError:
                traceback.print_exc()
        return _encode(Archived(journals, retired)), b""
