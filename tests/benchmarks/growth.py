"""How time grows with size: rows, connections, replicas, pipelines, log records.

    python -m tests.benchmarks.growth [--parts rows,connections,replicas,pipelines,log] [--seconds 1] [--full]

Each line is one operation at growing sizes, in ms, and the slope of its time against its size, both as logarithms: 1 is
linear, 0 does not grow, -1 halves when the size doubles. "end" is the slope between the two largest sizes. Every answer
is checked as in `serving`. The log is written up to 10⁶ records, with ``--full`` to 10⁷.

So that a slope tells of the server and not of what else the machine does, a line is the best time of one request, or
the CPU time that all processes of the server took for one; where the rate matters, the time between two answers.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.segments.query import Log
from jupyter_wallaroo.types.inference_log import LogQuery
from tests import filling
from tests.benchmarks import load, log_pages, pages
from tests.benchmarks.contenders import ARROW, JSON, Endpoint, endpoints_of
from tests.benchmarks.load_process import LoadProcess
from tests.benchmarks.process_tree import used
from tests.benchmarks.table import Case
from tests.benchmarks.yardstick import Yardstick
from tests.deploying import deploy, upload, wait_running

ROWS = (1, 10, 100, 1_000, 10_000, 100_000)
CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
REPLICAS = (1, 2)
PIPELINES = (1, 10, 100, 1_000, 10_000)
WARM_UP_S = 0.2
OPEN_RECORDS = 5_000
"""Of a log, those that are not archived yet: a replica's journal is never long."""
RECORDS = (10_000, 100_000, 1_000_000)


@dataclass(frozen=True)
class Growth:
    """The times of one operation, in ms, at growing sizes."""

    name: str
    sizes: Sequence[int]
    times_ms: Sequence[float]

    @property
    def slope(self) -> float:
        """The slope of the line through all logarithms; 0 where there is one point."""
        if len(self.sizes) < 2:
            return 0.0
        return float(np.polyfit(np.log(self.sizes), np.log(self.times_ms), 1)[0])

    @property
    def end(self) -> float:
        """The slope between the last two."""
        if len(self.sizes) < 2:
            return 0.0
        return math.log(self.times_ms[-1] / self.times_ms[-2]) / math.log(self.sizes[-1] / self.sizes[-2])


def main() -> None:
    """Measure the parts that are asked for and print each as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--seconds", type=float, default=1.0, help="of load per size and door")
    parser.add_argument("--full", action="store_true", help="10⁷ log records, too")
    options = parser.parse_args()
    for name in options.parts.split(","):
        with ExitStack() as stack:
            show(name, list(PARTS[name](stack, options.seconds, RECORDS + (10**7,) * options.full)))


def show(part: str, grown: Sequence[Growth]) -> None:
    """Print a table whose columns are the sizes."""
    sizes = sorted({size for growth in grown for size in growth.sizes})
    print(f"\n{part + ' (ms)':<52}" + "".join(f"{size:>12,}" for size in sizes) + f"{'slope':>8}{'end':>8}")
    for growth in grown:
        times = dict(zip(growth.sizes, growth.times_ms, strict=True))
        cells = "".join(f"{times[size]:>12.3f}" if size in times else f"{'–':>12}" for size in sizes)
        print(f"  {growth.name:<50}{cells}{growth.slope:>8.2f}{growth.end:>8.2f}", flush=True)


def _grow(name: str, sizes: Sequence[int], measure: Callable[[int], Mapping[str, float]]) -> Iterator[Growth]:
    found = [measure(size) for size in sizes]
    for figure in found[0]:
        yield Growth(f"{name}, {figure}", sizes, [figures[figure] for figures in found])


class _Asking:
    """Asks doors from a process of its own, and says what an answer took."""

    def __init__(self, stack: ExitStack, seconds: float) -> None:
        self._yardstick, self._process = Yardstick(), stack.enter_context(LoadProcess())
        self._seconds = seconds

    def best_ms(self, endpoint: Endpoint, case: Case) -> float:
        """Return the best time of a request."""
        return self._run(endpoint, case)[0].best_ms

    def alone(self, endpoint: Endpoint, case: Case) -> Mapping[str, float]:
        """Return what a request takes for whom it is the only one."""
        found, cpu_ms = self._run(endpoint, case)
        return {"best": found.best_ms, "CPU": cpu_ms}

    def crowded(self, endpoint: Endpoint, case: Case) -> Mapping[str, float]:
        """Return what an answer takes of those that are given at once."""
        found, cpu_ms = self._run(endpoint, case)
        return {"per answer": 1000 / found.rate, "CPU": cpu_ms}

    def _run(self, endpoint: Endpoint, case: Case) -> tuple[load.Load, float]:
        self._process.run(self._yardstick.job(case, endpoint, WARM_UP_S))
        worked_s = used(endpoint.pid).cpu_s
        found = self._process.run(self._yardstick.job(case, endpoint, self._seconds))
        assert not found.refused + found.wrong, found.first_fault
        return found, (used(endpoint.pid).cpu_s - worked_s) * 1000 / found.requests


def _doors(stack: ExitStack, replicas: int = 1) -> list[Endpoint]:
    """Run a server with the model deployed, and return its doors."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wallaroo-growth-")))
    server = stack.enter_context(PrivateServer(folder))
    client = stack.enter_context(server.client)
    deployed = deploy(client, "growth", [upload(client, Yardstick.model(), "growth")], replicas=replicas)
    return endpoints_of(server, client, deployed)


