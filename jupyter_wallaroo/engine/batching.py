"""Requests that wait at the same time, put together to be run at once.

Whatever has arrived by the end of a tick of the event loop is one batch: nobody waits for others to come, unless the
configuration of a model asks for it. Where the batch before was one of several requests, what arrives while these are
read belongs to it too: the loop goes round until it brings nothing more. A request that cannot be run with others, or
is large, is run alone, in its turn. Between two runs the loop goes round, so that answers leave and what has come
meanwhile is in the next batch.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from jupyter_wallaroo.codec.batch import Decoded
from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.engine.joining import Fitted
from jupyter_wallaroo.engine.process import Reply
from jupyter_wallaroo.types.model import DynamicBatching
from jupyter_wallaroo.types.plan import Answered, InferRequest, MediaType

LARGE_BYTES = 64 * 1024
"""A body from this size on is run alone: there is nothing to be gained by adding to it."""
MOST_ROWS = 512
MOST_BYTES = 4 * 2**20
"""Of the inputs of a joint run."""
SMALL_BYTES = 4 * 1024
"""A body up to this size is read together with others: what it costs is not in its bytes."""
LONGEST_S = 0.02
"""A joint run is kept about this short by what rows have taken so far: the first one waits for the last."""


@dataclass(slots=True)
class Waiting:
    """One request and, when somebody has looked at it, its columns."""

    request: InferRequest
    body: Buffer
    reply: Reply | None = None
    """Where the outcome goes; None for one that is asked for at once."""
    arrived: float = 0.0
    accepts: MediaType = MediaType.RECORDS
    decoded: Decoded | None = None
    parse_ns: int = 0
    fitted: Fitted | None = None

    @property
    def is_large(self) -> bool:
        """Whether it is run alone without being looked at."""
        return len(self.body) >= LARGE_BYTES

    def answer(self, said: Answered, body: Buffer) -> None:
        """Send the answer; what is wrong with one reply is not the others' trouble."""
        assert self.reply is not None, "what has no reply is not run with others"
        try:
            self.reply.answer(said, body)
        except Exception as error:  # noqa: BLE001  the edge of the process
            self.refuse(error)

    def refuse(self, error: Exception) -> None:
        """Send why there is no answer."""
        assert self.reply is not None, "as above"
        self.reply.refuse(error)


@dataclass(slots=True)
class Read:
    """Requests that were read as one: the columns of all, the rows of each, and how long it took."""

    request: Decoded
    rows: list[int]
    parse_ns: int


class Runner(Protocol):
    """Whoever runs what has been put together."""

    def read(self, together: Sequence[Waiting], most_rows: int) -> Read | None:
        """Read requests for the same fields as one, None where each has to be read by itself."""

    def decode(self, waiting: Waiting) -> bool:
        """Read a request's columns unless that was done; False when it was refused instead."""

    def fit(self, waiting: Waiting) -> Fitted | None:
        """Return a decoded request as a part of others, None when it has to be run alone."""

    def run(self, together: Sequence[Waiting], read: Read | None = None) -> None:
        """Run requests that can be run together, perhaps read as one before, and reply to each."""


