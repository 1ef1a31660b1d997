"""The main job from start to end, on a private server: upload, deploy, infer, read the log, undeploy.

The model tells malignant from benign tumours by 30 measurements of cell nuclei (see `train` for its source and scores).
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pyarrow as pa

from jupyter_wallaroo.demo import DATA_PATH, MODEL_PATH
from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.errors import WallarooError

ARROW = "application/vnd.apache.arrow.file"
RECORDS = "application/json; format=pandas-records"
FLAT = {"dataset[]": "*", "dataset.exclude[]": "metadata", "dataset.separator": "."}
READY_LIMIT_S = 60.0
REPEATS = 20
SHOWN_ROW = 19
"""A tumour that the model is not quite sure of."""


def tour() -> None:
    """Show the main job, printing what goes in, what comes out and how long it takes.

    Raises
    ------
    WallarooError
        A step did not answer as it should.
    """
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="wallaroo-demo-"))
        server = PrivateServer(Path(directory))
        stack.callback(server.stop)
        with _step("start a private Jupyter server"):
            server.start()
        with server.client as client:
            _Tour(client).run()
        with _step("stop the server, remove its files"):
            server.stop()


class _Tour:
    """One walk through the API with an open client."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def run(self) -> None:
        workspace = self._post("workspaces/get", {})["id"]
        with _step(f"upload {MODEL_PATH.name} ({MODEL_PATH.stat().st_size:,} bytes)"):
            version = self._upload(workspace)
        with _step("build a pipeline and deploy it on two engine processes"):
            pipeline, deployment = self._deploy(workspace, version)
        where = {"workspace_id": workspace, "pipeline_name": "tumours"}
        url = self._post("admin/get_pipeline_external_url", where)["url"]
        print(f"\n  It answers at {url}\n")
        self._infer(url)
        with _step("read the inference log"):
            log = self._post("pipelines/get_logs", {**where, "page_size": 5})
        _table("The last five log records", _flattened(log))
        with _step("undeploy"):
            self._post("pipelines/undeploy", {"pipeline_id": pipeline, "deployment_id": deployment})

    def _post(self, path: str, body: Any) -> Any:
        return _checked(self._client.post(path, json=body)).json()

    def _upload(self, workspace: int) -> dict[str, Any]:
        metadata = {"name": "tumour", "workspace_id": workspace, "conversion": {"framework": "onnx"}}
        file = {"file": (MODEL_PATH.name, MODEL_PATH.read_bytes())}
        form = {"metadata": json.dumps(metadata)}
        uploaded = _checked(self._client.post("models/upload", data=form, files=file)).json()
        number = uploaded["insert_models"]["returning"][0]["models"][0]["id"]
        found = self._post("models/get_version_by_id", {"model_version_id": number})
        version: dict[str, Any] = found["model_version"]["model_version"]
        return version

    def _deploy(self, workspace: int, version: dict[str, Any]) -> tuple[int, int]:
        info = version["file_info"]
        model = {"name": version["name"], "version": info["version"], "sha": info["sha"]}
        definition = {"steps": [{"ModelInference": {"models": [model]}}]}
        made = self._post(
            "pipelines/create", {"pipeline_id": "tumours", "workspace_id": workspace, "definition": definition}
        )
        request = {
            "deploy_id": "tumours",
            "pipeline_id": made["pipeline_pk_id"],
            "pipeline_version_pk_id": made["pipeline_variant_pk_id"],
            "models": [model],
            "engine_config": {"engine": {"replicas": 2}},
        }
        deployment = self._post("pipelines/deploy", request)["id"]
        self._wait(f"tumours-{deployment}")
        return made["pipeline_pk_id"], deployment

    def _wait(self, name: str) -> None:
        until = time.monotonic() + READY_LIMIT_S
        while time.monotonic() < until:
            status = self._post("status/get_deployment", {"name": name})
            if status["status"] == "Running":
                return
            if status["status"] == "Error":
                raise WallarooError(f"The deployment failed: {' '.join(status['details'])}")
            time.sleep(0.05)
        raise WallarooError(f"The deployment was not ready after {READY_LIMIT_S:.0f} s.")

    def _infer(self, url: str) -> None:
        with pa.memory_map(str(DATA_PATH)) as source:
            table = pa.ipc.open_file(source).read_all()
        frame = table.to_pandas()
        one, many = (rows.to_json(orient="records").encode() for rows in (frame.iloc[[SHOWN_ROW]], frame))
        arrow_one, arrow_many = _ipc(table.slice(SHOWN_ROW, 1)), DATA_PATH.read_bytes()
        cases = (
            ("JSON", 1, RECORDS, one),
            ("JSON", len(frame), RECORDS, many),
            ("Arrow", 1, ARROW, arrow_one),
            ("Arrow", len(frame), ARROW, arrow_many),
        )
        timings = []
        outputs: dict[tuple[str, int], list[float]] = {}
        for form, rows, media, body in cases:
            with _step(f"infer {rows} row{'' if rows == 1 else 's'} as {form}, {REPEATS} times"):
                answer, milliseconds = self._timed(url, media, body)
            outputs[form, rows] = [row[0] for row in answer["out.malignant"]]
            timings.append({"format": form, "rows": rows, "median ms": milliseconds, "bytes sent": len(body)})
            if form == "JSON" and rows == 1:
                _table("One row in, one row out", answer)
        if outputs["JSON", len(frame)] != outputs["Arrow", len(frame)]:
            raise WallarooError("JSON and Arrow gave different answers.")
        malignant = sum(value > 0.5 for value in outputs["Arrow", len(frame)])
        _table("Latency", pd.DataFrame(timings).round(2))
        print(f"  {malignant} of {len(frame)} tumours are called malignant; JSON and Arrow agree to the last bit.\n")

    def _timed(self, url: str, media: str, body: bytes) -> tuple[pd.DataFrame, float]:
        """Return the answer as a table, and the median of several round trips in ms."""
        headers = {"Content-Type": media, "Accept": media}
        taken = []
        for _ in range(REPEATS):
            started = time.perf_counter()
            response = _checked(self._client.post(url, content=body, headers=headers, params=FLAT))
            taken.append((time.perf_counter() - started) * 1000)
        if media == ARROW:
            return pa.ipc.open_file(response.content).read_all().to_pandas(), statistics.median(taken)
        return pd.DataFrame(response.json()), statistics.median(taken)


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    raise WallarooError(f"{response.request.url.path}: {response.status_code} {response.text[:300]}")


