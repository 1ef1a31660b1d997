"""What a person waits for when there is much of everything: pages of lists and logs, the start, and memory.

    python -m tests.benchmarks.pages [--pipelines 10000] [--versions 50000] [--records 1000000] [--rounds 20]

The store is filled with copies of rows that real calls made, the log by the real journal and archiver, then a real
server answers over HTTP. Memory is compared with an empty server's after the same requests. "held" is how late a probe
in the server's event loop was at most while the whole list was read.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import Client
from tests import filling
from tests.benchmarks.process_tree import used
from tests.deploying import wait_running
from tests.filling import Filled

PROBE = tuple(
    f"--ServerApp.jpserver_extensions={name}=True" for name in ("jupyter_wallaroo", "tests.server.loop_probe")
)


@dataclass(frozen=True)
class Page:
    """How long something took, in ms, and how late the event loop was at most meanwhile."""

    name: str
    p50_ms: float
    p95_ms: float
    held_ms: float
    size_kib: float


@dataclass(frozen=True)
class Scale:
    """What a filled server is like; memory is that of all its processes, over an empty one's."""

    start_s: float
    empty_start_s: float
    more_mib: float
    pages: list[Page]


def main() -> None:
    """Fill a server and print its pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pipelines", type=int, default=10_000)
    parser.add_argument("--versions", type=int, default=50_000)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    size = filling.Size(options.pipelines, options.versions, options.records)
    with tempfile.TemporaryDirectory(prefix="wallaroo-pages-") as folder:
        show(compare(Path(folder), filling.fill(Path(folder), size), rounds=options.rounds))


def show(scale: Scale) -> None:
    """Print the table."""
    print(
        f"start {scale.start_s:.2f} s (empty: {scale.empty_start_s:.2f} s), memory {scale.more_mib:+.0f} MiB over an empty server's"
    )
    print(f"{'':<44}{'p50 ms':>10}{'p95 ms':>10}{'held ms':>10}{'KiB':>10}")
    for page in scale.pages:
        print(f"{page.name:<44}{page.p50_ms:>10.1f}{page.p95_ms:>10.1f}{page.held_ms:>10.1f}{page.size_kib:>10,.0f}")


def compare(directory: Path, filled: Filled, *, rounds: int) -> Scale:
    """Start the server of a directory, ask for pages, and compare it with an empty one."""
    with tempfile.TemporaryDirectory(prefix="wallaroo-pages-") as folder:
        nothing = filling.fill(Path(folder), filling.Size(0, 0, 0))
        empty_mib, empty_s, _ = visit(Path(folder), nothing, rounds=rounds)
    filled_mib, start_s, pages = visit(directory, filled, rounds=rounds)
    return Scale(start_s, empty_s, filled_mib - empty_mib, pages)


def visit(directory: Path, filled: Filled, *, rounds: int) -> tuple[float, float, list[Page]]:
    """Start the server of a directory; return its memory in the end, how long its start took, and its pages."""
    server = PrivateServer(directory, options=PROBE)
    begun = time.perf_counter()
    with server, server.client as client:
        start_s = time.perf_counter() - begun
        wait_running(client, filled.deployed.name)
        pages = often(server, client, filled, rounds=rounds)
        pages += [_page(server, client, name, ask, 3) for name, ask in _whole(client, server).items()]
        return used(server.pid).rss_mib, start_s, pages


def often(server: PrivateServer, client: httpx.Client, filled: Filled, *, rounds: int) -> list[Page]:
    """Ask a running server for what is asked for often."""
    return [_page(server, client, name, ask, rounds) for name, ask in _requests(client, filled).items()]


def _requests(client: httpx.Client, filled: Filled) -> Mapping[str, Callable[[], int]]:
    """Return what is asked for often, by its name; each returns the bytes that came."""

    def post(path: str, **body: Any) -> Callable[[], int]:
        def ask() -> int:
            response = client.post(path, json=body)
            assert response.status_code == 200, response.text
            return len(response.content)

        return ask

    deployed = filled.deployed
    newest = client.post("pipelines/search", json={"limit": 1}).json()["pipelines"][0]["pipeline"]["id"]
    log = {"workspace_id": deployed.workspace_id, "pipeline_name": deployed.pipeline_name}
    return {
        "pipelines/list_pipelines, first 100": post("pipelines/list_pipelines", limit=100),
        "pipelines/list_pipelines, middle 100": post("pipelines/list_pipelines", limit=100, after=newest // 2),
        "pipelines/overview, middle 100": post("pipelines/overview", limit=100, after=newest // 2),
        "pipelines/search, word": post("pipelines/search", search_term="-777", limit=100),
        "pipelines/search, tag": post("pipelines/search", tag="every tenth", limit=100),
        "pipelines/search, deployed": post("pipelines/search", deployed=True, limit=100),
        "models/list, first 100": post("models/list", limit=100),
        "models/list, middle 100": post("models/list", limit=100, after=newest // 2),
        "models/search, word": post("models/search", search_term="-777", limit=100),
        "models/search, word that is not there": post("models/search", search_term="no such word", limit=100),
        "models/search, newest": post("models/search", limit=100),
        "audit/list": post("audit/list", limit=100),
        "tags/list": post("tags/list"),
        "workspaces/get": post("workspaces/get", id=deployed.workspace_id),
        "status/get_deployment": post("status/get_deployment", name=deployed.name),
        "pipelines/get_logs, newest 100": post("pipelines/get_logs", **log, page_size=100),
        "pipelines/get_logs, newest 1,000": post("pipelines/get_logs", **log, page_size=1000),
        "pipelines/get_logs, oldest 1,000": post("pipelines/get_logs", **log, page_size=1000, order="asc"),
        "pipelines/get_logs, middle 1,000": post(
            "pipelines/get_logs", **log, page_size=1000, order="asc", start_time=filled.middle
        ),
    }


def _whole(client: httpx.Client, server: PrivateServer) -> Mapping[str, Callable[[], int]]:
    """Return what is asked for whole, as the vendor's client does."""

    def post(path: str) -> Callable[[], int]:
        return lambda: len(client.post(path, json={}).content)

    sdk = Client(api_endpoint=f"http://127.0.0.1:{server.port}/wallaroo", token=server.token)
    return {
        "pipelines/list_pipelines, all": post("pipelines/list_pipelines"),
        "pipelines/overview, all": post("pipelines/overview"),
        "models/list, all": post("models/list"),
        "Client.list_pipelines()": lambda: len(sdk.list_pipelines()),
        "Client.list_models()": lambda: len(sdk.list_models()),
        "Client.get_model(name)": lambda: len(sdk.get_model(filling.LOGGED).name()),
        "Client.get_pipeline(name)": lambda: len(sdk.get_pipeline(filling.LOGGED).name()),
    }


def _page(server: PrivateServer, client: httpx.Client, name: str, ask: Callable[[], int], rounds: int) -> Page:
    probe = f"http://127.0.0.1:{server.port}/loop_probe"
    ask()
    client.get(probe)
    taken, size = [], 0
    for _ in range(rounds):
        begun = time.perf_counter()
        size = ask()
        taken.append((time.perf_counter() - begun) * 1000)
    taken.sort()
    time.sleep(0.01)
    held = client.get(probe).json()["max"]
    p95 = taken[min(int(len(taken) * 0.95), len(taken) - 1)]
    return Page(name, statistics.median(taken), p95, held, size / 1024)


if __name__ == "__main__":
    main()