class Batches:
    """The requests of one replica that wait for their turn.

    Parameters
    ----------
    runner
        Called from the event loop's thread.
    settings
        How long to wait for how many rows, and how many to run at most; None: as many as are there, at once.
    """

    def __init__(self, runner: Runner, settings: DynamicBatching | None = None) -> None:
        self._runner = runner
        self._delay_s = settings.max_batch_delay_ms / 1000 if settings else 0.0
        self._target = settings.batch_size_target if settings else 1
        self._most_rows = min(MOST_ROWS, (settings and settings.batch_size_limit) or MOST_ROWS)
        self._queue: deque[Waiting] = deque()
        self._is_called = False
        self._timer: asyncio.TimerHandle | None = None
        self._row_s = 0.0
        self._heard = 0
        """How many were waiting when the loop was last told to go round for more."""
        self._ran = 1
        """Requests in the batch before."""

    def add(self, waiting: Waiting) -> None:
        """Take a request; it is run when the loop has heard of all that have arrived."""
        if self._delay_s:
            waiting.arrived = time.monotonic()
        self._queue.append(waiting)
        if not self._is_called:
            self._call()

    def _call(self) -> None:
        self._is_called = True
        asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        """Run the oldest request and what can be run with it, or wait for more."""
        self._is_called = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ran > 1 and self._is_growing():
            self._call()
            return
        if self._run_alike():
            return
        batch, passed = self._chosen()
        self._queue.extendleft(reversed(passed))
        left_s = 0.0 if passed or not self._delay_s else self._left_s(batch, time.monotonic())
        if left_s > 0:
            self._queue.extendleft(reversed(batch))
            self._timer = asyncio.get_running_loop().call_later(left_s, self._take_turn)
            return
        self._run(batch)

    def _run_alike(self) -> bool:
        """Run small requests for the same fields, read as one; False where there are none, or that does not work."""
        alike = [] if self._delay_s else self._alike()
        if len(alike) < 2:
            return False
        read = self._runner.read(alike, self._rows_allowed())
        if read is None:
            return False
        for _ in alike:
            self._queue.popleft()
        self._run(alike, read)
        return True

    def _alike(self) -> list[Waiting]:
        """Return those at the head of the queue that are small, not read yet, and ask for the same in records."""
        first = self._queue[0].request
        found: list[Waiting] = []
        if first.content is not MediaType.RECORDS or first.accepts is not MediaType.RECORDS:
            return found
        most = self._rows_allowed()
        for waiting in self._queue:
            if (
                len(waiting.body) > SMALL_BYTES
                or waiting.decoded is not None
                or not (waiting.request is first or waiting.request.asks_as(first))
                or len(found) == most
            ):
                break
            found.append(waiting)
        return found

    def _is_growing(self) -> bool:
        """Tell whether more have come since this was last asked, and still more could be run with them.

        Notes
        -----
        A run costs as much as five rows in it. Clients read their answers one by one, and so the next requests come one
        by one: it is worth going round for them.
        """
        heard, self._heard = self._heard, len(self._queue)
        return heard < self._heard < self._rows_allowed() and not self._queue[0].is_large

    def _chosen(self) -> tuple[list[Waiting], list[Waiting]]:
        """Take the oldest request and those that can be run with it out of the queue, and those passed over."""
        batch: list[Waiting] = []
        passed: list[Waiting] = []
        rows = size = 0
        most_rows = self._rows_allowed()
        queue = self._queue
        while queue and rows < most_rows:
            waiting = queue.popleft()
            if batch and waiting.is_large:
                passed.append(waiting)
                continue
            if not self._runner.decode(waiting):
                continue
            if not batch and (waiting.is_large or not (queue or self._delay_s)):
                return [waiting], passed
            fitted = waiting.fitted = waiting.fitted or self._runner.fit(waiting)
            if not batch:
                batch.append(waiting)
                if fitted is None:
                    break
                rows, size = fitted.rows, fitted.size
            elif (
                fitted is not None
                and fitted.key == batch[0].fitted.key  # type: ignore[union-attr]  # else it were alone
                and rows + fitted.rows <= most_rows
                and size + fitted.size <= MOST_BYTES
            ):
                batch.append(waiting)
                rows, size = rows + fitted.rows, size + fitted.size
            else:
                passed.append(waiting)
        return batch, passed

    def _rows_allowed(self) -> int:
        if not self._row_s:
            return self._most_rows
        return max(1, min(self._most_rows, max(self._target, int(LONGEST_S / self._row_s))))

    def _left_s(self, batch: list[Waiting], now: float) -> float:
        """Return how long to wait for more rows."""
        if not batch or batch[0].fitted is None:
            return 0.0
        rows = sum(waiting.fitted.rows for waiting in batch if waiting.fitted is not None)
        return 0.0 if rows >= min(self._target, self._most_rows) else batch[0].arrived + self._delay_s - now

    def _run(self, batch: list[Waiting], read: Read | None = None) -> None:
        self._heard = 0
        self._ran = len(batch)
        try:
            if batch:
                self._run_timed(batch, read)
        finally:
            if self._queue and not self._is_called:
                self._call()

    def _run_timed(self, batch: list[Waiting], read: Read | None) -> None:
        started = time.monotonic()
        self._runner.run(batch, read)
        rows = [waiting.decoded.rows for waiting in batch if waiting.decoded is not None] if read is None else read.rows
        taken_s = (time.monotonic() - started) / max(1, sum(rows))
        self._row_s = (self._row_s + taken_s) / 2 if self._row_s else taken_s


def settings_of(models: Sequence[DynamicBatching | None]) -> DynamicBatching | None:
    """Return what holds for a pipeline of several models: the shortest wait, the smallest target and limit."""
    found = [model for model in models if model is not None]
    if not found:
        return None
    return DynamicBatching(
        max_batch_delay_ms=min(model.max_batch_delay_ms for model in found),
        batch_size_target=min(model.batch_size_target for model in found),
        batch_size_limit=min((model.batch_size_limit for model in found if model.batch_size_limit), default=None),
    )
