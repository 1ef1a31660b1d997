"""Chunks under way: a thread with a loop of its own sends them, as a notebook's own loop is busy with the cell."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from jupyter_wallaroo.errors import InvalidRequest, TooLarge, WallarooError
from jupyter_wallaroo.sdk import parallel
from jupyter_wallaroo.sdk.batch_source import Chunk
from jupyter_wallaroo.sdk.object import InferenceInputError

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_wallaroo.sdk.inference import Fields, Target


class OnError(StrEnum):
    """What becomes of rows that give no results."""

    RAISE = "raise"
    KEEP = "keep"
    """They stay, with nulls and their reason in the column ``error``."""

    @classmethod
    def of(cls, text: str) -> OnError:
        """Return the policy called ``text``, or raise `InvalidRequest` naming those there are."""
        try:
            return cls(text)
        except ValueError:
            raise InvalidRequest(f"on_error: expected 'raise' or 'keep'; got {text!r:.40}.") from None


@dataclass(frozen=True)
class Sent:
    """What became of a chunk.

    Parameters
    ----------
    tables
        The results of its rows, in their order; those that failed have the column ``error``.
    too_large
        The server's words when it did not take all of it at once, "" when it did.
    largest
        The most rows that it took at once.
    """

    tables: list[pa.Table]
    too_large: str
    largest: int


@dataclass(frozen=True)
class Way:
    """How chunks are sent.

    Parameters
    ----------
    timeout_s
        Seconds for each request.
    attempts
        How often one is sent that got lost or was not in time.
    """

    target: Target
    fields: Fields
    timeout_s: float
    attempts: int
    on_error: OnError


class Sending:
    """Sends chunks, ``at_once`` at a time, through one session; `close` ends what is under way."""

    def __init__(self, way: Way, at_once: int) -> None:
        self._way = way
        self._session = way.target.api.new_async_client(at_once)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="infer-batches", daemon=True)
        self._thread.start()

    def send(self, chunk: Chunk) -> Future[Sent]:
        """Have a chunk sent, and return what its result will be in."""
        return asyncio.run_coroutine_threadsafe(self._send(chunk), self._loop)

    async def _send(self, chunk: Chunk) -> Sent:
        """Return the results of a chunk: what is too large is halved, and where rows may fail the bad ones are found.

        Notes
        -----
        Finding one bad row of n takes 2·log2(n) requests. A chunk has twice as many: what is not told apart by then
        fails together.
        """
        found: list[tuple[Chunk, pa.Table]] = []
        waiting = deque([chunk])
        too_large = ""
        largest = 0
        left = 4 * chunk.table.num_rows.bit_length()
        while waiting:
            part = waiting.popleft()
            rows = part.table.num_rows
            try:
                answer = await self._infer(part.table)
            except TooLarge as error:
                if rows == 1:
                    raise _of(part, error) from None
                too_large = error.message
                waiting.extendleft(reversed(_halves(part)))
            except WallarooError as error:
                if self._way.on_error is OnError.RAISE:
                    raise _of(part, error) from None
                if rows > 1 and left > 1 and isinstance(error, InferenceInputError):
                    left -= 2
                    waiting.extend(_halves(part))
                else:
                    found.append((part, parallel.failed(part.table, str(error), self._way.fields.joined_by)))
            else:
                largest = max(largest, rows)
                found.append((part, answer))
        found.sort(key=lambda item: item[0].first)
        return Sent([table for _, table in found], too_large, largest)

    async def _infer(self, table: pa.Table) -> pa.Table:
        way = self._way
        return await way.target.infer_async(self._session, table, way.fields, way.timeout_s, attempts=way.attempts)

    def close(self) -> None:
        """End what is under way, the connections and the thread; more than once is fine."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._session.aclose()


def _halves(chunk: Chunk) -> list[Chunk]:
    middle = chunk.table.num_rows // 2
    return [
        Chunk(chunk.first, chunk.table.slice(0, middle)),
        Chunk(chunk.first + middle, chunk.table.slice(middle)),
    ]


def _of(chunk: Chunk, error: WallarooError) -> WallarooError:
    """Return the same kind of error, which says of which rows it is, and of which one where the server knows."""
    places = {"first_row": chunk.first, "last_row": chunk.first + chunk.table.num_rows - 1}
    shown = str(chunk)
    row = error.details.get("row")
    if isinstance(row, int) and chunk.table.num_rows > 1:
        places["row"] = chunk.first + row
        shown = f"Row {places['row']:,} (row {row} of {shown.lower()})"
    return type(error)(f"{shown}: {error.message}", hint=error.hint, details={**error.details, **places})
