"""Whoever has a token sends models and bodies that are not what they should be: each is told, nothing breaks for good."""

from __future__ import annotations

import base64
import io
import re
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import framework_models as made
from tests.deploying import (
    Deployed,
    begin_conversion,
    convert,
    definition,
    deploy,
    finish_conversion,
    infer,
    post,
    reference,
    schema_text,
)

RECORDS = {"Content-Type": "application/json; format=pandas-records"}
ARROW = "application/vnd.apache.arrow.file"
GIVES = b"""
import datetime, decimal, uuid
import numpy as np, pandas as pd, pyarrow as pa

class Unspeakable(BaseException):
    def __str__(self):
        raise RuntimeError("not even this")

def raises(error):
    raise error

def deep(levels):
    value = 1.0
    for _ in range(levels):
        value = [value]
    return value

def text(count, offsets, body):
    offsets = pa.py_buffer(np.array(offsets * count, np.int32)[: count + 1].tobytes())
    return pa.Array.from_buffers(pa.string(), count, [None, offsets, pa.py_buffer(body)])

CASES = {
    # refused, each with a sentence
    "fewer rows": lambda n: {"y": [1.0] * (n - 1)},
    "more rows": lambda n: {"y": np.ones(n + 1)},
    "no rows": lambda n: {"y": []},
    "no columns": lambda n: {},
    "nothing": lambda n: None,
    "text": lambda n: "abc",
    "characters": lambda n: {"y": "a" * n},
    "a number": lambda n: {"y": 5},
    "an array without rows": lambda n: {"y": np.array(5.0)},
    "a function": lambda n: {"y": deep},
    "mixed": lambda n: {"y": [1, "a", None][:n]},
    "bytes": lambda n: {"y": [b"ab"] * n},
    "decimals": lambda n: {"y": [decimal.Decimal("1.5")] * n},
    "complex numbers": lambda n: {"y": np.ones(n, complex)},
    "times": lambda n: {"y": [datetime.time(1)] * n},
    "durations": lambda n: {"y": [datetime.timedelta(1)] * n},
    "uuids": lambda n: {"y": [uuid.uuid4()] * n},
    "too large a number": lambda n: {"y": [2**70] * n},
    "objects": lambda n: {"y": [object()] * n},
    "empty objects": lambda n: {"y": [{}] * n},
    "a name twice": lambda n: {1: [1] * n, "1": [2] * n},
    "a field twice": lambda n: pa.Table.from_arrays([pa.array([1] * n)] * 2, ["a", "a"]),
    "half a character": lambda n: {"y": ["\\ud800"] * n},
    "half a character's name": lambda n: {"\\ud800": [1] * n},
    "no UTF-8": lambda n: {"y": text(n, [0, 1, 1, 1], b"\\xff")},
    "offsets beyond": lambda n: {"y": text(n, [0, 10**6, 10**6, 10**6], b"x")},
    "deep lists": lambda n: {"y": [deep(40)] * n},
    "very deep lists": lambda n: {"y": [deep(5000)] * n},
    "other records": lambda n: [{"y": 1}] + [{"z": 2}] * (n - 1),
    "maps": lambda n: {"y": pa.array([[("a", 1)]] * n, pa.map_(pa.string(), pa.int64()))},
    "a path": lambda n: open("/root/.secret/none/x.txt"),
    "SystemExit": lambda n: raises(SystemExit(3)),
    "GeneratorExit": lambda n: raises(GeneratorExit()),
    "an error that cannot be told": lambda n: raises(Unspeakable()),
    # taken
    "nulls": lambda n: {"y": [None] * n},
    "ragged lists": lambda n: {"y": [[1.0] * row for row in range(n)]},
    "dates": lambda n: {"y": [datetime.date(2020, 1, 1)] * n},
    "instants": lambda n: {"y": np.array(["2020-01-01"] * n, "datetime64[ns]")},
    "no instants": lambda n: {"y": np.array(["NaT"] * n, "datetime64[ns]")},
    "half floats": lambda n: {"y": np.ones(n, np.float16)},
    "long floats": lambda n: {"y": np.ones(n, np.longdouble)},
    "the other byte order": lambda n: {"y": np.full(n, 3.0).astype(">f8")},
    "large numbers": lambda n: {"y": np.full(n, 2**64 - 1, np.uint64)},
    "not numbers": lambda n: {"y": [float("nan"), float("inf"), 1.0][:n]},
    "objects with fields": lambda n: {"y": [{"a": 1, "b": [1.0]}] * n},
    "categories": lambda n: pd.DataFrame({"y": pd.Categorical(["a"] * n)}),
    "odd names": lambda n: {"\\u2603": [1] * n, "": [2] * n, "a.b": [3] * n, "x" * 5000: [4] * n, "a\\0b": [5] * n},
    "three thousand columns": lambda n: {str(column): [column] * n for column in range(3000)},
}

def process_data(d):
    names = d["case"]
    return CASES[names[0]](len(names))
"""
_NAMES = re.findall(r'^ {4}"([^"]+)": lambda', GIVES.decode(), re.MULTILINE)
REFUSED, TAKEN = _NAMES[: _NAMES.index("nulls")], _NAMES[_NAMES.index("nulls") :]


