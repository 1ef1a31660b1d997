"""The client where nothing else is: an environment with pandas 2.2 and the client's own few libraries, and no Jupyter."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests.counterparts import environments
from tests.sdk.conftest import endpoint, unique

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ("httpx", "msgspec", "pandas==2.2.*", "pyarrow")

FLOW = """
import importlib.util, json, sys
import jupyter_wallaroo.alias
import wallaroo
import pandas as pd

where, token, model, name = sys.argv[1:]
wl = wallaroo.Client(where, token=token)
wl.set_current_workspace(wl.create_workspace(name))
pipeline = wl.build_pipeline(name).add_model_step(wl.upload_model("summer", model)).deploy()
result = pipeline.infer(pd.DataFrame({"tensor": [[1, 2, 3], [4, 5, 6]]}))
connection = wl.create_connection(name, "FILE", {"path": sys.prefix})
connection.write(result[["out.y"]], name + ".parquet")
back = connection.read(name + ".parquet")
pipeline.undeploy()
print(json.dumps({
    "pandas": pd.__version__,
    "missing": [name for name in ("jupyter_server", "tornado", "onnxruntime", "IPython") if not importlib.util.find_spec(name)],
    "columns": list(result.columns), "types": [str(result["time"].dtype), str(result["check_failures"].dtype)],
    "sums": [list(map(float, row)) for row in back["out.y"]], "logged": len(pipeline.logs()),
}))
"""


def test_the_whole_flow_with_pandas_2(
    server: PrivateServer, model_file: Path, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    """Nothing that the server is made of can be imported there."""
    python = environments.made(environments.cache_of(pytestconfig), "bare", REQUIREMENTS)
    script = tmp_path / "flow.py"
    script.write_text(FLOW)
    done = subprocess.run(
        [python, "-W", "error", script, endpoint(server), server.token, model_file, unique("bare")],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("pandas").startswith("2.2.")
    assert found == {
        "missing": ["jupyter_server", "tornado", "onnxruntime", "IPython"],
        "columns": ["time", "in.tensor", "out.y", "check_failures"],
        "types": ["datetime64[ms]", "int64"],
        "sums": [[6.0], [15.0]],
        "logged": 2,
    }
