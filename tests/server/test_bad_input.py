"""A user's mistake gets a 4xx that names the thing, what was expected and what was got; nothing is written."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow as pa
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.deploying import Deployed, default_workspace, deploy, post, upload, upload_form
from tests.launching import Launcher

RECORDS = "application/json; format=pandas-records"
ARROW = "application/vnd.apache.arrow.file"


@pytest.fixture(scope="module")
def there(launcher: Launcher) -> Iterator[httpx.Client]:
    """A client of a server whose replicas run here or there."""
    with launcher.serving() as (_, client):
        yield client


@pytest.fixture(scope="module")
def summer(there: httpx.Client) -> Deployed:
    """``y = sum(x)`` for three numbers."""
    return deploy(there, "bad-input", [upload(there, models.row_sum(3), "row-sum")])


def _ipc(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


GOOD_ARROW = _ipc(pa.table({"x": pa.array([[1.0, 2.0, 3.0]] * 1000, pa.list_(pa.float32(), 3))}))

BODIES: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "empty body": (RECORDS, b"", ("empty", "JSON")),
    "invalid UTF-8": (RECORDS, b'[{"x": "\xff\xfe"}]', ("UTF-8",)),
    "not JSON": (RECORDS, b"{", ("not valid JSON",)),
    "NaN": (RECORDS, b'[{"x": [1, NaN, 3]}]', ("not valid JSON", "NaN")),
    "100 deep": (RECORDS, b'[{"x": ' + b"[" * 100 + b"1" + b"]" * 100 + b"}]", ("'x'", "nested deeper")),
    "10,000 deep": (RECORDS, b"[" * 10_000 + b"]" * 10_000, ("nested too deep",)),
    "no rows": (RECORDS, b"[]", ("empty list",)),
    "not a list": (RECORDS, b'{"x": [1, 2, 3]}', ("list of objects", "an object")),
    "a row too short": (RECORDS, b'[{"x": [1, 2, 3]}, {"x": [1, 2]}]', ("'x'", "row 1", "3 float32", "2 values")),
    "a row too long": (RECORDS, b'[{"x": [1, 2, 3, 4]}]', ("'x'", "row 0", "3 float32", "4 values")),
    "text for a number": (RECORDS, b'[{"x": [1, 2, "3"]}]', ("'x'", "row 0", "3 float32", "the text '3'")),
    "null": (RECORDS, b'[{"x": [1, 2, null]}]', ("'x'", "null")),
    "a boolean": (RECORDS, b'[{"x": [true, false, true]}]', ("'x'", "True")),
    "a number too large": (RECORDS, b'[{"x": [1e300, 2, 3]}]', ("'x'", "1e+300", "float32")),
    "another column": (RECORDS, b'[{"z": [1, 2, 3]}]', ("'x' is missing", "['z']")),
    "different columns": (RECORDS, b'[{"x": [1, 2, 3]}, {"z": [1, 2, 3]}]', ("Row 1", "['x']", "['z']")),
    "a key twice": (RECORDS, b'[{"x": [1, 2, 3], "x": [1, 2, 3]}]', ("'x' twice",)),
    "tensors of different length": ("application/json", b'{"x": [[1, 2, 3]], "z": [1, 2]}', ("different numbers",)),
    "a tensor that is a number": ("application/json", b'{"x": 1}', ("'x'", "one entry per row")),
    "arrow cut in half": (ARROW, GOOD_ARROW[: len(GOOD_ARROW) // 2], ("not a sound Arrow",)),
    "arrow that is JSON": (ARROW, b'[{"x": [1, 2, 3]}]', ("not a sound Arrow",)),
    "empty arrow body": (ARROW, b"", ("empty",)),
    "arrow without rows": (ARROW, _ipc(pa.table({"x": pa.array([], pa.list_(pa.float32()))})), ("0 rows",)),
    "arrow with a short row": (
        ARROW,
        _ipc(pa.table({"x": pa.array([[1.0, 2, 3], [1.0, 2]], pa.list_(pa.float32()))})),
        ("'x'", "row 1", "2 values"),
    ),
    "arrow with text": (ARROW, _ipc(pa.table({"x": ["a"]})), ("'x'", "string")),
    "arrow with null": (ARROW, _ipc(pa.table({"x": [[1.0, None, 3.0]]})), ("'x'", "null")),
    "another media type": ("text/csv", b"1,2,3", ("text/csv", "application/json")),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_does_not_fit(there: httpx.Client, summer: Deployed, case: str) -> None:
    media, body, named = BODIES[case]
    where = {"pipeline_name": summer.pipeline_name, "workspace_id": summer.workspace_id}
    before = post(there, "pipelines/get_logs", **where, order="asc")
    response = there.post(summer.url, content=body, headers={"Content-Type": media, "Accept": media})
    assert response.status_code == 400, response.text
    message = response.json()["msg"]
    assert all(word in message for word in named), message
    assert post(there, "pipelines/get_logs", **where, order="asc") == before


def test_numbers_that_lose_nothing_are_cast(there: httpx.Client, summer: Deployed) -> None:
    """Doubles and integers are what JSON and pandas have for float32."""
    doubles = _ipc(pa.table({"x": [[0.1, 0.2, 0.3]]}))
    response = there.post(summer.url, content=doubles, headers={"Content-Type": ARROW})
    assert math.isclose(response.json()[0]["outputs"][0]["Float"]["data"][0], 0.6, rel_tol=1e-6)
    assert there.post(summer.url, json={"x": [[1, 2, 3]]}).status_code == 200


CONTROL: dict[str, tuple[str, bytes, int, tuple[str, ...]]] = {
    "unknown workspace": (
        "pipelines/create",
        b'{"pipeline_id": "x", "workspace_id": 999999}',
        404,
        ("Workspace 999999", "does not exist"),
    ),
    "a list": ("workspaces/create", b"[]", 400, ("object", "list")),
    "invalid UTF-8": ("workspaces/create", b'{"workspace_name": "\xff"}', 400, ("UTF-8",)),
    "NaN": ("models/get", b'{"id": NaN}', 400, ("not valid JSON",)),
    "empty body": ("workspaces/create", b"", 400, ("workspace_name",)),
    "100 deep": (
        "pipelines/create",
        b'{"pipeline_id": "x", "workspace_id": 1, "definition": ' + b'{"a":' * 100 + b"1" + b"}" * 101,
        400,
        ("deeper than 64",),
    ),
    "a key twice": ("workspaces/create", b'{"workspace_name": "a", "workspace_name": "b"}', 400, ("twice",)),
    "wrong type": ("workspaces/create", b'{"workspace_name": 5}', 400, ("workspace_name", "str", "int")),
    "a name with markup": ("workspaces/create", b'{"workspace_name": "<b>x</b>"}', 400, ("<b>x</b>", "letters")),
    "a name with a line break": ("workspaces/create", b'{"workspace_name": "a\\nb"}', 400, ("workspace", "letters")),
    "odd order": (
        "pipelines/get_logs",
        b'{"pipeline_name": "x", "workspace_id": 1, "order": "up"}',
        404,
        ("Pipeline 'x'",),
    ),
}


@pytest.mark.parametrize("case", CONTROL)
def test_a_control_request_that_cannot_be(client: httpx.Client, case: str) -> None:
    path, body, status, named = CONTROL[case]
    before = post(client, "workspaces/list")
    response = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status, response.text
    assert all(word in response.json()["msg"] for word in named), response.text
    assert post(client, "workspaces/list") == before


def test_a_name_used_twice(client: httpx.Client) -> None:
    """Names that differ in case only are the same name."""
    name = f"Twice-{uuid.uuid4()}"
    post(client, "workspaces/create", workspace_name=name)
    response = client.post("workspaces/create", json={"workspace_name": name.lower()})
    assert response.status_code == 409
    assert name.lower() in response.json()["message"]


def test_did_you_mean(client: httpx.Client) -> None:
    name = f"forecast-{uuid.uuid4()}"
    post(client, "workspaces/create", workspace_name=name)
    response = client.post("workspaces/get", json={"name": name[:-1]})
    assert response.status_code == 404
    assert f"Did you mean '{name}'" in response.json()["hint"]


UPLOADS: dict[str, tuple[bytes, dict[str, Any], int, tuple[str, ...]]] = {
    "not ONNX": (b"this is a text file", {}, 400, ("bad.onnx", "not an ONNX model")),
    "empty": (b"", {}, 400, ("bad.onnx", "empty")),
    "cut in half": (models.row_sum(3)[:100], {}, 400, ("bad.onnx", "not an ONNX model")),
    "wrong sha": (models.row_sum(3), {"sha": "0" * 64}, 400, ("bad.onnx", "SHA-256", "0" * 64)),
    "unknown workspace": (models.row_sum(3), {"workspace_id": 999_999}, 404, ("Workspace 999999",)),
    "another framework": (models.row_sum(3), {"conversion": {"framework": "abacus"}}, 400, ("abacus", "onnx")),
    "metadata of a wrong type": (models.row_sum(3), {"visibility": 5}, 400, ("visibility", "str")),
}


@pytest.mark.parametrize("case", UPLOADS)
def test_an_upload_that_cannot_be(server: PrivateServer, client: httpx.Client, case: str) -> None:
    """No model version, and no file, is left."""
    body, metadata, status, named = UPLOADS[case]
    before = post(client, "models/list")
    response = upload_form(client, body, "bad", **metadata)
    assert response.status_code == status, response.text
    assert all(word in response.json()["msg"] for word in named), response.text
    assert post(client, "models/list") == before
    assert not list((server.directory / "data" / "blobs" / "incoming").iterdir())


def test_an_upload_without_a_part(client: httpx.Client) -> None:
    said = json.dumps({"name": "x", "workspace_id": default_workspace(client)}).encode()
    for files, missing in (({"file": b"x"}, "metadata"), ({"metadata": (None, said)}, "file")):
        response = client.post("models/upload", files=files)
        assert response.status_code == 400
        assert missing in response.json()["message"]


def test_a_form_without_its_end(client: httpx.Client) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{"name":'
    response = client.post("models/upload", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert response.status_code == 400
    assert "cut off" in response.json()["message"]


def test_an_upload_by_stream_is_the_same_as_by_form(client: httpx.Client) -> None:
    """The bare file in the body, the rest in the query."""
    model = models.row_sum(3)
    query = {"name": "streamed", "filename": "s.onnx", "visibility": "private"}
    query["workspace_id"] = str(default_workspace(client))
    response = client.post("models/upload_stream", content=model, params=query)
    assert response.status_code == 200, response.text
    number = response.json()["insert_models"]["returning"][0]["models"][0]["id"]
    streamed = post(client, "models/get_version_by_id", model_version_id=number)["model_version"]["model_version"]
    by_form = upload(client, model, "formed")
    assert streamed["file_info"]["sha"] == by_form["file_info"]["sha"]
    assert streamed["file_info"]["file_name"] == "s.onnx"
    assert streamed["signature"] == by_form["signature"]


def test_a_time_limit_that_passes_is_504(launcher: Launcher) -> None:
    """And the replica that took too long is replaced; nothing is logged."""
    with launcher.serving("--WallarooApp.request_time_limit_s=1") as (_, client):
        deployed = deploy(client, "slow", [upload(client, models.slow(turns=3_000_000), "slow")])
        response = client.post(deployed.url, json={"tensor": [[1]]})
        assert response.status_code == 504
        assert "1 s" in response.json()["message"]
        assert "'slow'" in response.json()["message"]


def test_an_unknown_route_is_404_with_the_nearest(client: httpx.Client) -> None:
    """In the API's own shape; a stranger is not told."""
    for method in ("GET", "POST", "DELETE"):
        response = client.request(method, "pipelines/creat", json={})
        assert response.status_code == 404
        assert "'pipelines/create'" in response.json()["hint"]
    assert httpx.post(f"{client.base_url}no/such/route", json={}).status_code == 401


def test_messages_show_no_paths_of_the_server(server: PrivateServer, client: httpx.Client) -> None:
    """SECURITY B6."""
    texts = [upload_form(client, b"junk", "junk").text, client.post("models/get", json={"id": 999_999}).text]
    assert not any(str(server.directory) in text for text in texts)


def test_records_survive_as_json_that_others_can_read(there: httpx.Client, summer: Deployed) -> None:
    """An infinite output is null, as JSON has no infinity."""
    body = json.dumps([{"x": [3e38, 3e38, 3e38]}])
    row = there.post(summer.url, content=body, headers={"Content-Type": RECORDS}).json()[0]
    assert row["out"]["y"] == [None]
