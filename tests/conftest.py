"""What tests share: one running server, the real models beside the project, and small ones made on the spot."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests.cluster.ray_cluster import RayCluster
from tests.launching import Launcher

SHARED = Path(__file__).parents[2] / "shared" / "data"

pytest_plugins = ["pytest_jupyter.jupyter_server", "tests.counterparts.fixtures"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateServer]:
    """A server that the tests of a run share; each makes its own workspaces and pipelines."""
    with PrivateServer(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: PrivateServer) -> Iterator[httpx.Client]:
    """A client of `server` that sends its token."""
    with server.client as opened:
        yield opened


@pytest.fixture(scope="session")
def cluster() -> Iterator[RayCluster]:
    """A Ray cluster of a head and two nodes; a test that kills one of them adds another."""
    with RayCluster() as running:
        yield running


@pytest.fixture(scope="session")
def local_launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Servers whose replicas run on this machine."""
    with contextlib.closing(Launcher(tmp_path_factory.mktemp("local"))) as made:
        yield made


@pytest.fixture(scope="session")
def ray_launcher(cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Servers whose replicas run on the nodes of `cluster`."""
    with contextlib.closing(Launcher(tmp_path_factory.mktemp("ray"), cluster)) as made:
        yield made


@pytest.fixture(scope="module", params=["local", "ray"])
def launcher(request: pytest.FixtureRequest) -> Launcher:
    """Each launcher in turn: what holds for replicas holds wherever they run."""
    made: Launcher = request.getfixturevalue(f"{request.param}_launcher")
    return made


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what needs the cluster at the end, and last what kills it: it takes processors while it is there."""

    def turn(item: pytest.Item) -> int:
        if item.path.parent.name == "cluster":
            return 2
        call = getattr(item, "callspec", None)
        return int(call is not None and call.params.get("launcher") == "ray")

    items.sort(key=turn)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real models and data beside the project; CI has it."""
    if not SHARED.is_dir():
        message = f"the real models and data are not at {SHARED}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return SHARED


class _QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def loopback_files(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A folder that is served on the loopback: its address, and where to put files."""
    folder = tmp_path / "loopback"
    folder.mkdir()
    handler = functools.partial(_QuietFiles, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as files:
        serving = threading.Thread(target=files.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{files.server_address[1]}", folder
        files.shutdown()
        serving.join()
