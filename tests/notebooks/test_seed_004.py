"""The BigQuery tutorial: its code, top to bottom, in a kernel under the server, with Google's client and an emulator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import connectors
from tests.counterparts import BigQueryService
from tests.kernel import Kernel
from tests.notebooks import seeds

SEED = "004_28f6fc7f67719b2d.txt"
OWN_LINE = 'APIURL = f"https://{wallarooPrefix}.api.{wallarooSuffix}"'
PRICES = [718013.75, 615094.56, 448627.72, 758714.2, 513264.7]
"""What the seed prints for the first five rows of the 1,000."""

# Where the cells find their files, and Google's client its service; neither is said in a cell.
SURROUNDINGS = """
%load_ext jupyter_wallaroo
import os
os.chdir({folder!r})
os.environ.update({environment!r})
"""


def test_the_tutorial_runs_as_written(shared_data: Path, tmp_path: Path, bigquery: BigQueryService) -> None:
    """Only the line that says ``APIURL`` is set to this server; the prices are the seed's."""
    rows = json.loads((shared_data / "data" / "xtest-1k.df.json").read_bytes())
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "rf_model.onnx").write_bytes((shared_data / "models" / "rf_model.onnx").read_bytes())
    for way, table in (("input", "tutorial_inputs"), ("output", "tutorial_outputs")):
        (tmp_path / f"bigquery_service_account_{way}_key.json").write_text(json.dumps(bigquery.key(table)))
    _make_tables(bigquery, rows)
    blocks = seeds.blocks(shared_data, SEED)
    assert sum(OWN_LINE in block for block in blocks) == 1
    with PrivateServer(tmp_path / "server") as server, Kernel(server) as kernel:
        kernel.run(SURROUNDINGS.format(folder=str(tmp_path), environment=bigquery.environment))
        outputs = [kernel.run(block.replace(OWN_LINE, "APIURL = wl.api_endpoint")) for block in blocks]
        first = kernel.value("inference_dataframe_input['tensor'].map(list).tolist()[:1]")
        assert first == [rows[0]["tensor"]]
        prices = kernel.value("[float(price[0]) for price in result['out.variable']]")
        assert len(prices) == len(rows)
        np.testing.assert_allclose(prices[:5], PRICES, rtol=1e-4)
        back = kernel.value(
            "task_inference_results.assign(time=0).map(lambda v: v if isinstance(v, int) else list(v)).to_dict('list')"
        )
    assert sorted(back) == ["check_failures", "in_tensor", "out_variable", "time"]
    assert len(back["out_variable"]) == 5
    known = {tuple(row["tensor"]): price for row, price in zip(rows, prices, strict=True)}
    for tensor, price in zip(back["in_tensor"], back["out_variable"], strict=True):
        np.testing.assert_allclose(price, [known[tuple(tensor)]], rtol=1e-6)
    shown = "".join(output.html + output.plain + output.text for output in outputs)
    key = bigquery.details["private_key"]
    assert key not in shown and key.splitlines()[1] not in shown + server.log_path.read_text()


def _make_tables(service: BigQueryService, rows: list[dict[str, Any]]) -> None:
    """Fill the input table and make an empty output table, as the tutorial's SQL files do."""
    connector = connectors.connector_for("BIGQUERY")
    tensors = pa.array([row["tensor"] for row in rows], pa.list_(pa.float64()))
    connector.write(service.details, pa.table({"tensor": tensors}), "tutorial_inputs", mode="replace")
    outputs = pa.schema(
        [
            ("time", pa.timestamp("us")),
            ("in_tensor", pa.list_(pa.float64())),
            ("out_variable", pa.list_(pa.float64())),
            ("check_failures", pa.int64()),
        ]
    )
    connector.write(service.details, outputs.empty_table(), "tutorial_outputs", mode="replace")
