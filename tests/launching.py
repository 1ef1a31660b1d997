"""Where the replicas of a test's server, and its runs of tasks, run: on this machine, or on the nodes of a Ray cluster.

One suite for both: a test that takes the fixture `launcher` runs once with each. What stays with this machine alone, and
why: the direct door (replicas on nodes have none), autoscaling by CPU (what other machines' processors do is not known
here), and what is told of directories and of memory that engines share with the server (nodes have their own). What the
supervisor decides by itself, whoever started a process (who is to blame for the end of a sidekick, what becomes of a
refused version at a restart, ten pipelines at once), runs here only, to save time: each replica takes an actor there. So
drills of many kills and replacements repeat less on Ray.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import psutil

from jupyter_wallaroo.demo.server import PrivateServer
from tests.cluster.ray_cluster import VARIABLES, RayCluster
from tests.deploying import post
from tests.faults import drill

GONE_LIMIT_S = 30.0
START_AGAIN_S = 60.0
"""How long Ray may take to have a lost replica back: it has to start an actor."""
FEWER = 6


class Launcher:
    """Makes servers whose replicas run in one place.

    Parameters
    ----------
    directory
        Where servers that tests share keep everything.
    cluster
        The cluster that replicas run on; None: this machine.
    """

    def __init__(self, directory: Path, cluster: RayCluster | None = None) -> None:
        self._directory = directory
        self.is_ray = cluster is not None
        self._options: tuple[str, ...] = drill.EXTENSION_ONLY
        self._environment: Mapping[str, str] = os.environ
        if cluster is not None:
            self._options += ("--WallarooApp.launcher=ray", f"--WallarooApp.ray_address={cluster.address}")
            self._options += ("--WallarooApp.default_memory=512Mi", "--WallarooApp.task_memory=512Mi")
            self._options += ("--WallarooApp.task_launcher=ray",)
            self._environment = {**os.environ, **VARIABLES}
        self._shared: dict[tuple[str, ...], PrivateServer] = {}

    def back_limit_s(self, here_s: float) -> float:
        """Return how long a lost replica may take to be back, where it may take ``here_s`` on this machine."""
        return START_AGAIN_S if self.is_ray else here_s

    def times(self, here: int) -> int:
        """Return how often a drill repeats what it does ``here`` times on this machine."""
        return max(1, here // FEWER) if self.is_ray else here

    def server(self, directory: Path, *options: str) -> PrivateServer:
        """Return a server of a test's own, not started."""
        return PrivateServer(directory, options=(*self._options, *options), environment=self._environment)

    @contextlib.contextmanager
    def serving(self, *options: str) -> Iterator[tuple[PrivateServer, httpx.Client]]:
        """Give a running server that tests with the same options share, and a client; what they made goes again."""
        if options not in self._shared:
            server = self.server(self._directory / str(len(self._shared)), *options)
            server.start()
            self._shared[options] = server
        server = self._shared[options]
        with server.client as client:
            try:
                yield server, client
            finally:
                _clear(client)

    def close(self) -> None:
        """Stop the servers."""
        for server in self._shared.values():
            server.stop()


def pids(status: dict[str, Any]) -> set[int]:
    """Return the processes that a status names: engines and their sidekicks."""
    pods = [*status["engines"], *status["sidekicks"]]
    return {int(pod["info"]["labels"]["pid"]) for pod in pods if "pid" in pod["info"]["labels"]}


def _clear(client: httpx.Client) -> None:
    """Remove every pipeline, and wait until their processes are gone, so that others have the room."""
    found = post(client, "pipelines/overview")["pipelines"]
    left = [psutil.Process(pid) for item in found if item["deployment"] for pid in _alive(client, item["deployment"])]
    items = [{"name": item["pipeline"], "state": "absent"} for item in found]
    if items:
        post(client, "pipelines/apply", pipelines=items)
    _, alive = psutil.wait_procs(left, GONE_LIMIT_S)
    assert alive == []


def _alive(client: httpx.Client, name: str) -> set[int]:
    response = client.post("status/get_deployment", json={"name": name})
    found = pids(response.json()) if response.status_code == httpx.codes.OK else set()
    return {pid for pid in found if psutil.pid_exists(pid)}
