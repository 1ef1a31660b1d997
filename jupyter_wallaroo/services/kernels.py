"""What runs need of kernels; `server.kernels` gives them those of Jupyter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from jupyter_wallaroo.types.step_order import KernelAddress


class KernelNames(Struct, frozen=True):
    """The kernelspecs there are, and the one that is meant when nobody says."""

    default: str
    names: list[str]


class Kernels(Protocol):
    """Starts and ends kernels, on the event loop; whatever they are asked to execute, somebody else asks them."""

    async def known(self) -> KernelNames:
        """Return which kernels can be started."""

    async def start(self, name: str, directory: Path, environment: Mapping[str, str]) -> KernelAddress:
        """Start a kernel in a directory and return where it is; it need not be ready.

        Raises
        ------
        Unavailable
            It could not be started; says why.
        """

    async def end_of(self, kernel_id: str) -> str | None:
        """Return how a kernel ended, None while it lives."""

    async def stop(self, kernel_id: str, *, now: bool) -> None:
        """End a kernel and what it started, at once or after a chance to finish; nothing when it is gone."""

    async def reap(self, kernel_ids: Iterable[str]) -> None:
        """End kernels that a server which is gone has left on a gateway."""
