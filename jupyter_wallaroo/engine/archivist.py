"""Keeps the inference logs: turns finished journals into segments, and reads pages of records."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from pathlib import Path

import msgspec

from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.engine.process import Handler, keep_memory, ping
from jupyter_wallaroo.segments.archive import archive, has_finished, retain, size_bytes
from jupyter_wallaroo.segments.query import Log
from jupyter_wallaroo.types.inference_log import LogQuery
from jupyter_wallaroo.types.plan import Archive, Archived

_decode_query = msgspec.msgpack.Decoder(LogQuery).decode
_decode_archive = msgspec.msgpack.Decoder(Archive).decode
_decode_text = msgspec.msgpack.Decoder(str).decode
_encode = msgspec.msgpack.Encoder().encode

_KEPT_BYTES = 128 * 2**20


class Archivist:
    """One process for the logs of all pipelines."""

    def __init__(self) -> None:
        self._logs: dict[str, Log] = {}
        keep_memory(_KEPT_BYTES)

    def handlers(self) -> dict[int, Handler]:
        """Return what the archivist answers."""
        return {Kind.PING: ping, Kind.QUERY: self.query, Kind.COUNT: self.count, Kind.ARCHIVE: self.archive}

    def query(self, head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
        """Return a `LogPage` and the page's bytes for a `LogQuery`."""
        query = _decode_query(head)
        page_body, page = self._log(query.directory).page(query)
        return _encode(page), page_body

    def count(self, head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
        """Return the number of records in the log of a directory, in the body."""
        return b"", self._log(_decode_text(head)).rows().to_bytes(8, "little")

    def _log(self, directory: str) -> Log:
        log = self._logs.get(directory)
        if log is None:
            log = self._logs[directory] = Log(Path(directory))
        return log

    def archive(self, head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
        """Archive one finished journal of a pipeline; or let old records of all go, and say where journals wait."""
        request = _decode_archive(head)
        directory = Path(request.directory)
        done = _look_after(directory, request) if request.only is None else _archive_next(directory, request.only)
        return _encode(done), b""


def _archive_next(logs: Path, name: str) -> Archived:
    more = False
    with _reported():
        more = archive(logs / name, most=1) > 0
    return Archived(unfinished=[name] if more else [])


def _look_after(logs: Path, request: Archive) -> Archived:
    retired = 0
    log_bytes: dict[str, int] = {}
    unfinished: list[str] = []
    for directory in sorted(path for path in logs.glob("*") if path.is_dir()):
        with _reported():
            if has_finished(directory):
                unfinished.append(directory.name)
            retired += retain(directory, request.max_bytes, request.max_age_s)
            log_bytes[directory.name] = size_bytes(directory)
    return Archived(unfinished=unfinished, retired=retired, log_bytes=log_bytes)


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    """Report what the disk refuses for one log, and let the others be looked after all the same."""
    try:
        yield
    except OSError:
        traceback.print_exc()
