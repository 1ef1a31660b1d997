"""A Ray cluster of a head and two nodes, and a server whose replicas run there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests.cluster.ray_cluster import VARIABLES, RayCluster


@pytest.fixture(scope="package")
def cluster() -> Iterator[RayCluster]:
    """The cluster; a test that kills one of its nodes adds another."""
    with RayCluster() as running:
        yield running


def server_on(cluster: RayCluster, directory: Path, *options: str) -> PrivateServer:
    """Return a server, not started, whose replicas run on the cluster."""
    os.environ.update(VARIABLES)
    return PrivateServer(
        directory,
        options=(
            "--ServerApp.jpserver_extensions=jupyter_wallaroo=True",
            "--WallarooApp.launcher=ray",
            f"--WallarooApp.ray_address={cluster.address}",
            "--WallarooApp.default_memory=512Mi",
            *options,
        ),
    )


@pytest.fixture(scope="package")
def server_on_cluster() -> Callable[..., PrivateServer]:
    """What makes further servers of the cluster."""
    return server_on


@pytest.fixture(scope="package")
def ray_server(cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateServer]:
    """A server that the tests share."""
    with server_on(cluster, tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="package")
def ray_client(ray_server: PrivateServer) -> Iterator[httpx.Client]:
    """A client of `ray_server` that sends its token."""
    with ray_server.client as opened:
        yield opened
