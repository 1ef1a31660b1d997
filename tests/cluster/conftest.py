"""A server on the Ray cluster that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests.launching import Launcher


@pytest.fixture(scope="package")
def ray_server(ray_launcher: Launcher) -> Iterator[PrivateServer]:
    """A server whose replicas run on the cluster."""
    with ray_launcher.serving() as (running, _):
        yield running


@pytest.fixture(scope="package")
def ray_client(ray_server: PrivateServer) -> Iterator[httpx.Client]:
    """A client of `ray_server` that sends its token."""
    with ray_server.client as opened:
        yield opened
