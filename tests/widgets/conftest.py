"""What the tests of panels share: a client with its workspace, a deployed champion with a challenger, and tasks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.orchestration import Orchestration
from jupyter_wallaroo.sdk.pipeline import Pipeline
from jupyter_wallaroo.sdk.task import Task
from tests import models
from tests.sdk.conftest import endpoint, unique
from tests.tasking import archive

MAIN = r"""
import time, wallaroo
arguments = wallaroo.Client().task_args()
for line in arguments.get("print", ["begun"]):
    print(line, flush=True)
if "fail" in arguments:
    raise LookupError(arguments["fail"])
time.sleep(arguments.get("sleep", 0))
"""


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


@pytest.fixture(scope="module")
def orchestration(wl: Client) -> Iterator[Orchestration]:
    """An orchestration whose tasks print, fail and last as their arguments say."""
    made = wl.upload_orchestration(unique("panel"), bytes_buffer=archive(MAIN)).wait()
    yield made
    for task in made.list_tasks():
        task.kill()


@pytest.fixture(scope="module")
def scheduled(orchestration: Orchestration) -> Task:
    """A task that has a schedule and did not run yet."""
    return orchestration.run_scheduled("nightly", "30 2 * * *", time_zone="Asia/Kolkata")


@pytest.fixture(scope="module")
def failed(orchestration: Orchestration) -> Task:
    """A task that ran once, and failed."""
    task = orchestration.run_once("import", {"fail": "no such table"})
    task.wait()
    return task
