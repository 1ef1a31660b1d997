"""What the tests of the client share: a client of the running server with a workspace of its own, and model files."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests import models


def unique(prefix: str) -> str:
    """Return a name that no other test uses."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def endpoint(server: PrivateServer) -> str:
    """Return the address that a client takes for its server."""
    return server.api_url.removesuffix("/v1/api")


@pytest.fixture(scope="module")
def wl(server: PrivateServer) -> Iterator[Client]:
    """A client whose current workspace belongs to the module's tests."""
    with Client(endpoint(server), token=server.token) as client:
        client.set_current_workspace(client.create_workspace(unique("sdk")))
        yield client


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a model that sums three numbers."""
    path = tmp_path_factory.mktemp("models") / "summer.onnx"
    path.write_bytes(models.row_sum(3))
    return path


@pytest.fixture(scope="module")
def summing(wl: Client, model_file: Path) -> Iterator[Pipeline]:
    """A deployed pipeline that sums three numbers."""
    model = wl.upload_model("summer", model_file).configure(tensor_fields=["tensor"])
    pipeline = wl.build_pipeline(unique("summing")).add_model_step(model).deploy()
    yield pipeline
    pipeline.undeploy()
