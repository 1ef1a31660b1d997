"""What a run gave, written for each of the requests that it answers, in the format that each asked for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TypeAlias

from jupyter_wallaroo.codec import arrow, records, tensors
from jupyter_wallaroo.codec.batch import Answer, Cells, Column, Decoded
from jupyter_wallaroo.codec.selection import Selection
from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.types.plan import InferRequest, MediaType

Wish: TypeAlias = tuple[tuple[str, ...], tuple[str, ...], str | None]

_REMEMBERED = 100


class Writer:
    """Writes answers; remembers the selections that were asked for."""

    def __init__(self) -> None:
        self._selections: dict[Wish, Selection] = {}

    def write(
        self, answer: Answer, requests: Sequence[InferRequest], accepts: Sequence[MediaType], decoded: Sequence[Decoded]
    ) -> list[Buffer]:
        """Return a body for each request.

        Parameters
        ----------
        answer
            The rows of all requests, one after the other; what was sent is not in it yet.
        requests, accepts, decoded
            By request: what it asks for, the format of its answer, and its columns as they came.
        """
        if len(requests) == 1:
            answer.request = decoded[0].columns if decoded[0].sent is None else decoded[0].sent
            return [self._one(answer, requests[0], accepts[0])]
        ends = []
        end = 0
        for item in decoded:
            end += item.rows
            ends.append(end)
        echoed = _laid_together(decoded) if _are_alike(requests, accepts) else None
        if echoed is not None:
            answer.request = echoed
            return [*records.encode_each(answer, self._selection(requests[0]), ends)]
        starts = (0, *ends)
        return [
            self._one(answer.cut(starts[place], ends[place], decoded[place].columns), request, accepts[place])
            for place, request in enumerate(requests)
        ]

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


def _are_alike(requests: Sequence[InferRequest], accepts: Sequence[MediaType]) -> bool:
    """Tell whether all ask for the same fields as records."""
    first = requests[0]
    return all(media is MediaType.RECORDS for media in accepts) and all(
        request.dataset == first.dataset and request.exclude == first.exclude and request.separator == first.separator
        for request in requests
    )


def _laid_together(decoded: Sequence[Decoded]) -> dict[str, Cells | Column] | None:
    """Return the columns of requests with the same names end to end, None where they did not come as JSON."""
    found: dict[str, Cells | Column] = {}
    for name in decoded[0].columns:
        columns = [item.columns[name] for item in decoded]
        if not all(isinstance(column, list) for column in columns):
            return None
        found[name] = list(chain.from_iterable(columns))
    return found
