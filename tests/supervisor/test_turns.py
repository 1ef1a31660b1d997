"""The line that requests wait in while no replica has room."""

from __future__ import annotations

import asyncio
import time

import pytest

from jupyter_wallaroo.supervisor.turns import Turns

LIMIT_S = 60.0


async def in_line(turns: Turns, called: list[str], name: str, *, is_first: bool = False) -> None:
    await turns.wait(time.monotonic() + LIMIT_S, is_first=is_first)
    called.append(name)


async def begun(turns: Turns, called: list[str], *names: str) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(in_line(turns, called, name)) for name in names]
    await asyncio.sleep(0)
    return tasks


def test_in_order_and_whoever_was_called_in_vain_first() -> None:
    """A request that was called and found no room does not go to the end of the line."""

    async def main() -> list[str]:
        turns, called = Turns(), list[str]()
        tasks = await begun(turns, called, "a", "b")
        tasks.append(asyncio.create_task(in_line(turns, called, "again", is_first=True)))
        await asyncio.sleep(0)
        assert len(turns) == 3
        for _ in tasks:
            turns.call(1)
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        return called

    assert asyncio.run(main()) == ["again", "a", "b"]


def test_a_call_to_one_that_has_left_goes_to_the_next() -> None:
    """Whether it left before it was called, or just when it was."""

    async def main() -> list[str]:
        turns, called = Turns(), list[str]()
        gone, leaving, stays = await begun(turns, called, "gone", "leaving", "stays")
        gone.cancel()
        await asyncio.sleep(0)
        turns.call(1)
        leaving.cancel()
        await asyncio.wait_for(stays, LIMIT_S)
        return called

    assert asyncio.run(main()) == ["stays"]


def test_nobody_waits_beyond_the_deadline() -> None:
    """The time limit of a request holds in the line as well."""

    async def main() -> None:
        await Turns().wait(time.monotonic(), is_first=False)

    with pytest.raises(TimeoutError):
        asyncio.run(main())