@pytest.fixture(scope="module")
def gives(client: httpx.Client) -> Iterator[Deployed]:
    """A step that gives whatever a request asks it for."""
    deployed = deploy(client, "gives", [convert(client, GIVES, "gives", "python", "gives.py")])
    yield deployed
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)


def _told(server: PrivateServer, response: httpx.Response) -> str:
    """Assert that a refusal is a sentence that gives nothing of this machine away; return it."""
    assert 400 <= response.status_code < 500, response.text
    message: str = response.json()["message"]
    _harmless(server, response.text)
    assert len(message) > 20
    return message


def _harmless(server: PrivateServer, text: str) -> None:
    assert str(server.directory) not in text
    assert str(Path(__file__).parents[2]) not in text
    assert "/root/" not in text
    assert server.token not in text


def _pids(client: httpx.Client, deployed: Deployed) -> list[str]:
    status = post(client, "status/get_deployment", name=deployed.name)
    assert status["status"] == "Running"
    return [pod["info"]["labels"]["pid"] for pod in (*status["engines"], *status["sidekicks"])]


@pytest.mark.parametrize("case", REFUSED)
def test_outputs_that_are_refused(server: PrivateServer, client: httpx.Client, gives: Deployed, case: str) -> None:
    """The model is named, its processes go on."""
    before = _pids(client, gives)
    response = client.post(gives.url, json=[{"case": case}] * 3, headers=RECORDS)
    assert "odel 'gives'" in _told(server, response)
    assert _pids(client, gives) == before


@pytest.mark.parametrize("case", TAKEN)
def test_outputs_that_are_taken(client: httpx.Client, gives: Deployed, case: str) -> None:
    """In every format of an answer, and in the log."""
    for accept in (RECORDS["Content-Type"], "application/json", ARROW):
        response = client.post(gives.url, json=[{"case": case}] * 3, headers=RECORDS | {"Accept": accept})
        assert response.status_code == 200, response.text[:500]
    body = {"workspace_id": gives.workspace_id, "pipeline_name": "gives", "page_size": 1}
    response = client.post("pipelines/get_logs", json=body)
    assert response.status_code == 200, response.text[:500]
    assert response.json()[0]["in"]["case"] == case


def test_a_million_rows(client: httpx.Client, gives: Deployed) -> None:
    """In and out, as Arrow."""
    sink = io.BytesIO()
    table = pa.table({"case": ["large numbers"] * 1_000_000})
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    headers = {"Content-Type": ARROW, "Accept": ARROW}
    response = client.post(gives.url, content=sink.getvalue(), headers=headers, params={"dataset[]": "out"})
    assert response.status_code == 200, response.text[:500]
    assert pa.ipc.open_file(response.content).read_all().num_rows == 1_000_000


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "[{}]",
        "[[]]",
        '[{"case": null}]',
        '[{"case": "nulls"}, {"case": 1}]',
        '[{"case": "nulls"}, {}]',
        '[{"other": 1}]',
        '[{"case": "nulls", "x": "\\ud800"}]',
        '[{"case": "nulls", "x": [1, [2]]}]',
        '[{"case": "nulls", "x": {}}]',
        '[{"case": ["nulls"]}]',
    ],
)
def test_bodies_that_are_refused(server: PrivateServer, client: httpx.Client, gives: Deployed, body: str) -> None:
    """By the replica or by the model's own code."""
    _told(server, client.post(gives.url, content=body, headers=RECORDS))


def _fails(server: PrivateServer, client: httpx.Client, name: str, body: bytes, **more: Any) -> str:
    """Upload, and deploy when it comes so far; return why it does not run, or does not answer."""
    more = {"framework": "python", "file_name": "m.py", **more}
    version = finish_conversion(client, begin_conversion(client, body, name, **more))
    if version["status"] == "error":
        _harmless(server, version["error_summary"])
        return str(version["error_summary"])
    return _fails_deployed(server, client, name, version)


def _fails_deployed(server: PrivateServer, client: httpx.Client, name: str, version: dict[str, Any]) -> str:
    ids = {"workspace_id": version["workspace_id"], "pipeline_id": name}
    pipeline = post(client, "pipelines/create", definition=definition(version), **ids)
    number = post(
        client,
        "pipelines/deploy",
        deploy_id=name,
        pipeline_id=pipeline["pipeline_pk_id"],
        pipeline_version_pk_id=pipeline["pipeline_variant_pk_id"],
        models=[reference(version)],
    )["id"]
    try:
        while True:
            status = post(client, "status/get_deployment", name=f"{name}-{number}")
            if status["status"] != "Starting":
                break
            time.sleep(0.02)
        _harmless(server, str(status["details"]))
        if status["status"] == "Error":
            return str(status["details"][0])
        rows = [{"values": [1.0, 2.0]}]
        return _told(server, client.post(f"pipelines/infer/{name}-{number}", json=rows, headers=RECORDS))
    finally:
        post(client, "pipelines/undeploy", deployment_id=number)


