"""Starting and ending a kernel is never cut off: Jupyter could not stop afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from jupyter_wallaroo.server.kernels import JupyterKernels


class SlowManager:
    """A kernel manager of one kernel that starts and ends when it is let; notes what is cut off."""

    def __init__(self) -> None:
        self.begun, self.let = asyncio.Event(), asyncio.Event()
        self.done: list[str] = []
        self.kernels: set[str] = set()

    def __contains__(self, kernel_id: str) -> bool:
        return kernel_id in self.kernels

    async def start_kernel(self, **_: object) -> str:
        await self._slowly("start")
        self.kernels.add("k")
        return "k"

    async def shutdown_kernel(self, kernel_id: str, *, now: bool) -> None:
        await self._slowly(f"end {kernel_id}")
        self.kernels.discard(kernel_id)

    async def _slowly(self, what: str) -> None:
        self.begun.set()
        try:
            await self.let.wait()
        except asyncio.CancelledError:
            self.done.append(f"{what} was cut off")
            raise
        self.done.append(what)


def _kernels(manager: SlowManager) -> JupyterKernels:
    return JupyterKernels(SimpleNamespace(kernel_manager=manager, kernel_spec_manager=None))  # type: ignore[arg-type]


async def _cancelled(manager: SlowManager, task: asyncio.Task[object], times: int) -> None:
    """Cancel a task that works with the manager, and let the manager go on."""
    await manager.begun.wait()
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    manager.let.set()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)


@pytest.mark.parametrize("times", [1, 3])
async def test_a_start_that_is_cancelled_ends_the_kernel_it_started(times: int, tmp_path: Path) -> None:
    manager = SlowManager()
    starting = asyncio.create_task(_kernels(manager).start("python3", tmp_path, {}))
    await _cancelled(manager, starting, times)
    assert manager.done == ["start", "end k"]
    assert not manager.kernels


@pytest.mark.parametrize("times", [1, 3])
async def test_an_end_that_is_cancelled_comes_to_its_end(times: int) -> None:
    manager = SlowManager()
    manager.kernels.add("k")
    ending = asyncio.create_task(_kernels(manager).stop("k", now=True))
    await _cancelled(manager, ending, times)
    assert manager.done == ["end k"]
    assert not manager.kernels
