"""A Ray cluster on this machine: a head that runs nothing, and nodes that are told apart by their labels.

Run as a program it starts one and obeys lines on its standard input; `RayCluster` is the other end. Ray's own client
stays out of the tests' process: it starts threads and takes signals.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from typing import Any

import psutil

OBJECT_STORE_BYTES = 80 * 2**20
NODE_MEMORY_BYTES = 4 * 2**30
VARIABLES = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_AUTH_MODE": "disabled",
    "RAY_raylet_start_wait_time_s": "60",
    "RAY_worker_niceness": "0",
}
"""Without their niceness: what runs on nodes is as important as what asks it, on this one machine."""

_CONFIG = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 1000, "health_check_timeout_ms": 5000}
"""A node that refuses connections is given up after 5 s; one that is merely slow, on a busy machine, is not."""

_AGENT_PORTS = (
    "dashboard_agent_listen_port",
    "metrics_agent_port",
    "metrics_export_port",
    "runtime_env_agent_port",
)
"""A node waits 15 s for its agents to say where they listen, too short on a busy machine; told, it does not wait."""

ATTEMPTS = 3
"""Ray itself gives a node 30 s to start, whatever else its machine does."""


class NotStarted(Exception):
    """A cluster did not start; says what Ray said."""


class RayCluster:
    """A running cluster; ends with the context.

    Parameters
    ----------
    nodes
        How many nodes there are besides the head.
    cpus
        CPUs of each; each also has a graphics processor, or says so, and a label ``place``, from "0" on.
    port
        Of the head; 0: any.
    """

    def __init__(self, *, nodes: int = 2, cpus: int = 3, port: int = 0) -> None:
        self._options = {"nodes": nodes, "cpus": cpus, "port": port}
        self._process: subprocess.Popen[str] | None = None
        self.address = ""
        self.head: list[int] = []
        self.raylets: dict[str, int] = {}
        """The process id of each node's raylet, by the node's id."""
        self.places: dict[str, str] = {}
        """The id of the newest node with each label ``place``."""

    def __enter__(self) -> RayCluster:
        for _ in range(ATTEMPTS - 1):
            with contextlib.suppress(NotStarted):
                return self._start()
        return self._start()

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        children = psutil.Process(self._process.pid).children(recursive=True)
        self._process.communicate("end\n", timeout=60)
        _, alive = psutil.wait_procs(children, 10)
        for process in alive:
            process.kill()

    def add_node(self, place: str) -> None:
        """Add a node with a label ``place``."""
        self._say(f"add {place}")

    def kill_node(self, node: str) -> None:
        """Kill a node's raylet as a crash would."""
        psutil.Process(self.raylets.pop(node)).kill()

    def kill_head(self) -> None:
        """Kill every process of the head."""
        for pid in self.head:
            psutil.Process(pid).kill()

    def _start(self) -> RayCluster:
        with tempfile.TemporaryFile("w+") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.cluster.ray_cluster", json.dumps(self._options)],
                env=os.environ | VARIABLES,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            if not self._learn():
                self._process.communicate()
                log.seek(0)
                raise NotStarted(log.read()[-3000:])
        return self

    def _say(self, line: str) -> None:
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        assert self._learn(), "the cluster has ended"

    def _learn(self) -> bool:
        """Read where the nodes are; tell whether the cluster said it."""
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                said = json.loads(line)
                self.address, self.head = said["address"], said["head"]
                self.raylets, self.places = said["raylets"], said["places"]
                return True
        return False


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _pids(node: Any) -> dict[str, list[int]]:
    return {kind: [info.process.pid for info in infos] for kind, infos in node.all_processes.items()}


def _main(nodes: int, cpus: int, port: int) -> None:
    import ray
    from ray.cluster_utils import Cluster

    def shared() -> dict[str, Any]:
        agents = dict(zip(_AGENT_PORTS, free_ports(len(_AGENT_PORTS)), strict=True))
        bare = {"include_log_monitor": False, "include_dashboard": False}
        return {"node_ip_address": "127.0.0.1", "object_store_memory": OBJECT_STORE_BYTES, **bare, **agents}

    head = {**shared(), "num_cpus": 0, "no_monitor": True, "_system_config": _CONFIG}
    if port:
        head["gcs_server_port"] = port
    cluster = Cluster(initialize_head=True, head_node_args=head)

    places = {}

    def add(place: str) -> None:
        facts = {"num_cpus": cpus, "num_gpus": 1, "memory": NODE_MEMORY_BYTES, "labels": {"place": place}}
        places[place] = cluster.add_node(**facts, **shared()).node_id

    def tell() -> None:
        said = {
            "address": cluster.address,
            "head": [pid for pids in _pids(cluster.head_node).values() for pid in pids],
            "places": places,
            "raylets": {node.node_id: _pids(node)["raylet"][0] for node in cluster.worker_nodes},
        }
        print(json.dumps(said), flush=True)

    for number in range(nodes):
        add(str(number))
    assert not ray.is_initialized()
    tell()
    for line in sys.stdin:
        command, *words = line.split()
        if command == "end":
            break
        add(words[0])
        tell()
    cluster.shutdown()


if __name__ == "__main__":
    _main(**json.loads(sys.argv[1]))
