"""Goals 3 to 5 of the BigQuery tutorial: its way as an orchestration, run once and on a schedule, with Google's client."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import Client, connectors
from tests.counterparts import BigQueryService
from tests.sdk.conftest import endpoint

PRICES = [718013.75, 615094.56, 448627.72, 758714.2, 513264.7]
"""What the seed prints for the first five rows of the 1,000."""
ROWS = 5
FIRING_LIMIT_S = 100.0
"""A firing every minute, and the time that a run takes on a small machine."""

# What the tutorial's text describes, with the names of the connections as arguments.
MAIN = """
import os

import wallaroo
from google.cloud import bigquery
from google.oauth2 import service_account

wl = wallaroo.Client()
assert wl.in_task()
arguments = wl.task_args()
os.environ.update(arguments["environment"])


def opened(name):
    details = wl.get_connection(name=name).details()
    credentials = service_account.Credentials.from_service_account_info(details)
    return details, bigquery.Client(credentials=credentials, project=details["project_id"])


workspace = wl.get_workspace(arguments["workspace"])
wl.set_current_workspace(workspace)
pipeline = wl.pipelines_by_name(arguments["pipeline"])[0]

details, source = opened(arguments["input"])
frame = source.query(
    f"SELECT tensor FROM {details['dataset']}.{details['table']} ORDER BY number LIMIT {arguments['rows']}"
).to_dataframe(create_bqstorage_client=False)
print(f"read {len(frame)} rows")

result = pipeline.infer(frame)
print(f"first price {result['out.variable'][0][0]:.2f}")

details, target = opened(arguments["output"])
table = target.get_table(f"{details['dataset']}.{details['table']}")
refused = target.insert_rows_from_dataframe(
    table, result.rename(columns={"in.tensor": "in_tensor", "out.variable": "out_variable"})
)
assert not any(refused), refused
print("written")
"""


def test_the_tutorials_orchestration(shared_data: Path, tmp_path: Path, bigquery: BigQueryService) -> None:
    """Once, then two firings of ``* * * * *``; the output table has the rows of each, and a failure tells why."""
    connector = connectors.connector_for("BIGQUERY")
    _make_tables(connector, bigquery, shared_data)
    archive = tmp_path / "houses.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("main.py", MAIN)
    with PrivateServer(tmp_path / "server") as server, Client(endpoint(server), token=server.token) as wl:
        workspace = wl.set_current_workspace(wl.create_workspace("houses"))
        model = wl.upload_model("houses", str(shared_data / "models" / "rf_model.onnx"))
        pipeline = wl.build_pipeline("houses").add_model_step(model).deploy()
        for way in ("input", "output"):
            wl.create_connection(f"houses-{way}", "BIGQUERY", bigquery.key(f"task_{way}s"))
            workspace.add_connection(f"houses-{way}")
        arguments: dict[str, Any] = {
            "workspace": "houses",
            "pipeline": "houses",
            "input": "houses-input",
            "output": "houses-output",
            "rows": ROWS,
            "environment": bigquery.environment,
        }
        orchestration = wl.upload_orchestration(name="houses", path=str(archive))
        _wait(lambda: orchestration.status() == "ready", 60, orchestration.status)

        scheduled = orchestration.run_scheduled(
            name="every-minute", schedule="* * * * *", json_args=arguments, timeout=120
        )
        once = orchestration.run_once(name="once", json_args=arguments, timeout=120)
        wrong = orchestration.run_once(name="wrong", json_args={**arguments, "input": "house-imput"}, timeout=120)

        run = _ended(once)
        assert run.status() == "success", "\n".join(run.logs())
        said = "\n".join(run.logs())
        assert "read 5 rows" in said and "first price 718013.69" in said and "written" in said

        failed = _ended(wrong)
        assert failed.status() == "failure"
        said = "\n".join(failed.logs())
        assert "Traceback (most recent call last)" in said and "main.py" in said and "house-imput" in said
        assert bigquery.details["private_key"].splitlines()[1] not in said

        _wait(lambda: len(_successes(scheduled)) >= 2, 2 * FIRING_LIMIT_S, lambda: _logs(scheduled))
        scheduled.kill()
        pipeline.undeploy()
        fired = len(_successes(scheduled))
    written = connector.read(bigquery.details, "task_outputs")
    assert written.num_rows == ROWS * (1 + fired)
    prices = sorted(price[0] for price in written["out_variable"].to_pylist())
    np.testing.assert_allclose(prices, sorted(PRICES * (1 + fired)), rtol=1e-4)


def _ended(task: Any) -> Any:
    """Return the only run of a task once it has ended."""
    _wait(lambda: [run for run in task.last_runs() if run.status() != "running"], 120, lambda: _logs(task))
    (run,) = task.last_runs()
    return run


def _successes(task: Any) -> list[Any]:
    return list(task.last_runs(status="success"))


def _logs(task: Any) -> list[list[str]]:
    return [run.logs() for run in task.last_runs()]


def _wait(is_so: Callable[[], object], limit_s: float, said: Callable[[], object]) -> None:
    until = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < until, said()
        time.sleep(0.25)


def _make_tables(connector: Any, service: BigQueryService, shared_data: Path) -> None:
    rows = json.loads((shared_data / "data" / "xtest-1k.df.json").read_bytes())
    tensors = pa.array([row["tensor"] for row in rows], pa.list_(pa.float64()))
    table = pa.table({"number": pa.array(range(len(rows)), pa.int64()), "tensor": tensors})
    connector.write(service.details, table, "task_inputs", mode="replace")
    columns = [("time", pa.timestamp("us")), ("in_tensor", pa.list_(pa.float64()))]
    columns += [("out_variable", pa.list_(pa.float64())), ("check_failures", pa.int64())]
    connector.write(service.details, pa.schema(columns).empty_table(), "task_outputs", mode="replace")
