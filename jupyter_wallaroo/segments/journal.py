"""The journal: one file that one replica appends each inference to, before the answer leaves.

A file begins with a magic word and a random seed; entries follow, each a header (checksum, length, kind) and a
payload. A payload is either a `Layout`, which later entries refer to by its number, or the columns of one inference as
they lie in memory. The checksum is XXH3 seeded with the file's seed: 18 µs for 1.2 MB, where CRC-32 took 324 µs.

The writer holds an exclusive `flock` for as long as it lives; whoever can take the lock knows that the journal is
finished. A torn entry at the end, from a writer that was killed, fails its checksum and is dropped with what follows.
So does whatever lies behind the end in a file that was used before: it was written with another seed.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import xxhash
from msgspec import Struct

from jupyter_wallaroo.codec.batch import Batch
from jupyter_wallaroo.segments.journal_files import SUFFIX, Sink
from jupyter_wallaroo.segments.layout import Kind, Layout, memory, split, stream

ROLL_BYTES = 64 * 2**20
ROLL_AGE_S = 600.0
ROLL_ENTRIES = 32_768
"""Bounds how long it takes to read a journal that is not archived yet: 2 µs an entry."""

_MAGIC = b"WLRJ0002"
_FILE_HEADER = struct.Struct("<8sQ")
_ENTRY_HEADER = struct.Struct("<QIBBH")
"""Checksum, length, kind, and 24 bits by which a header is told from what else may lie there."""
_RECORDS_HEADER = struct.Struct("<IIqI")
_LAYOUT, _RECORDS = 1, 2
_JOIN_BELOW = 16_384
_WINDOW_BYTES = 4 * 2**20
"""What is read at once: behind the last entry there may be much that is none."""

_encode = msgspec.msgpack.Encoder().encode
_decode_layout = msgspec.msgpack.Decoder(Layout).decode


class Extra(Struct, frozen=True, array_like=True, gc=False):
    """What one inference says of itself besides its columns: nanoseconds per step, columns not logged."""

    elapsed_ns: list[int]
    dropped: list[str]


_decode_extra = msgspec.msgpack.Decoder(Extra).decode


class Clock:
    """Stamps records in order."""

    def __init__(self) -> None:
        self._last_ms = 0

    def stamp(self) -> int:
        """Return the time for the next record, in ms since the epoch; it never runs backwards."""
        self._last_ms = max(self._last_ms, time.time_ns() // 1_000_000)
        return self._last_ms


class Journal(Clock):
    """The append side.

    Parameters
    ----------
    sink
        Where the bytes go: `JournalFiles`, or to whoever keeps them.
    replica
        The writer's name, part of the file's name.
    """

    def __init__(self, sink: Sink, replica: str) -> None:
        super().__init__()
        self._sink = sink
        self._replica = replica
        self._files = 0
        self._layouts: dict[tuple[Layout, tuple[Kind, ...]], int] = {}
        self._open()

    def append(self, layout_of: Layout, rows: int, time_ms: int, extra: Extra, batch: Batch) -> None:
        """Write one inference, whole or not at all.

        Parameters
        ----------
        layout_of
            What the records have in common; its columns are filled in from ``batch``.
        batch
            Columns by path (``in.x``, ``out.y``), each with ``rows`` rows.

        Raises
        ------
        OSError
            The file cannot grow (ENOSPC, EFBIG); the journal is as it was before.
        """
        if self._is_full():
            self._open()
        kinds, tensors, others = split(batch)
        known = layout_of, kinds
        number = self._layouts.get(known)
        if number is None:
            number = len(self._layouts)
            self._write(_LAYOUT, [_encode(layout_of.filled(kinds))])
            self._layouts[known] = number
        said = _encode(extra)
        parts: list[bytes | memoryview] = [_RECORDS_HEADER.pack(number, rows, time_ms, len(said)), said]
        parts.extend(memory(tensor) for tensor in tensors)
        if others:
            parts.append(stream(others))
        self._write(_RECORDS, parts)
        self._entries += 1

    def _is_full(self) -> bool:
        age_s = time.monotonic() - self._opened
        return self._size > ROLL_BYTES or self._entries >= ROLL_ENTRIES or age_s > ROLL_AGE_S

    def renew(self) -> None:
        """Begin a new file with the next record: what went to this one last is not in it."""
        self._entries = ROLL_ENTRIES

    def close(self) -> None:
        """Finish the journal; more than once is fine."""
        self._sink.close()

    def _open(self) -> None:
        """Begin a new file; the journal is as it was before when that fails."""
        name = f"{time.time_ns() // 1_000_000:013d}-{self._replica}-{self._files + 1}{SUFFIX}"
        seed = int.from_bytes(os.urandom(8), "little")
        self._sink.begin(name, _FILE_HEADER.pack(_MAGIC, seed))
        self._seed = seed
        self._files += 1
        self._size = _FILE_HEADER.size
        self._entries = 0
        self._opened = time.monotonic()
        self._layouts.clear()

    def _write(self, kind: int, parts: list[bytes | memoryview]) -> None:
        length = sum(len(part) for part in parts)
        seed = _entry_seed(self._seed, length, kind)
        if length < _JOIN_BELOW:
            payload = b"".join(parts)
            head = _ENTRY_HEADER.pack(xxhash.xxh3_64_intdigest(payload, seed), length, kind, *_mark(seed))
            whole: list[bytes | memoryview] = [head + payload]
        else:
            checksum = xxhash.xxh3_64(seed=seed)
            for part in parts:
                checksum.update(part)
            whole = [_ENTRY_HEADER.pack(checksum.intdigest(), length, kind, *_mark(seed)), *parts]
        self._sink.append(whole, length + _ENTRY_HEADER.size)
        self._size += length + _ENTRY_HEADER.size


class Entry(Struct, frozen=True, gc=False):
    """One inference as it was read back: ``payload`` holds its columns, to be cut by `Layout.arrays`."""

    layout: int
    rows: int
    time_ms: int
    said: memoryview
    payload: memoryview

    def extra(self) -> Extra:
        """Return what the inference says of itself; decoded when asked for, which for most entries is never."""
        return _decode_extra(self.said)


class JournalReader:
    """The read side: entries from where the last read ended, up to the first one that is not whole.

    Parameters
    ----------
    path
        A journal, still written to or not.
    is_finished
        Nobody writes to it any more: what is read is used where it lies, and must not be changed meanwhile.
    """

    def __init__(self, path: Path, *, is_finished: bool = False) -> None:
        self._path = path
        self._is_finished = is_finished
        self._offset = 0
        self._seed = 0
        self.layouts: list[Layout] = []

    def read(self) -> Iterator[Entry]:
        """Yield the whole entries that were not read before."""
        with open(self._path, "rb", buffering=0) as file:
            window = _Mapped(file.fileno()) if self._is_finished else _Window(file.fileno())
            if self._offset == 0:
                header = window.get(0, _FILE_HEADER.size)
                if header is None:
                    return
                magic, self._seed = _FILE_HEADER.unpack(header)
                if magic != _MAGIC:
                    return
                self._offset = _FILE_HEADER.size
            while (found := self._next(window)) is not None:
                kind, payload = found
                self._offset += _ENTRY_HEADER.size + len(payload)
                if kind == _LAYOUT:
                    self.layouts.append(_decode_layout(payload))
                elif kind == _RECORDS:
                    yield _entry(payload)

    def _next(self, window: _Window | _Mapped) -> tuple[int, memoryview] | None:
        """Return the kind and the payload of the next entry, None when there is none that is whole."""
        header = window.get(self._offset, _ENTRY_HEADER.size)
        if header is None:
            return None
        checksum, length, kind, *mark = _ENTRY_HEADER.unpack(header)
        seed = _entry_seed(self._seed, length, kind)
        if tuple(mark) != _mark(seed):
            return None
        payload = window.get(self._offset + _ENTRY_HEADER.size, length)
        if payload is None or xxhash.xxh3_64_intdigest(payload, seed) != checksum:
            return None
        return kind, payload


class _Window:
    """Some bytes of a file at a time."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._begin = 0
        self._bytes = memoryview(b"")

    def get(self, offset: int, size: int) -> memoryview | None:
        """Return ``size`` bytes from ``offset`` on, None when the file has fewer."""
        start = offset - self._begin
        if start + size > len(self._bytes):
            self._bytes = memoryview(os.pread(self._fd, max(size, _WINDOW_BYTES), offset))
            self._begin, start = offset, 0
        return self._bytes[start : start + size] if start + size <= len(self._bytes) else None


