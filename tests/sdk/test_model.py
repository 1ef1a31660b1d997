"""Models and their versions: uploaded from disk, configured, found, shown."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pyarrow as pa
import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import Client, Framework
from jupyter_wallaroo.sdk.model import Model
from jupyter_wallaroo.sdk.model_version import ModelVersions
from jupyter_wallaroo.sdk.object import EntityNotFoundError, ModelConversionError, ModelRefused
from jupyter_wallaroo.types import model as wire
from tests import framework_models, models
from tests.sdk.conftest import unique


def rows_of(html: str) -> dict[str, str]:
    cells = re.findall(r"<td>(.*?)</td>", html, re.DOTALL)
    return dict(zip(cells[::2], cells[1::2], strict=True))


def test_s5_16_the_seeds_line_gives_something_usable_as_a_step(wl: Client, model_file: Path) -> None:
    """``wl.upload_model(name, path).configure()``; a path may be text."""
    version = wl.upload_model("seed", str(model_file)).configure()
    assert version.reference() == {
        "name": "seed",
        "version": version.version(),
        "sha": hashlib.sha256(model_file.read_bytes()).hexdigest(),
    }
    assert version.status() == "ready"
    assert version.framework() == "onnx"
    assert version.file_name() == "summer.onnx"
    assert version.config().runtime() == "onnx"
    assert version.image_path() is None
    assert version.arch() == wl.default_arch
    assert str(version.accel()) == "none"
    assert [spec.shape for spec in version.inputs()] == [[None, 3]]
    assert [spec.name for spec in version.outputs()] == ["y"]


def test_configure_returns_the_version_and_takes_effect(wl: Client, model_file: Path) -> None:
    version = wl.upload_model("configured", model_file)
    schema = pa.schema([("x", pa.list_(pa.float32()))])
    assert version.configure("onnx", ["tensor"], input_schema=schema, batch_config="list") is version
    assert version.config().tensor_fields() == ["tensor"]
    assert version.config().batch_config() == "list"
    assert wl.get_model("configured").config().id() == version.config().id()
    with pytest.raises(InvalidRequest, match="one column name per input"):
        version.configure(tensor_fields=["a", "b"])


def test_a_model_waits_for_others_as_it_is_configured(wl: Client, model_file: Path) -> None:
    """The delay arrives where requests are put together; what cannot be is refused before it is stored."""
    version = wl.upload_model(unique("waiting"), model_file)
    version.configure(dynamic_batching_config={"max_batch_delay_ms": 250, "batch_size_target": 4})
    request = wire.GetModelConfig(model_id=version.id())
    stored = wl.api.call("models/get_config_by_id", request, wire.GotModelConfig).model_config.dynamic_batching_config
    assert stored == {"max_batch_delay_ms": 250, "batch_size_target": 4, "batch_size_limit": None}
    pipeline = wl.build_pipeline(unique("waiting")).add_model_step(version).deploy()
    started = time.monotonic()
    assert pipeline.infer(pd.DataFrame({"x": [[1.0, 2.0, 3.0]]}))["out.y"][0] == [6.0]
    assert time.monotonic() - started >= 0.25
    pipeline.undeploy()
    for wrong in ({"max_batch_delay_ms": -1}, {"batch_size_limit": 0}, {"batch_size_target": "4"}):
        with pytest.raises(InvalidRequest, match="dynamic_batching_config"):
            version.configure(dynamic_batching_config=wrong)


def test_s2_21_versions_are_oldest_first(wl: Client, model_file: Path) -> None:
    name = unique("versions")
    first, second = wl.upload_model(name, model_file), wl.upload_model(name, model_file)
    (model,) = [item for item in wl.list_models() if item.name() == name]
    assert isinstance(model, Model)
    assert wl.get_model(name) == second
    assert model.versions() == [first, second]
    assert model.versions()[-1] == second
    assert model.version(first.version()) == first == wl.get_model(name, first.version())
    assert [item.name() for item in wl.list_models()].count(name) == 1
    with pytest.raises(EntityNotFoundError, match="Did you mean"):
        wl.get_model(name[:-1])
    with pytest.raises(EntityNotFoundError, match=f"Version of model '{name}'"):
        wl.get_model(name, "0000")


def test_s2_22_a_version_is_shown_as_in_the_seed(wl: Client, model_file: Path) -> None:
    """With the rows of 2024, and the seed's odd date."""
    version = wl.upload_model("shown", model_file)
    html = version._repr_html_()
    rows = rows_of(html)
    assert list(rows) == [
        "Name", "Version", "File Name", "SHA", "Status", "Image Path",
        "Architecture", "Acceleration", "Updated At", "Workspace id", "Workspace name",
    ]  # fmt: skip
    assert rows["Status"] == "ready"
    assert re.fullmatch(r"\d{4}-\d{2}-[A-Z][a-z]{2} \d{2}:\d{2}:\d{2}", rows["Updated At"])
    assert rows["Workspace name"] == wl.get_current_workspace().name()
    assert html.startswith("<table>\n        <tr>\n          <td>Name</td>\n          <td>shown</td>\n        </tr>\n")
    assert html.endswith("\n      </table>")
    assert repr(version).startswith("{'name': 'shown', 'version': '")
    assert "datetime.datetime(" in repr(version)
    assert versions_of(wl, "shown")._repr_html_().count("<tr>") == 2