def _name(body: bytes) -> str:
    """Return a name for a model that is like no other's."""
    return f"naughty-{zlib.crc32(body)}"


_STEP = b"def process_data(d): return {'y': [1.0] * len(d['values'])}\n"
_DEEP = pa.int8()
for _ in range(60):
    _DEEP = pa.list_(_DEEP)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"def process_data(d) return d", "line 1: expected ':'"),
        (b"x = " + b"-" * 300_000 + b"1", "nested too deep"),
        (b"import no_such\n" + _STEP, "ModuleNotFoundError"),
        (b"def process_data(): return {}", "takes 0 positional arguments"),
        (b"async def process_data(d): return d", "has no function process_data"),
        (b"def process_data(d):\n  yield 1", "the model gave generator"),
        (_STEP + b"process_data = 5", "has no function process_data"),
        (_STEP + b"process_data.__signature__ = 5", "could not be loaded: TypeError"),
        (_STEP + b"raise SystemExit(0)", "SystemExit: 0"),
        (_STEP + b"import os\nos._exit(0)", "exited with status 0 (5 times"),
        (_STEP + b"import os\nos.closerange(3, 4096)", "was lost: "),
        (b"import os\nopen('/root/secret/there')\n" + _STEP, "FileNotFoundError"),
    ],
)
def test_steps_that_cannot_run(server: PrivateServer, client: httpx.Client, source: bytes, said: str) -> None:
    """An error in the version, the deployment or the answer."""
    assert said in _fails(server, client, _name(source), source)


@pytest.mark.parametrize(
    ("schemas", "said"),
    [
        ({"input_schema": pa.schema([("values", pa.list_(pa.string()))])}, "row 0: expected list<item: string>"),
        ({"input_schema": pa.schema([("other", pa.int64())])}, "Column 'other' is missing"),
        ({"input_schema": pa.schema([("values", pa.binary())])}, "has the type binary"),
        ({"input_schema": pa.schema([("values", _DEEP)])}, "at most 32 deep"),
        ({"input_schema": b"\xff\xff\xff\xff" + bytes(40)}, "is not an Arrow schema"),
        ({"output_schema": pa.schema([("y", pa.string())])}, "gave 'y' as double; its output_schema says string"),
        ({"output_schema": pa.schema([("y", pa.float64()), ("z", pa.int8())])}, "its output_schema also has ['z']"),
        ({"output_schema": pa.schema([("y", pa.list_(pa.float64(), 2))])}, "its output_schema says fixed_size_list"),
    ],
)
def test_schemas_that_lie(server: PrivateServer, client: httpx.Client, schemas: Any, said: str) -> None:
    """At the upload where that can be seen, else in the answer."""
    texts = {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else schema_text(value)
        for name, value in schemas.items()
    }
    assert said in _fails(server, client, _name(said.encode()), _STEP, **texts)


def test_tensor_fields_of_another_number_than_the_schema(server: PrivateServer, client: httpx.Client) -> None:
    """The deployment says so; it was an error of ours at each inference."""
    schema = schema_text(pa.schema([("values", pa.list_(pa.float64()))]))
    version = convert(client, _STEP, "fields", "python", "m.py", input_schema=schema)
    post(client, "models/insert_model_config", model_version_id=version["id"], tensor_fields=["a", "b"])
    said = _fails_deployed(server, client, "fields", version)
    assert "has 1 fields; its configuration names 2 tensor_fields: ['a', 'b']" in said


@pytest.mark.parametrize(
    ("requirements", "said"),
    [
        ("--index-url http://x\nnumpy", "not a package with versions"),
        ("no-such-package-anywhere==9", "could not be installed"),
        (b"\xff\xfe\0", "all printable"),
    ],
)
def test_requirements_of_an_archive(
    server: PrivateServer, client: httpx.Client, requirements: str | bytes, said: str
) -> None:
    """As those of the upload's metadata."""
    archive = made.zipped_named({"model.py": made.CUSTOM_SOURCE, "requirements.txt": requirements})
    assert said in _fails(server, client, _name(archive), archive, framework="custom", file_name="c.zip")


def test_file_names_are_only_labels(client: httpx.Client) -> None:
    """Nothing is written where a file says that it belongs."""
    version = convert(client, _STEP, "label", "python", "../../../etc/cron.d/m.py")
    assert version["file_info"]["file_name"] == "m.py"
    deployed = deploy(client, "label", [version])
    assert infer(client, deployed.url, [{"values": 1}]) == [{"y": 1.0}]
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)
