"""What a run gave, written for each of the requests that it answers, in the format that each asked for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain, pairwise
from typing import TypeAlias

from jupyter_wallaroo.codec import arrow, records, tensors
from jupyter_wallaroo.codec.batch import Answer, Cells, Column
from jupyter_wallaroo.codec.selection import Selection
from jupyter_wallaroo.engine.batching import Read, Waiting
from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.types.plan import InferRequest, MediaType

Wish: TypeAlias = tuple[tuple[str, ...], tuple[str, ...], str | None]
Columns: TypeAlias = dict[str, Cells | Column]

_REMEMBERED = 100


class Writer:
    """Writes answers; remembers the selections that were asked for."""

    def __init__(self) -> None:
        self._selections: dict[Wish, Selection] = {}

    def write(self, answer: Answer, together: Sequence[Waiting], read: Read) -> list[Buffer]:
        """Return a body for each request.

        Parameters
        ----------
        answer
            The rows of all requests, one after the other; what was sent is not in it yet.
        together, read
            The requests, and what was read of them.
        """
        request = read.request
        if len(together) == 1:
            answer.request = request.columns if request.sent is None else request.sent
            return [self._one(answer, together[0].request, together[0].accepts)]
        ends = [*accumulate(read.rows)]
        echoed = self._echoed(together) if request.sent is None else request.sent
        if echoed is not None:
            answer.request = echoed
            return [*records.encode_each(answer, self._selection(together[0].request), ends)]
        return [
            self._one(answer.cut(start, end, _sent(waiting)), waiting.request, waiting.accepts)
            for waiting, (start, end) in zip(together, pairwise((0, *ends)), strict=True)
        ]

    def _echoed(self, together: Sequence[Waiting]) -> Columns | None:
        """Return what was sent, laid together where it is repeated; None where answers have to be cut apart."""
        first = together[0].request
        for waiting in together:
            if waiting.accepts is not MediaType.RECORDS or not waiting.request.asks_as(first):
                return None
        return _laid_together([_sent(waiting) for waiting in together]) if self.repeats(first) else {}

    def repeats(self, request: InferRequest) -> bool:
        """Tell whether an answer in records may repeat what was sent."""
        return self._selection(request).may_want("in")

    def _one(self, answer: Answer, request: InferRequest, accepts: MediaType) -> Buffer:
        if accepts is MediaType.TENSORS:
            return tensors.encode(answer)
        if accepts is MediaType.ARROW:
            return arrow.encode(answer, self._selection(request))
        return records.encode(answer, self._selection(request))

    def _selection(self, request: InferRequest) -> Selection:
        wish = request.dataset, request.exclude, request.separator
        found = self._selections.get(wish)
        if found is None:
            if len(self._selections) > _REMEMBERED:
                self._selections.clear()
            found = self._selections[wish] = Selection(*wish)
        return found


def _sent(waiting: Waiting) -> Columns:
    assert waiting.decoded is not None, "what was not read as one was read by itself"
    return waiting.decoded.columns


def _laid_together(sent: Sequence[Columns]) -> Columns | None:
    """Return the columns of requests with the same names end to end, None where they did not come as JSON."""
    found: Columns = {}
    for name in sent[0]:
        columns = [item[name] for item in sent]
        if not all(isinstance(column, list) for column in columns):
            return None
        found[name] = list(chain.from_iterable(columns))
    return found
