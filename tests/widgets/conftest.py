"""What the tests of panels share: a client with a workspace of its own, and a deployed champion with a challenger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests import models
from tests.sdk.conftest import endpoint, unique


@pytest.fixture(scope="module")
def wl(server: PrivateServer) -> Iterator[Client]:
    """A client whose current workspace belongs to the module's tests."""
    with Client(endpoint(server), token=server.token) as client:
        client.set_current_workspace(client.create_workspace(unique("widgets")))
        yield client


@pytest.fixture(scope="module")
def pipeline(wl: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A deployed pipeline in two versions: one model; then the same with a challenger and a rule, and 12 records."""
    folder: Path = tmp_path_factory.mktemp("models")
    (folder / "champion.onnx").write_bytes(models.row_sum(3))
    (folder / "challenger.onnx").write_bytes(models.row_sum(3, 2.0))
    champion = wl.upload_model("champion", folder / "champion.onnx").configure(tensor_fields=["tensor"])
    challenger = wl.upload_model("challenger", folder / "challenger.onnx").configure(tensor_fields=["tensor"])
    made = wl.build_pipeline(unique("panel")).add_model_step(champion).deploy()
    made.infer(pd.DataFrame({"tensor": [[0.0, 0.0, 1.0], [0.0, 0.0, 2.0]]}))
    rule = pl.col("out.y").list.get(0) > 7.0
    made.clear().add_shadow_deploy(champion, [challenger]).add_validations(too_high=rule).deploy()
    made.infer(pd.DataFrame({"tensor": [[float(number), 0.0, 0.0] for number in range(10)]}))
    yield made
    made.undeploy()