class _Mapped:
    """All bytes of a file, in the memory that the system has them in."""

    def __init__(self, fd: int) -> None:
        size = os.fstat(fd).st_size
        self._bytes = memoryview(mmap.mmap(fd, size, access=mmap.ACCESS_READ) if size else b"")

    def get(self, offset: int, size: int) -> memoryview | None:
        """Return ``size`` bytes from ``offset`` on, None when the file has fewer."""
        end = offset + size
        return self._bytes[offset:end] if end <= len(self._bytes) else None


def _mark(seed: int) -> tuple[int, int]:
    """Return 8 and 16 bits of an entry's seed, mixed: a header that has others is none."""
    mixed = seed * 0x9E3779B97F4A7C15 % 2**64
    return mixed >> 56, mixed >> 40 & 0xFFFF


def _entry_seed(file_seed: int, length: int, kind: int) -> int:
    """Return the seed of an entry's checksum, by which it covers the header too."""
    return (file_seed + (length << 8) + kind) % 2**64


def _entry(payload: memoryview) -> Entry:
    layout, rows, time_ms, said = _RECORDS_HEADER.unpack_from(payload)
    begin = _RECORDS_HEADER.size
    return Entry(layout, rows, time_ms, payload[begin : begin + said], payload[begin + said :])


@contextlib.contextmanager
def finished(path: Path) -> Iterator[bool]:
    """Hold a journal's lock and tell whether it was to be had: True means that its writer is gone."""
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
