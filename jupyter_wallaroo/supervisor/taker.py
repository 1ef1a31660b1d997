"""Whom the outcome of a request is told."""

from __future__ import annotations

import asyncio
from typing import Generic, Protocol, TypeVar

from jupyter_wallaroo.engine.frames import Buffer

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class Taker(Protocol[T_contra]):
    """Told one of the two, once, from the event loop's thread; neither may raise."""

    def answered(self, said: T_contra, body: Buffer) -> None:
        """Take an answer's bytes and what is said of them."""

    def failed(self, error: Exception) -> None:
        """Learn why there is no answer."""


class Awaited(Generic[T]):
    """Gives an outcome to whoever awaits `future`."""

    __slots__ = ("future",)

    def __init__(self) -> None:
        self.future: asyncio.Future[tuple[T, Buffer]] = asyncio.get_running_loop().create_future()

    def answered(self, said: T, body: Buffer) -> None:
        """Take the answer."""
        if not self.future.done():
            self.future.set_result((said, body))

    def failed(self, error: Exception) -> None:
        """Learn why there is none."""
        if not self.future.done():
            self.future.set_exception(error)