def versions_of(wl: Client, name: str) -> ModelVersions:
    return next(model for model in wl.list_models() if model.name() == name).versions()


def test_a_file_name_with_markup_is_escaped(wl: Client, model_file: Path, tmp_path: Path) -> None:
    """Whoever made the file chose its name (SECURITY E1)."""
    hostile = tmp_path / "<img src=x onerror=alert(1)>.onnx"
    hostile.write_bytes(model_file.read_bytes())
    version = wl.upload_model("hostile", hostile)
    assert version.file_name() == hostile.name
    for html in (version._repr_html_(), versions_of(wl, "hostile")._repr_html_()):
        assert "<img" not in html
        assert "&lt;img src=x onerror=alert(1)&gt;.onnx" in html


def test_a_large_file_is_streamed(wl: Client, tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    path.write_bytes(models.large(30 * 2**20))
    version = wl.upload_model("large", path)
    assert version.sha() == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_is_no_model_is_refused(wl: Client, tmp_path: Path) -> None:
    """With the server's reason; catchable as what it is in the server, too."""
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelRefused, match=r"broken\.onnx") as caught:
        wl.upload_model("broken", path)
    assert isinstance(caught.value, InvalidRequest)
    with pytest.raises(InvalidRequest, match="There is no file"):
        wl.upload_model("missing", tmp_path / "missing.onnx")
    with pytest.raises(InvalidRequest, match="There is no file"):
        wl.upload_model("folder", tmp_path)
    (tmp_path / "m.pkl").write_bytes(b"x")
    with pytest.raises(InvalidRequest, match=r"Framework\.SKLEARN"):
        wl.upload_model("pickle", tmp_path / "m.pkl")


# ---------------------------------------------------------------- conversion


class Converting:
    """A server that stands between the client and the real one, and converts: its status goes through ``statuses``."""

    def __init__(self, real: str, statuses: list[str], summary: str | None) -> None:
        import httpx

        self.form = b""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._pass(httpx.get(f"{real}{self.path}", trust_env=False))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or self._chunks()
                kept = ("Authorization", "Content-Type", "Accept")
                headers = {name: self.headers[name] for name in kept if name in self.headers}
                path = self.path
                if path.endswith("upload_and_convert"):
                    outer.form = body
                    body = body.replace(b'"framework":"custom"', b'"framework":"onnx"')
                    path = path.replace("upload_and_convert", "upload")
                answer = httpx.post(f"{real}{path}", content=body, headers=headers, trust_env=False, timeout=120)
                if path.endswith("get_version_by_id") and answer.status_code == 200:
                    status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
                    found = answer.json()
                    found["model_version"]["model_version"] |= {"status": status, "error_summary": summary}
                    self._send(200, msgspec.json.encode(found))
                else:
                    self._pass(answer)

            def _chunks(self) -> bytes:
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)

            def _pass(self, answer: Any) -> None:
                self._send(202 if "upload_and_convert" in self.path else answer.status_code, answer.content)

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever)
        self.endpoint = f"http://127.0.0.1:{self._http.server_port}/wallaroo"

    def __enter__(self) -> Converting:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    @property
    def metadata(self) -> dict[str, Any]:
        found = re.search(rb"\r\n\r\n(\{.*?\})\r\n--", self.form, re.DOTALL)
        assert found is not None
        value: dict[str, Any] = msgspec.json.decode(found[1])
        return value


