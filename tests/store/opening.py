"""An open store for one test, on a loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from jupyter_wallaroo.store.db import Store

T = TypeVar("T")


def with_store(directory: Path, work: Callable[[Store], Awaitable[T]]) -> T:
    """Return what ``work`` gives for a store that is closed afterwards."""

    async def run() -> T:
        store = Store(directory)
        await store.open()
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())
