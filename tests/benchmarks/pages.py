"""What a person waits for when there is much of everything: pages of lists and logs, the start, and memory.

    python -m tests.benchmarks.pages [--pipelines 10000] [--versions 50000] [--records 1000000] [--rounds 20]

The store is filled with copies of rows that real calls made, the log by the real journal and archiver, then a real
server answers over HTTP. Start and memory are those of the server with all its processes, beside those of a server on
an empty directory after the same requests. CPU is what all of them worked for one request, in all threads: unlike the
time, it does not grow when others keep the machine busy. "held" is how late a probe in the server's event loop was at
most meanwhile. What is wanted is printed beside what is found; nothing is asserted.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import Client
from tests import filling
from tests.benchmarks.process_tree import used, worked_s
from tests.deploying import wait_running
from tests.filling import Filled

PROBE = tuple(
    f"--ServerApp.jpserver_extensions={name}=True" for name in ("jupyter_wallaroo", "tests.server.loop_probe")
)


LIST_MS, LOG_MS, START_S, MORE_MIB = 100.0, 300.0, 5.0, 150.0
"""What is wanted of 10,000 pipelines, 50,000 versions and 1,000,000 records (issue 7): pages at the 95th percentile."""


@dataclass(frozen=True)
class Page:
    """How long something took and worked, in ms, and how late the event loop was at most meanwhile."""

    name: str
    p50_ms: float
    p95_ms: float
    cpu_ms: float
    held_ms: float
    size_kib: float


@dataclass(frozen=True)
class Start:
    """How long a server took until it answered, and what all its processes worked for that."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Visit:
    """A server's start, its pages, and the memory of all its processes before and after those, its replica with them."""

    start: Start
    pages: list[Page]
    first_mib: float
    last_mib: float


@dataclass(frozen=True)
class Scale:
    """A filled server beside an empty one."""

    filled: Visit
    empty: Visit

    @property
    def more_mib(self) -> float:
        """By how much the filled one has more memory in the end."""
        return self.filled.last_mib - self.empty.last_mib


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
    print(f"{'':<34}{'start s':>10}{'CPU s':>10}{'MiB first':>12}{'MiB last':>12}")
    for name, visit in (("empty", scale.empty), ("filled", scale.filled)):
        start = visit.start
        print(f"{name:<34}{start.wall_s:>10.2f}{start.cpu_s:>10.2f}{visit.first_mib:>12.0f}{visit.last_mib:>12.0f}")
    first_mib = scale.filled.first_mib - scale.empty.first_mib
    print(f"{'more':<54}{first_mib:>+12.0f}{scale.more_mib:>+12.0f}")
    print(f"wanted: start ≤ {START_S:.0f} s, at most {MORE_MIB:.0f} MiB more")
    print(f"\n{'':<44}{'p50 ms':>10}{'p95 ms':>10}{'wanted':>10}{'CPU ms':>10}{'held ms':>10}{'KiB':>10}")
    for page in scale.filled.pages:
        wanted = LOG_MS if page.name.startswith("pipelines/get_logs") else LIST_MS
        bound = f"{'≤' if page.p95_ms <= wanted else 'not ≤'} {wanted:.0f}" if _is_page(page) else "–"
        print(
            f"{page.name:<44}{page.p50_ms:>10.1f}{page.p95_ms:>10.1f}{bound:>10}{page.cpu_ms:>10.1f}"
            f"{page.held_ms:>10.1f}{page.size_kib:>10,.0f}"
        )


def _is_page(page: Page) -> bool:
    """Tell whether something is one page, not a whole list."""
    return not page.name.endswith(", all") and not page.name.startswith("Client.")


def compare(directory: Path, filled: Filled, *, rounds: int) -> Scale:
    """Start the server of a directory, ask for pages, and compare it with an empty one."""
    with tempfile.TemporaryDirectory(prefix="wallaroo-pages-") as folder:
        nothing = filling.fill(Path(folder), filling.Size(0, 0, 0))
        empty = visit(Path(folder), nothing, rounds=rounds)
    return Scale(visit(directory, filled, rounds=rounds), empty)


def visit(directory: Path, filled: Filled, *, rounds: int) -> Visit:
    """Start the server of a directory, and ask for everything that is asked for often, and for whole lists."""
    with started(directory) as (server, start), server.client as client:
        wait_running(client, filled.deployed.name)
        first_mib = used(server.pid).rss_mib
        found = often(server, client, filled, rounds=rounds)
        found += [_page(server, client, name, ask, 3) for name, ask in _whole(client, server).items()]
        return Visit(start, found, first_mib, used(server.pid).rss_mib)


@contextmanager
def started(directory: Path) -> Iterator[tuple[PrivateServer, Start]]:
    """Start the server of a directory, with the probe."""
    begun = time.perf_counter()
    with PrivateServer(directory, options=PROBE) as server:
        wall_s = time.perf_counter() - begun
        yield server, Start(wall_s, used(server.pid).cpu_s)


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
    model = "model-0" if filled.size.pipelines else filling.LOGGED
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
        "models/list_versions": post("models/list_versions", model_id=model, limit=100),
        "task/list, first 100": post("task/list", limit=100),
        "task/list, middle 100": post("task/list", limit=100, before=max(newest // 2, 1)),
        "assays/list, first 100": post("assays/list", limit=100),
        "assays/list, middle 100": post("assays/list", limit=100, after=newest // 2),
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
        "task/list, all": post("task/list"),
        "assays/list, all": post("assays/list"),
        "Client.list_pipelines()": lambda: len(sdk.list_pipelines()),
        "Client.list_models()": lambda: len(sdk.list_models()),
        "Client.list_tasks()": lambda: len(sdk.list_tasks()),
        "Client.list_assays()": lambda: len(sdk.list_assays()),
        "Client.get_model(name)": lambda: len(sdk.get_model(filling.LOGGED).name()),
        "Client.get_pipeline(name)": lambda: len(sdk.get_pipeline(filling.LOGGED).name()),
    }


def _page(server: PrivateServer, client: httpx.Client, name: str, ask: Callable[[], int], rounds: int) -> Page:
    probe = f"http://127.0.0.1:{server.port}/loop_probe"
    ask()
    client.get(probe)
    before_s = worked_s(server.pid)
    taken, size = [], 0
    for _ in range(rounds):
        begun = time.perf_counter()
        size = ask()
        taken.append((time.perf_counter() - begun) * 1000)
    cpu_ms = (worked_s(server.pid) - before_s) * 1000 / rounds
    taken.sort()
    time.sleep(0.01)
    held_ms = client.get(probe).json()["max"]
    p95_ms = taken[min(int(rounds * 0.95), rounds - 1)]
    return Page(name, statistics.median(taken), p95_ms, cpu_ms, held_ms, size / 1024)


if __name__ == "__main__":
    main()
