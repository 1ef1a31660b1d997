"""What a run prints, line by line with the time, up to a limit and with its very end."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

LONGEST_LINE = 16 * 1024
"""Bytes after which a line is broken."""
TAIL_BYTES = 32 * 1024
"""What is kept of the end of a log that is cut: it says how the run failed."""


class Log:
    """A log that never grows over its limit by more than a little.

    Parameters
    ----------
    path
        A file that is made, mode 0600.
    limit
        Bytes after which lines are left out.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._limit = limit
        self._written = 0
        self._begun = b""
        self._left_out = 0
        self._tail = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take(self, part: bytes) -> None:
        """Take what was printed; a line that is not complete waits for its end."""
        if self._written >= self._limit:
            self._leave_out(part)
            return
        *lines, self._begun = (self._begun + part).split(b"\n")
        if len(self._begun) > LONGEST_LINE:
            lines.append(self._begun)
            self._begun = b""
        for number, line in enumerate(lines):
            if self._written >= self._limit:
                self._leave_out(b"\n".join([*lines[number:], self._begun]))
                self._begun = b""
                return
            self._write(line)

    def _leave_out(self, part: bytes) -> None:
        if part and not self._left_out:
            self._note(f"[wallaroo: the log has {self._limit} bytes and is cut here]")
        self._left_out += len(part)
        self._tail = (self._tail + part)[-TAIL_BYTES:]

    def _note(self, text: str) -> None:
        self._write(text.encode())

    def _write(self, line: bytes) -> None:
        time = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        pieces = [line[at : at + LONGEST_LINE] for at in range(0, len(line), LONGEST_LINE)] or [b""]
        body = b"".join(b"%s stdout F %s\n" % (time.encode(), piece.removesuffix(b"\r")) for piece in pieces)
        self._written += len(body)
        os.write(self._fd, body)

    def close(self) -> None:
        """Write what is left: a line without an end, or the end of what was left out."""
        if self._fd < 0:
            return
        if self._left_out:
            tail = self._tail.split(b"\n")
            if len(self._tail) < self._left_out:
                tail = tail[1:]  # it begins in the middle of a line
                self._note(f"[wallaroo: {self._left_out - len(self._tail)} bytes are left out here]")
            for line in tail if tail and tail[-1] else tail[:-1]:
                self._write(line)
        elif self._begun:
            self._write(self._begun)
        os.close(self._fd)
        self._fd = -1
