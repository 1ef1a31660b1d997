"""How fast a pipeline answers: requests as this client sends them, timed one by one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from msgspec import Struct

from jupyter_wallaroo.errors import WallarooError
from jupyter_wallaroo.sdk import inference
from jupyter_wallaroo.sdk.inference import DEFAULT_TIMEOUT_S, Call, Fields, Target

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_wallaroo.sdk.pipeline import Pipeline
    from jupyter_wallaroo.types.deployment import ProcessorUse

WARM_UP = 5
"""Requests of each connection that do not count: sockets are opened and caches filled."""


class Measurement(Struct, frozen=True):
    """What some requests took: ``times_s`` of each that was answered, over ``elapsed_s`` in all.

    ``replicas_s``, ``server_s``, ``client_s`` and ``machine_s`` is how long processors of the server's machine computed
    meanwhile, for these and for everything; None where the server does not say, and for a client on another machine.
    """

    rows: int
    connections: int
    elapsed_s: float
    times_s: list[float]
    failed: int
    replicas_s: float | None = None
    server_s: float | None = None
    client_s: float | None = None
    machine_s: float | None = None

    @property
    def requests_per_s(self) -> float:
        """Answered requests by second."""
        return len(self.times_s) / self.elapsed_s

    @property
    def rows_per_s(self) -> float:
        """Answered rows by second."""
        return self.requests_per_s * self.rows

    def quantile_ms(self, share: float) -> float:
        """Return the time within which a share of the requests was answered, in ms; NaN when none was."""
        if not self.times_s:
            return float("nan")
        ordered = sorted(self.times_s)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def measure(pipeline: Pipeline, table: pa.Table, *, rows: int, connections: int, seconds: float) -> Measurement:
    """Return what requests of ``rows`` rows take, ``connections`` at once, for some seconds.

    The bodies are made before; sending, the server, the engine, the log and receiving are in the times. Each connection
    sends its next request when the one before is answered.
    """
    target = pipeline._target()
    deployment = pipeline.known_deployment()

    def used() -> ProcessorUse | None:
        return None if deployment is None else deployment.facts().use

    bodies = [
        inference.call(table.slice(start, rows), Fields(), target.style)
        for start in range(0, max(1, min(table.num_rows, rows * 50) - rows + 1), rows)
    ]
    # a notebook's own thread runs a loop already
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, _measure(target, bodies, rows, connections, seconds, used)).result()


async def _measure(  # noqa: PLR0917
    target: Target,
    bodies: list[Call],
    rows: int,
    connections: int,
    seconds: float,
    used: Callable[[], ProcessorUse | None],
) -> Measurement:
    times: list[float] = []
    failed = 0

    async with target.api.new_async_client(connections) as session:

        async def one(place: int) -> float | None:
            body = bodies[place % len(bodies)]

            begun = time.perf_counter()
            try:
                await target.send_async(session, body, DEFAULT_TIMEOUT_S)
            except WallarooError:
                return None
            return time.perf_counter() - begun

        async def go_on(first: int, until: float) -> None:
            nonlocal failed
            place = first
            while time.perf_counter() < until:
                taken = await one(place)
                place += connections
                if taken is None:
                    failed += 1
                else:
                    times.append(taken)

        await asyncio.gather(*(one(place) for place in range(connections * WARM_UP)))
        before, own_s = used(), time.process_time()
        begun = time.perf_counter()
        await asyncio.gather(*(go_on(place, begun + seconds) for place in range(connections)))
        elapsed_s = time.perf_counter() - begun
        own_s = time.process_time() - own_s
        after = used()
        return Measurement(
            rows,
            connections,
            elapsed_s,
            times,
            failed,
            replicas_s=_grown(before, after, "replicas_s"),
            server_s=_grown(before, after, "server_s"),
            client_s=own_s if target.api.is_local else None,
            machine_s=_grown(before, after, "machine_s"),
        )


def _grown(before: ProcessorUse | None, after: ProcessorUse | None, what: str) -> float | None:
    first, last = getattr(before, what, None), getattr(after, what, None)
    return None if first is None or last is None else last - first