def _ipc(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    body: bytes = sink.getvalue().to_pybytes()
    return body


def _flattened(records: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.json_normalize(records)
    shown = [name for name in frame.columns if name.startswith(("time", "in.", "out.", "anomaly."))]
    return frame[[*shown, "metadata.partition"]]


def _table(title: str, frame: pd.DataFrame) -> None:
    shown = frame.copy()
    if "time" in shown:
        shown["time"] = pd.to_datetime(shown["time"], unit="ms")
    for name in shown.columns:
        if shown[name].map(lambda value: hasattr(value, "__len__") and not isinstance(value, str)).any():
            shown[name] = shown[name].map(_short)
    print(f"\n  {title}")
    print("  " + shown.to_string(index=False).replace("\n", "\n  ") + "\n")


def _short(values: Any) -> str:
    numbers = [f"{value:.4g}" for value in values]
    return f"[{', '.join(numbers[:3])}, … {len(numbers)} values]" if len(numbers) > 3 else f"[{', '.join(numbers)}]"


@contextlib.contextmanager
def _step(name: str) -> Iterator[None]:
    """Say what is being done while it is, and how long it took."""
    begin, again = f"  … {name}", "\r" if sys.stdout.isatty() else ""
    print(begin, end="", flush=True)
    started = time.perf_counter()
    try:
        yield
    except BaseException:
        print(f"{again}  ✗ {name if again else ''}")
        raise
    print(f"{again}  ✓ {name if again else ''}  {time.perf_counter() - started:.2f} s")