def rows(stack: ExitStack, seconds: float, _: Sequence[int]) -> Iterator[Growth]:
    """A request by its rows, one connection."""
    asking = _Asking(stack, seconds)
    for endpoint in _doors(stack):
        # A request of JSON may not be larger than the server takes.
        sizes = ROWS if endpoint.kind == ARROW else ROWS[:-1]
        yield from _grow(
            f"{endpoint.name}, {endpoint.kind}",
            sizes,
            lambda size, endpoint=endpoint: asking.alone(endpoint, Case(endpoint.kind, size, 1)),
        )


def connections(stack: ExitStack, seconds: float, _: Sequence[int]) -> Iterator[Growth]:
    """Time between two answers, one row of JSON, by the connections that are served at once."""
    asking = _Asking(stack, seconds)
    for endpoint in _doors(stack):
        if endpoint.kind == JSON:
            yield from _grow(
                endpoint.name,
                CONNECTIONS,
                lambda size, endpoint=endpoint: asking.crowded(endpoint, Case(JSON, 1, size)),
            )


def replicas(stack: ExitStack, seconds: float, _: Sequence[int]) -> Iterator[Growth]:
    """Time between two answers at 32 connections, by the replicas that answer."""
    asking = _Asking(stack, seconds)
    doors = {count: _doors(stack, count) for count in REPLICAS}
    for number, endpoint in enumerate(doors[1]):
        case = Case(endpoint.kind, 1 if endpoint.kind == JSON else 1_000, 32)
        yield from _grow(
            f"{endpoint.name}, {case.rows:,} {endpoint.kind}",
            REPLICAS,
            lambda count, number=number, case=case: asking.crowded(doors[count][number], case),
        )


def pipelines(stack: ExitStack, seconds: float, _: Sequence[int]) -> Iterator[Growth]:
    """Pages of lists, an inference and the start, by the pipelines there are; each has five versions, as each model.

    Of a page, and of the start, it is the CPU time that counts.
    """
    times: dict[str, list[float]] = {}
    asking = _Asking(stack, seconds)
    for count in PIPELINES:
        with tempfile.TemporaryDirectory(prefix="wallaroo-growth-") as name:
            filled = filling.fill(Path(name), filling.Size(count, 5 * count, 1_000))
            with pages.started(Path(name)) as (server, start), server.client as client:
                times.setdefault("start", []).append(start.wall_s * 1000)
                times.setdefault("start, CPU", []).append(start.cpu_s * 1000)
                wait_running(client, filled.deployed.name)
                for page in pages.often(server, client, filled, rounds=20):
                    times.setdefault(page.name, []).append(page.cpu_ms)
                for endpoint in endpoints_of(server, client, filled.deployed):
                    if endpoint.kind == JSON:
                        best_ms = asking.best_ms(endpoint, Case(JSON, 1, 1))
                        times.setdefault(f"{endpoint.name}, 1 row", []).append(best_ms)
        print(f"  {count:,} pipelines: done", flush=True)
    yield from (Growth(name, PIPELINES, found) for name, found in times.items())


def log(stack: ExitStack, _: float, sizes: Sequence[int]) -> Iterator[Growth]:
    """Pages of 1,000 records of a log, by all its records, one per inference: the first time, and the best after that."""
    times: dict[str, list[float]] = {}
    for size in sizes:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="wallaroo-growth-"))
        begun = time.perf_counter()
        journal, first_ms, last_ms = log_pages.write(Path(folder), size, 1, open_records=OPEN_RECORDS)
        times.setdefault("written and archived, per record", []).append((time.perf_counter() - begun) * 1000 / size)
        cases = {
            "newest 1,000": {"descending": True},
            "from the middle, 1,000": {"start_ms": (first_ms + last_ms) // 2},
            "oldest 1,000": {},
        }
        for name, changes in cases.items():
            query = LogQuery(**{"directory": folder, "descending": False, "arrow": False, "page_size": 1000} | changes)
            cold, warm, _ = log_pages.measure(Log(Path(folder)), query)
            times.setdefault(f"{name}, first time", []).append(cold)
            times.setdefault(f"{name}, again", []).append(warm)
        journal.close()
        print(f"  {size:,} records: done", flush=True)
    yield from (Growth(name, sizes, found) for name, found in times.items())


PARTS: dict[str, Callable[[ExitStack, float, Sequence[int]], Iterator[Growth]]] = {
    "rows": rows,
    "connections": connections,
    "replicas": replicas,
    "pipelines": pipelines,
    "log": log,
}


if __name__ == "__main__":
    main()
