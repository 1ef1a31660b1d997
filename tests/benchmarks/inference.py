"""Inference through this server against onnxruntime alone and a hand-written FastAPI server, side by side.

    python -m tests.benchmarks.inference [--seconds 2] [--rounds 3]

Every round runs each contender once per case, so that all meet the same machine; medians over the rounds are printed.
Answers are compared with onnxruntime's. Ours writes its inference log, the others log nothing. Two forms of ours are
shown: *outputs* asks for ``out`` only, as the others answer; *all* is what the SDK asks for (time, inputs, outputs).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import numpy as np
import onnxruntime as ort
import pyarrow as pa

from jupyter_wallaroo.demo import DATA_PATH, MODEL_PATH
from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.demo.tour import ARROW, FLAT, RECORDS
from tests.benchmarks import load
from tests.deploying import deploy, upload

ONLY_OUT = {"dataset[]": "out", "dataset.separator": "."}
COLUMN, OUTPUT = "features", "malignant"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="of load per contender, case and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--replicas", type=int, default=1)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wallaroo-bench-")))
        server = stack.enter_context(PrivateServer(directory))
        client = stack.enter_context(server.client)
        version = upload(client, MODEL_PATH.read_bytes(), "tumour")
        url = deploy(client, "bench", [version], replicas=options.replicas).url
        rivals = {kind: stack.enter_context(_fastapi(MODEL_PATH, kind)) for kind in ("plain", "tuned")}
        table = _measure(url, server.token, rivals, seconds=options.seconds, rounds=options.rounds)
    _print(table)


def _features(rows: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    with pa.memory_map(str(DATA_PATH)) as source:
        values = pa.ipc.open_file(source).read_all().column(0).combine_chunks()
    matrix = values.flatten().to_numpy().reshape(len(values), -1)
    return np.resize(matrix, (rows, matrix.shape[1]))


def _json(rows: int) -> bytes:
    return json.dumps([{COLUMN: row} for row in _features(rows).tolist()]).encode()


def _arrow(rows: int) -> bytes:
    matrix = _features(rows)
    column = pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), matrix.shape[1])
    sink = pa.BufferOutputStream()
    table = pa.table({COLUMN: column})
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


Case = tuple[str, int, int]
"""Format, rows, connections."""

CASES: tuple[Case, ...] = (
    ("JSON", 1, 1),
    ("JSON", 1, 8),
    ("JSON", 1000, 1),
    ("Arrow", 1000, 1),
    ("Arrow", 10000, 1),
)


def _measure(
    url: str, token: str, rivals: dict[str, str], *, seconds: float, rounds: int
) -> dict[tuple[Case, str], load.Load]:
    """Return the median round of every case and contender."""
    found: dict[tuple[Case, str], list[load.Load]] = {}
    for _ in range(rounds):
        for case in CASES:
            kind, rows, connections = case
            body = _json(rows) if kind == "JSON" else _arrow(rows)
            media = RECORDS if kind == "JSON" else ARROW
            headers = {"Content-Type": media, "Accept": media}
            ours = {**headers, "Authorization": f"Bearer {token}"}
            sent = partial(load.run, body=body, connections=connections, seconds=seconds)
            contenders: dict[str, Callable[[], load.Load]] = {
                "onnxruntime alone": partial(_alone, rows, seconds),
                **{
                    f"FastAPI, {name}": partial(sent, f"{address}/{kind.lower()}", headers=headers)
                    for name, address in rivals.items()
                },
                "ours, outputs": partial(sent, f"{url}?{urlencode(ONLY_OUT)}", headers=ours),
                "ours, all": partial(sent, f"{url}?{urlencode(FLAT)}", headers=ours),
            }
            for name, measure in contenders.items():
                result = measure()
                assert not result.failed, f"{name} {case}: {result.failed} failed: {result.body[:300]!r}"
                if name != "onnxruntime alone":
                    _check(result.body, kind, rows)
                found.setdefault((case, name), []).append(result)
    return {key: sorted(results, key=lambda item: item.rate)[len(results) // 2] for key, results in found.items()}


_SESSION: list[ort.InferenceSession] = []


def _session() -> ort.InferenceSession:
    if not _SESSION:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        _SESSION.append(ort.InferenceSession(MODEL_PATH.read_bytes(), options, providers=["CPUExecutionProvider"]))
    return _SESSION[0]


def _alone(rows: int, seconds: float) -> load.Load:
    """Run the model in this process on an array that is already there: no bytes are read or written."""
    features, session = _features(rows), _session()
    taken = []
    until = time.perf_counter() + min(seconds, 0.5)
    while time.perf_counter() < until:
        started = time.perf_counter()
        session.run(None, {"features": features})
        taken.append(time.perf_counter() - started)
    median = statistics.median(taken)
    return load.Load(1 / median, median * 1000, sorted(taken)[int(len(taken) * 0.99)] * 1000, 0, b"")


def _check(body: bytes, kind: str, rows: int) -> None:
    if kind == "JSON":
        answer = json.loads(body)
        values = answer[OUTPUT] if isinstance(answer, dict) else [row[f"out.{OUTPUT}"] for row in answer]
    else:
        table = pa.ipc.open_file(body).read_all()
        name = next(name for name in table.column_names if name.endswith(OUTPUT))
        values = table.column(name).to_pylist()
    expected = _session().run(None, {"features": _features(rows)})[0].reshape(-1)
    np.testing.assert_allclose(np.array(values, np.float64).reshape(-1), expected, rtol=1e-4, atol=1e-6)


@contextlib.contextmanager
def _fastapi(model: Path, kind: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.benchmarks.fastapi_server", str(model), str(port), COLUMN, kind]
    process = subprocess.Popen(command)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{url}/openapi.json", trust_env=False)
                break
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()


def _print(table: dict[tuple[Case, str], load.Load]) -> None:
    print(f"{'case':<26}{'contender':<20}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'× plain':>11}{'× alone':>9}")
    for (case, name), result in table.items():
        kind, rows, connections = case
        rival, alone = table[case, "FastAPI, plain"], table[case, "onnxruntime alone"]
        label = f"{rows} rows {kind}, {connections} conn."
        print(
            f"{label:<26}{name:<20}{result.rate:>12.0f}{result.p50_ms:>10.3f}{result.p99_ms:>10.3f}"
            f"{result.rate / rival.rate:>11.2f}{result.p50_ms / alone.p50_ms:>9.1f}"
        )


if __name__ == "__main__":
    main()
