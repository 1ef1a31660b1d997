"""The two lanes of background work."""

from __future__ import annotations

import asyncio

import pytest

from jupyter_wallaroo.services.queue import Lane, Queue, Work


class Bench:
    """Work that says when it began and ends when it is told to."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.ends: dict[str, asyncio.Event] = {}

    def work(self, name: str) -> Work:
        end = self.ends[name] = asyncio.Event()

        async def run() -> None:
            self.began.append(name)
            await end.wait()

        return run


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_full_lane_of_schedules_does_not_hold_up_a_person() -> None:
    """20 background jobs saturate their lane; what a person starts begins at once (S4-23)."""
    bench, queue = Bench(), Queue(interactive=1, background=2)
    for number in range(20):
        queue.enter(f"job {number}", Lane.BACKGROUND, bench.work(f"job {number}"))
    queue.enter("mine", Lane.INTERACTIVE, bench.work("mine"))
    await _settle()
    assert bench.began == ["job 0", "job 1", "mine"]
    assert queue.place("job 2") == 0 and queue.place("job 19") == 17 and queue.place("mine") is None
    bench.ends["job 0"].set()
    await _settle()
    assert bench.began[-1] == "job 2"
    await queue.stop()
    assert len(bench.began) == 4


async def test_work_that_is_taken_out_never_begins() -> None:
    """Leaving works while waiting, and only then."""
    bench, queue = Bench(), Queue(interactive=1, background=1)
    for name in ("a", "b", "c"):
        queue.enter(name, Lane.INTERACTIVE, bench.work(name))
    await _settle()
    assert queue.leave("b") and not queue.leave("b") and not queue.leave("a")
    bench.ends["a"].set()
    await _settle()
    assert bench.began == ["a", "c"]
    bench.ends["c"].set()
    await _settle()
    assert not queue.is_busy
    await queue.stop()


async def test_work_that_raises_does_not_hold_up_the_next(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in one piece of work is logged, and its place is free again."""
    queue = Queue(interactive=1, background=1)

    async def broken() -> None:
        raise ZeroDivisionError

    ran = asyncio.Event()

    async def fine() -> None:
        ran.set()

    queue.enter("broken", Lane.BACKGROUND, broken)
    queue.enter("fine", Lane.BACKGROUND, fine)
    await asyncio.wait_for(ran.wait(), 5)
    await _settle()
    assert "broken" in caplog.text and not queue.is_busy
