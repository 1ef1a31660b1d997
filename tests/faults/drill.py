"""What every drill needs: clients that write down what was acknowledged, and a look at what is left."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from jupyter_wallaroo.demo.server import PrivateServer
from tests.deploying import post

OTHERS = ("jupyterlab", "notebook", "notebook_shim", "jupyter_lsp", "jupyter_server_terminals")
EXTENSION_ONLY = (
    "--ServerApp.jpserver_extensions=jupyter_wallaroo=True",
    *(f"--ServerApp.jpserver_extensions={other}=False" for other in OTHERS),
)
"""Starting those takes a third of a server's start."""
ORPHAN_LIMIT_S = 5.0


def kills(few: int) -> int:
    """Return how often a drill kills: ``few`` times in the suite, as often as JUPYTER_WALLAROO_TEST_KILLS says."""
    return int(os.environ.get("JUPYTER_WALLAROO_TEST_KILLS", few))


class Ledger:
    """What the server has acknowledged; written only after a 2xx has come."""

    def __init__(self) -> None:
        self.inferred: list[int] = []
        self.workspaces: dict[int, str] = {}
        self.pipelines: dict[int, str] = {}
        self.deployments: dict[int, str] = {}
        self.wrong: list[str] = []


class Load:
    """Threads that send inferences, each with a number of its own, until told to stop.

    Parameters
    ----------
    url, token
        Where to send, and by whose leave.
    ledger
        Where acknowledged numbers go.
    first
        The first number; later ones count up.
    """

    def __init__(self, url: str, token: str, ledger: Ledger, *, first: int = 0, threads: int = 4) -> None:
        self.failed: list[str] = []
        self.answered = 0
        self.slowest_s = 0.0
        self._url, self._token, self._ledger = url, token, ledger
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._next = first
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        with httpx.Client(headers=headers, trust_env=False, timeout=40) as client:
            while not self._stop.is_set():
                with self._lock:
                    number = self._next
                    self._next += 1
                started = time.monotonic()
                try:
                    response = client.post(self._url, json={"tensor": [[number, 0, 0]]})
                except httpx.TransportError as error:
                    self._note(f"{number}: {error!r}")
                    continue
                if response.status_code != 200:
                    self._note(f"{number}: {response.status_code} {response.text[:200]}")
                    continue
                value = response.json()[0]["outputs"][0]["Float"]["data"][0]
                with self._lock:
                    self.answered += 1
                    self.slowest_s = max(self.slowest_s, time.monotonic() - started)
                    self._ledger.inferred.append(number)
                    if value != number:
                        self._ledger.wrong.append(f"{number}: got {value}")

    def _note(self, failure: str) -> None:
        with self._lock:
            self.failed.append(failure)

    @property
    def next_number(self) -> int:
        return self._next


def logged_numbers(client: httpx.Client, workspace_id: int, pipeline: str) -> list[int]:
    """Return the numbers of all records in a pipeline's log, by walking it with the cursor."""
    numbers: list[int] = []
    body: dict[str, Any] = {
        "workspace_id": workspace_id,
        "pipeline_name": pipeline,
        "order": "asc",
        "page_size": 10_000,
    }
    while True:
        response = client.post("pipelines/get_logs", json=body)
        assert response.status_code == 200, response.text
        numbers.extend(int(row["in"]["tensor"][0]) for row in response.json())
        cursor = response.headers.get("x-iteration-cursor")
        if cursor is None:
            return numbers
        body["cursor"] = cursor


def children(server: PrivateServer) -> list[psutil.Process]:
    """Return the server's processes besides itself."""
    return psutil.Process(server.pid).children(recursive=True)


def assert_gone(processes: list[psutil.Process]) -> float:
    """Assert that no process is left after 5 s; return how long the last one took."""
    started = time.monotonic()
    _, alive = psutil.wait_procs(processes, ORPHAN_LIMIT_S)
    assert not alive, f"left over: {[(process.pid, process.cmdline()) for process in alive]}"
    return time.monotonic() - started


def assert_kept(client: httpx.Client, ledger: Ledger) -> None:
    """Assert that everything acknowledged is there."""
    workspaces = {item["id"]: item["name"] for item in post(client, "workspaces/list")["workspaces"]}
    assert ledger.workspaces.items() <= workspaces.items()
    listed = post(client, "pipelines/list_pipelines")["pipelines"]
    pipelines = {item["pipeline"]["id"]: item["pipeline"]["name"] for item in listed}
    assert ledger.pipelines.items() <= pipelines.items()
    deployed = {item["deployment"]["id"]: item["deployment"]["name"] for item in listed if item["deployment"]}
    assert ledger.deployments.items() <= deployed.items()


def assert_sound(directory: Path) -> None:
    """Assert that the database of a stopped server is sound and that no half file is left."""
    import sqlite3

    with sqlite3.connect(directory / "data" / "wallaroo.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()


def pause(rng: random.Random, least_s: float, most_s: float) -> None:
    """Let a random moment pass, which is what the drill is about."""
    time.sleep(rng.uniform(least_s, most_s))