def _converting(wl: Client, statuses: list[str], summary: str | None = None) -> tuple[Converting, str]:
    token = wl.auth.auth_header()["Authorization"].removeprefix("Bearer ")
    return Converting(wl.api_endpoint.removesuffix("/wallaroo"), statuses, summary), token


def test_other_frameworks_are_converted_and_waited_for(
    wl: Client, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``models/upload_and_convert``, with schemas and a sample, then the status until it is ready."""
    path = tmp_path / "model.zip"
    path.write_bytes(model_file.read_bytes())
    schema = pa.schema([("text", pa.string())])
    between, token = _converting(wl, ["pending_conversion", "converting", "ready"])
    with between, Client(between.endpoint, token=token) as client:
        version = client.upload_model(
            "converted",
            path,
            Framework.CUSTOM,
            schema,
            schema,
            requirements=["polars==1.0"],
            framework_config={"framework": "custom", "config": {"model_path": "./model/"}},
            sample=pd.DataFrame({"text": ["a"] * 1200}),
        )
    assert version.status() == "ready"
    said = between.metadata
    assert said["conversion"]["framework"] == "custom"
    assert said["conversion"]["requirements"] == ["polars==1.0"]
    assert said["conversion"]["framework_config"]["config"] == {"model_path": "./model/"}
    import base64

    assert pa.ipc.read_schema(pa.py_buffer(base64.b64decode(said["input_schema"]))) == schema
    assert said["output_schema"] == said["input_schema"]
    assert said["sample"] == [{"text": "a"}] * 1000
    assert "Waiting for model loading - this will take up to 30.0min. .. ok" in capsys.readouterr().out


def test_a_failed_conversion_says_the_servers_reason(wl: Client, model_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    path.write_bytes(model_file.read_bytes())
    between, token = _converting(wl, ["error"], "no inference class in model.zip")
    with between, Client(between.endpoint, token=token) as client:
        with pytest.raises(ModelConversionError, match=r"\(onnx\) could not be made ready: no inference class"):
            client.upload_model("unconverted", path, "custom")
        version = client.upload_model("unconverted", path, "custom", convert_wait=False)
    assert version.status() == "error"
    assert version.error_summary() == "no inference class in model.zip"


@pytest.mark.parametrize("sample", [[], "text", [1], pd.DataFrame()])
def test_a_sample_has_rows(wl: Client, model_file: Path, sample: Any) -> None:
    with pytest.raises(InvalidRequest, match="sample: expected"):
        wl.upload_model("sampled", model_file, Framework.ONNX, sample=sample)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_models_of_other_frameworks_are_uploaded_converted_and_asked(
    wl: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the real server: one that becomes ONNX, and one that runs in a process of its own."""
    code, _ = framework_models.sklearn_classifier()
    (tmp_path / "flowers.pkl").write_bytes(code)
    features, _ = framework_models.iris()
    sample = pd.DataFrame(features[:5], columns=["a", "b", "c", "d"])
    flowers = wl.upload_model("flowers", tmp_path / "flowers.pkl", Framework.SKLEARN, sample=sample)
    assert flowers.status() == "ready"
    (tmp_path / "step.py").write_text(
        'def process_data(input_data):\n    return {"total": input_data["values"].sum(axis=1)}\n'
    )
    values = pa.schema([("values", pa.list_(pa.float64()))])
    total = pa.schema([("total", pa.float64())])
    step = wl.upload_model("step", tmp_path / "step.py", Framework.PYTHON, values, total)
    pipeline = wl.build_pipeline(unique("step")).add_model_step(step).deploy()
    try:
        result = pipeline.infer(pd.DataFrame({"values": [[1.0, 2.0], [3.0, 4.0]]}))
    finally:
        pipeline.undeploy()
    assert result["out.total"].tolist() == [3.0, 7.0]
    assert "Waiting for model loading" in capsys.readouterr().out
