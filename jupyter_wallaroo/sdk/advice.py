"""What measurements of a pipeline say about its resources: one or two plain lines, each with the figures that say it.

What limits a pipeline is what was busy while its throughput no longer grew::

    replicas busy, machine not      another replica, or more cpus where one request alone keeps a replica busy
    replicas busy, machine busy     another machine
    machine busy, replicas not      less work around each row: more rows in a request; or somebody else's work ends
    nothing busy                    nothing here: requests waited on their way
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.measuring import Measurement
    from jupyter_wallaroo.types.deployment import DeploymentStatus

MATTERS = 1.2
"""A throughput is said to be better when it is so many times the other: less is noise in seconds of measuring."""

BUSY = 1 / MATTERS
"""The share of its time from which on something is the limit: with less, it has room for more that `MATTERS`."""


class Setup(Struct, frozen=True):
    """What answered while it was measured.

    Parameters
    ----------
    replicas
        Engines of the pipeline.
    cpus
        That one of them may use.
    processors
        That all of the server may use, None where it does not say.
    """

    replicas: int
    cpus: float
    processors: float | None

    @classmethod
    def of(cls, status: DeploymentStatus) -> Setup:
        """Return what a deployment's status says of it."""
        cpus = float(status.engines[0].info.required_cpu or 1) if status.engines else 1.0
        return cls(len(status.engines), cpus, None if status.use is None else status.use.processors)

    @property
    def threads(self) -> int:
        """How many threads a replica computes with: its whole cpus, at least one, at most all there are."""
        return max(1, min(math.floor(self.cpus), math.ceil(self.processors or self.cpus)))

    def __str__(self) -> str:
        return f"{self.replicas} replica{'' if self.replicas == 1 else 's'}"


def advice(figures: Sequence[Measurement], setup: Setup) -> list[str]:
    """Return what measurements say, the most that was reached first.

    Parameters
    ----------
    figures
        Some of one number of rows, by different numbers of connections, then perhaps one of more rows.
    """
    alike = sorted((item for item in figures if item.rows == figures[0].rows), key=lambda item: item.connections)
    best = max(alike, key=lambda item: item.requests_per_s)
    more = next((item for item in figures if item.rows > best.rows), None)
    failed = sum(item.failed for item in figures)
    said = [_reached(alike, best), _limit(alike, best, setup), *(_together(best, more, setup) if more else ())]
    if failed:
        said.append(f"{failed} requests failed: see %wl status and the server's log before trusting the rest.")
    return said


def _reached(alike: Sequence[Measurement], best: Measurement) -> str:
    """Say what was reached, and from how many connections on it no longer grew."""
    knee = next(item for item in alike if item.requests_per_s * MATTERS >= best.requests_per_s)
    said = f"Most: {best.requests_per_s:.0f} requests/s with {best.connections} at once"
    if knee is best:
        return f"{said}, half of them within {best.quantile_ms(0.5):.1f} ms."
    return (
        f"{said}; {knee.connections} reach {knee.requests_per_s:.0f} already, where half of them take "
        f"{knee.quantile_ms(0.5):.1f} ms, not {best.quantile_ms(0.5):.1f}."
    )


def _limit(alike: Sequence[Measurement], best: Measurement, setup: Setup) -> str:
    """Say what was the limit, and what would move it."""
    last = alike[-1]
    if len(alike) > 1 and last is best and last.requests_per_s > MATTERS * alike[-2].requests_per_s:
        return f"It still grew: measure more, with --connections {last.connections},{2 * last.connections}."
    replicas = _busy(best.replicas_s, best, setup.replicas * setup.threads)
    machine = _busy(best.machine_s, best, setup.processors)
    if replicas is None:
        return "The server does not say what was busy: it may be an older version, or its replicas run elsewhere."
    said = f"Meanwhile {setup} computed {replicas:.0%} of what their cpus allow"
    if machine is not None:
        said += f", and its machine's {setup.processors:g} processors were busy {min(1.0, machine):.0%} of the time"
    is_full = machine is not None and machine >= BUSY
    return f"{said}. {_full(replicas, best) if is_full else _room(replicas, alike[0], setup)}"


def _full(replicas: float, best: Measurement) -> str:
    """Say what to do where nothing of the machine is left."""
    around_s = (best.server_s or 0.0) + (best.client_s or 0.0)
    others_s = (best.machine_s or 0.0) - (best.replicas_s or 0.0) - around_s
    if others_s > max(around_s, best.replicas_s or 0.0):
        return f"Something else took {others_s / best.elapsed_s:.1f} of them: measure again when the machine is quiet."
    if replicas >= BUSY:
        return "One machine's cores are all busy: see README, 'When to move to Ray'."
    return (
        f"The server and this client took {around_s / best.elapsed_s:.1f} of them around the requests: send more rows "
        "in one, or ask from another machine."
    )


def _room(replicas: float, first: Measurement, setup: Setup) -> str:
    """Say what to do where some of the machine is left."""
    if replicas < BUSY:
        return "More replicas would not be faster: requests waited on their way, not for them."
    alone = _busy(first.replicas_s, first, setup.threads)
    if first.connections > 1 or alone is None or alone < BUSY:
        return f"Try --replicas {setup.replicas + 1}."
    return (
        f"One request alone keeps a replica busy: try --cpus {setup.threads + 1}, with which more threads compute it, "
        f"or --replicas {setup.replicas + 1} for more at once."
    )


def _busy(used_s: float | None, figure: Measurement, processors: float | None) -> float | None:
    """Return which share of so many processors was used, 1 for all of their time."""
    return None if used_s is None or not processors else used_s / figure.elapsed_s / processors


def _together(best: Measurement, more: Measurement, setup: Setup) -> Iterator[str]:
    """Say what sending rows together brings, and what running them together would."""
    if more.rows_per_s <= MATTERS * best.rows_per_s:
        return
    yield (
        f"{more.rows} rows in a request: {more.rows_per_s / best.rows_per_s:.0f} times the rows/s. Where rows need not "
        "be answered one by one, send them together."
    )
    alone, among = _row_us(best), _row_us(more)
    share = _busy(best.replicas_s, best, setup.replicas * setup.threads)
    if alone is not None and among is not None and share is not None and share >= BUSY and alone > MATTERS * among:
        yield (
            f"A row costs a replica {alone:.0f} µs alone and {among:.0f} µs among {more.rows}: where they come singly, "
            "model.configure(dynamic_batching_config={'max_batch_delay_ms': …}) has them wait for each other."
        )


def _row_us(figure: Measurement) -> float | None:
    """Return what a row costs the replicas, in µs."""
    rows = len(figure.times_s) * figure.rows
    return None if figure.replicas_s is None or not rows else 1e6 * figure.replicas_s / rows
