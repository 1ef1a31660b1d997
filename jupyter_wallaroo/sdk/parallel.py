"""Many inferences at once in one session: a frame in parts, or a list of inputs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from jupyter_wallaroo.errors import WallarooError
from jupyter_wallaroo.sdk import frames
from jupyter_wallaroo.sdk.inference import table_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from jupyter_wallaroo.sdk.inference import Fields, Input, Result, Target

Item = TypeVar("Item")
Answer = TypeVar("Answer")

ERROR = "error"
"""The column that says why a row has no results."""


async def infer_parts(
    target: Target,
    tensor: pd.DataFrame | pa.Table,
    fields: Fields,
    timeout_s: float,
    *,
    num_parallel: int,
    batch_size: int,
    attempts: int,
) -> Result:
    """Return the results of an input that is sent in parts, in the order of its rows.

    A part that fails has null results and its reason in the column ``error``, which is there only then.
    """
    if not frames.is_frame(tensor) and not frames.is_table(tensor):
        raise TypeError(
            "parallel_infer takes a pandas DataFrame, a pyarrow Table, or a list of what infer takes; "
            f"got {type(tensor).__name__}."
        )
    table = table_of(tensor)
    parts = [table.slice(start, batch_size) for start in range(0, table.num_rows, batch_size)]
    async with target.api.new_async_client(num_parallel) as session:

        async def one(part: pa.Table) -> pa.Table:
            try:
                return await target.infer_async(session, part, fields, timeout_s, attempts=attempts)
            except WallarooError as error:
                return failed(part, str(error), fields.joined_by)

        found = await _each(parts, one, num_parallel)
    joined = _joined(found)
    return frames.to_frame(joined) if frames.is_frame(tensor) else joined


async def infer_list(
    target: Target,
    tensors: Sequence[Input],
    fields: Fields,
    timeout_s: float,
    *,
    num_parallel: int,
    attempts: int,
) -> list[Result]:
    """Return the result of each input of a list, in its order; the first that fails ends the others and is raised."""
    async with target.api.new_async_client(num_parallel) as session:

        async def one(tensor: Input) -> Result:
            return await target.infer_async(session, tensor, fields, timeout_s, attempts=attempts)

        return await _each(tensors, one, num_parallel)


async def _each(items: Sequence[Item], work: Callable[[Item], Awaitable[Answer]], at_once: int) -> list[Answer]:
    """Return what ``work`` makes of each item, in their order, ``at_once`` at a time."""
    found: list[Answer | None] = [None] * len(items)
    waiting = iter(enumerate(items))

    async def work_on() -> None:
        for place, item in waiting:
            found[place] = await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(items))):
                group.create_task(work_on())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return found  # type: ignore[return-value]  # every place was filled


def failed(part: pa.Table, reason: str, separator: str) -> pa.Table:
    """Return the rows of a part without results: what went in, and why nothing came out."""
    import pyarrow as pa

    names = sorted(part.column_names)
    columns = [part.column(name) for name in names]
    return pa.table(
        [*columns, pa.array([reason] * part.num_rows)], names=[*(f"in{separator}{name}" for name in names), ERROR]
    )


def _joined(parts: list[pa.Table]) -> pa.Table:
    """Return parts as one table: the columns of those with results and, where some have none, ``error``."""
    import pyarrow as pa

    whole = [part for part in parts if ERROR not in part.column_names]
    names = list(dict.fromkeys(name for part in whole or parts for name in part.column_names))
    if whole and len(whole) < len(parts):
        names.append(ERROR)
    return pa.concat_tables(parts, promote_options="permissive").select(names)
