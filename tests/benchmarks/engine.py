"""What one replica costs, without any door: CPU time per request of decoding, running, logging and encoding.

    python -m tests.benchmarks.engine [--seconds 0.2] [--rounds 5] [--together 8 32] [--durability second]

A replica runs in this process. Requests are submitted as a door submits what has arrived in one tick of the event
loop, one or several together, and all are awaited before the next. Rounds are interleaved, so that all cases meet the
same machine; the best round is printed, which others disturbed least. *alone* is onnxruntime with an array that is
already there, *log takes* the part of the throughput that logging costs.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import math
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime as ort
import pyarrow as pa

from jupyter_wallaroo.codec.arrow import write_file
from jupyter_wallaroo.codec.batch import Tensor, arrow_array
from jupyter_wallaroo.demo import DATA_PATH, MODEL_PATH
from jupyter_wallaroo.engine.replica import Replica
from jupyter_wallaroo.types.plan import Answered, Durability, InferRequest, MediaType
from tests.engine.graphs import planned

COLUMN = "features"
RECORDS, TENSORS, ARROW = MediaType.RECORDS, MediaType.TENSORS, MediaType.ARROW


@dataclass(frozen=True)
class Case:
    """What is sent, and what is asked for."""

    label: str
    content: MediaType
    body: bytes
    rows: int
    dataset: tuple[str, ...] = ()
    separator: str | None = None
    exclude: tuple[str, ...] = ()

    def request(self) -> InferRequest:
        return InferRequest(self.content, self.content, math.inf, self.dataset, self.exclude, self.separator)


def _features(rows: int) -> Tensor:
    with pa.memory_map(str(DATA_PATH)) as source:
        values = pa.ipc.open_file(source).read_all().column(0).combine_chunks()
    matrix = values.flatten().to_numpy().reshape(len(values), -1)
    return np.resize(matrix, (rows, matrix.shape[1]))


def _json(rows: int) -> bytes:
    return json.dumps([{COLUMN: row} for row in _features(rows).tolist()]).encode()


def _arrow(rows: int) -> bytes:
    return write_file(pa.table({COLUMN: arrow_array(_features(rows))}))


def cases() -> list[Case]:
    """What clients send most, and what is large."""
    tensors = json.dumps({COLUMN: _features(1).tolist()}).encode()
    out: dict[str, Any] = {"dataset": ("out",), "separator": "."}
    sdk: dict[str, Any] = {"dataset": ("*",), "exclude": ("metadata",), "separator": "."}
    return [
        Case("1 row JSON records, all fields", RECORDS, _json(1), 1),
        Case("1 row JSON records, as the SDK", RECORDS, _json(1), 1, **sdk),
        Case("1 row JSON records, out only", RECORDS, _json(1), 1, **out),
        Case("1 row JSON tensor", TENSORS, tensors, 1),
        Case("1,000 rows JSON, as the SDK", RECORDS, _json(1000), 1000, **sdk),
        Case("1,000 rows JSON, out only", RECORDS, _json(1000), 1000, **out),
        Case("1,000 rows Arrow, as the SDK", ARROW, _arrow(1000), 1000, **sdk),
        Case("10,000 rows Arrow, as the SDK", ARROW, _arrow(10_000), 10_000, **sdk),
        Case("10,000 rows Arrow, out only", ARROW, _arrow(10_000), 10_000, **out),
    ]


@dataclass
class Waiting:
    """Replies to requests that were submitted together."""

    left: int
    done: asyncio.Future[None]
    bodies: list[Any] = field(default_factory=list)

    def answer(self, said: Answered, body: Any) -> None:
        self.bodies.append(body)
        self.left -= 1
        if not self.left:
            self.done.set_result(None)

    def refuse(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


async def measure(replica: Replica, case: Case, together: int, seconds: float) -> float:
    """Return the CPU time in µs of one request among ``together``."""
    loop = asyncio.get_running_loop()
    request = case.request()
    count = 0
    until = time.perf_counter() + seconds
    started = time.process_time()
    while time.perf_counter() < until:
        waiting = Waiting(together, loop.create_future())
        for _ in range(together):
            replica.submit(request, case.body, waiting)
        await waiting.done
        count += together
    return (time.process_time() - started) / count * 1e6


def alone(rows: int, seconds: float) -> float:
    """Return the CPU time in µs of the model alone."""
    session = _session()
    features = np.ascontiguousarray(_features(rows))
    count = 0
    until = time.perf_counter() + seconds
    started = time.process_time()
    while time.perf_counter() < until:
        session.run(None, {COLUMN: features})
        count += 1
    return (time.process_time() - started) / count * 1e6


@functools.cache
def _session() -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(MODEL_PATH.read_bytes(), options, providers=["CPUExecutionProvider"])


def loaded(folder: Path, durability: Durability, **changes: Any) -> Replica:
    """Return a replica with the demo's model."""
    folder.mkdir()
    replica = Replica()
    plan = planned(folder, MODEL_PATH.read_bytes(), durability=durability, **changes)
    replica.load(msgspec.msgpack.encode(plan), b"")
    return replica


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.2, help="of load per case and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--together", type=int, nargs="*", default=[8, 32], help="requests in one tick, besides one")
    parser.add_argument("--durability", choices=list(Durability), default=Durability.SECOND)
    options = parser.parse_args()
    found: dict[tuple[str, int, str], float] = {}

    def keep(label: str, together: int, what: str, taken: float) -> None:
        found[label, together, what] = min(taken, found.get((label, together, what), math.inf))

    with tempfile.TemporaryDirectory(prefix="wallaroo-bench-") as directory:
        replicas = {
            what: loaded(Path(directory) / what, Durability(options.durability), is_logged=what == "logged")
            for what in ("logged", "unlogged")
        }
        for _ in range(options.rounds):
            for case in cases():
                for together in (1, *(options.together if case.rows == 1 else ())):
                    for what, replica in replicas.items():
                        taken = asyncio.run(measure(replica, case, together, options.seconds))
                        keep(case.label, together, what, taken)
                    keep(case.label, together, "alone", alone(case.rows, options.seconds / 2))
    _print(found)


def _print(found: dict[tuple[str, int, str], float]) -> None:
    print(f"{'case':<34}{'together':>9}{'µs':>10}{'without log':>13}{'log takes':>11}{'alone':>10}{'× alone':>9}")
    for label, together in dict.fromkeys((label, together) for label, together, _ in found):
        logged, unlogged, model = (found[label, together, what] for what in ("logged", "unlogged", "alone"))
        share = f"{1 - unlogged / logged:.0%}"
        print(
            f"{label:<34}{together:>9}{logged:>10.1f}{unlogged:>13.1f}{share:>11}{model:>10.1f}{logged / model:>9.1f}"
        )


if __name__ == "__main__":
    main()
