"""How throughput grows with the nodes of a Ray cluster: requests a second with replicas on one node and on two.

    python -m tests.benchmarks.nodes [--model wait compute] [--seconds 5] [--rounds 3] [--connections 8]

One cluster of a head and two nodes, one server, two pipelines of the same model with one replica per node: *one* has a
replica on the first node, *two* on both. They are asked in turn within each round, so that both meet the same machine;
the median round is printed. *wait* is a model that sleeps for 20 ms per row: it stands for work that is done by a
node's own processors, which nodes that share one machine have not. *compute* is a real loop in onnxruntime, about 20 ms
of one processor per row: it grows only as far as this machine has processors left beside load, server and cluster.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import httpx
import numpy as np

from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.benchmarks.load import Job, request_bytes, run
from tests.cluster.ray_cluster import RayCluster
from tests.deploying import Deployed, convert, deploy, upload
from tests.launching import Launcher

WAIT = b"""
import time

def process_data(d):
    time.sleep(0.02 * len(d["x"]))
    return {"y": d["x"]}
"""
TURNS = 60_000
ROWS = 16
KINDS = ("wait", "compute")


def _model(client: httpx.Client, kind: str) -> dict[str, object]:
    if kind == "wait":
        return convert(client, WAIT, kind, "python", "wait.py")
    return upload(client, models.slow(turns=TURNS), kind)


def _job(server: PrivateServer, deployed: Deployed, connections: int, seconds: float) -> Job:
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json; format=pandas-records"}
    url = f"{deployed.url}?dataset%5B%5D=out"
    bodies = [json.dumps([{"x": [float(number)]}]).encode() for number in range(ROWS)]
    return Job(
        url=url,
        requests=[request_bytes(url, body, headers) for body in bodies],
        expected=[np.array([number], np.float32) for number in range(ROWS)],
        read=_read,
        connections=connections,
        seconds=seconds,
    )


def _read(body: bytes) -> np.ndarray:
    (row,) = json.loads(body)
    return np.array([next(iter(row["out"].values()))], np.float32)


def measure(
    launcher: Launcher, kind: str, *, seconds: float, rounds: int, connections: int
) -> dict[int, tuple[float, int]]:
    """Return by the number of nodes the median of right answers a second, and how many answers were wrong or none."""
    with launcher.serving() as (server, client):
        version = _model(client, kind)
        engine = {"cpu": 0.5}
        deployed = {
            1: deploy(client, f"{kind}-one", [version], engine={**engine, "node_selector": "place=0"}),
            2: deploy(client, f"{kind}-two", [version], engine={**engine, "replicas": 2}),
        }
        jobs = {nodes: _job(server, item, connections, seconds) for nodes, item in deployed.items()}
        loads = {nodes: [run(job)] for nodes, job in jobs.items()}  # this round warms up
        for _ in range(rounds):
            for nodes, job in jobs.items():
                loads[nodes].append(run(job))
    return {
        nodes: (statistics.median(load.rate for load in many[1:]), sum(load.refused + load.wrong for load in many))
        for nodes, many in loads.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=8)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, RayCluster() as cluster:
        launcher = Launcher(Path(directory), cluster)
        try:
            for kind in asked.model:
                found = measure(
                    launcher, kind, seconds=asked.seconds, rounds=asked.rounds, connections=asked.connections
                )
                (one, faults), (two, more) = found[1], found[2]
                print(
                    f"{kind}: {one:.1f} requests/s with one node, {two:.1f} with two: x{two / one:.2f}; "
                    f"{faults + more} refused or wrong",
                    flush=True,
                )
        finally:
            launcher.close()


if __name__ == "__main__":
    main()
