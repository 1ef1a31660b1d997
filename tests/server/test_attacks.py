"""What a review of the running server tried, and what has to come of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyarrow as pa
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.deploying import Deployed, definition, deploy, post, reference, upload, wait_running
from tests.faults import drill

RECORDS = "application/json; format=pandas-records"
ARROW = "application/vnd.apache.arrow.file"


@pytest.fixture(scope="module")
def summer(client: httpx.Client) -> Iterator[Deployed]:
    """``y = sum(x)`` for three numbers."""
    deployed = deploy(client, "attacked", [upload(client, models.row_sum(3), "attacked-sum")])
    yield deployed
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)


def _engine(client: httpx.Client, deployed: Deployed) -> psutil.Process:
    status = wait_running(client, deployed.name)
    return psutil.Process(int(status["engines"][0]["info"]["labels"]["pid"]))


def test_an_engine_has_no_secret_and_opens_nothing_at_home(
    server: PrivateServer, client: httpx.Client, summer: Deployed
) -> None:
    """Neither Jupyter's token in its environment, nor onnxruntime's telemetry files (SECURITY B2)."""
    engine = _engine(client, summer)
    environment = engine.environ()
    assert not any("TOKEN" in name or server.token in value for name, value in environment.items())
    home = os.path.expanduser("~")
    opened = [file.path for file in engine.open_files()]
    assert all(path.startswith(str(server.directory)) for path in opened if path.startswith(home)), opened
    assert not any("onnxruntime.db" in path for path in opened)


def test_unused_columns_of_changing_type_keep_the_log_readable(client: httpx.Client, summer: Deployed) -> None:
    """Three valid requests whose unused column is a number, a text and a fraction."""
    where = {"pipeline_name": summer.pipeline_name, "workspace_id": summer.workspace_id}
    before = len(post(client, "pipelines/get_logs", **where, order="asc"))
    for value in (1, "a", 1.5):
        body = json.dumps([{"x": [1, 2, 3], "index": value}])
        assert client.post(summer.url, content=body, headers={"Content-Type": RECORDS}).status_code == 200
    seen: list[Any] = []
    cursor = None
    while True:
        response = client.post("pipelines/get_logs", json={**where, "order": "asc", "cursor": cursor})
        assert response.status_code == 200
        seen.extend(row["in"].get("index") for row in response.json())
        cursor = response.headers.get("x-iteration-cursor")
        if cursor is None:
            break
        assert response.headers["x-iteration-status"] == "SchemaChange"
    assert seen[before:] == [1, "a", 1.5]


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_ids_out_of_range_are_refused(client: httpx.Client, number: int) -> None:
    for path, body in (
        ("models/get", {"id": number}),
        ("models/get_version_by_id", {"model_version_id": number}),
        ("workspaces/get", {"id": number}),
        ("pipelines/undeploy", {"deployment_id": number}),
        ("pipelines/create", {"pipeline_id": "x", "workspace_id": number}),
    ):
        response = client.post(path, json=body)
        assert response.status_code in (400, 404), (path, response.text)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("status/get_deployment", {"name": "x-" + "9" * 5000}),
        ("pipelines/get_version", {"version": "x" * 100_000}),
        ("models/list_versions", {"model_id": "x" * 500_000}),
        ("workspaces/get", {"name": "y" * 500_000}),
    ],
)
def test_long_texts_are_refused_shortly(client: httpx.Client, path: str, body: dict[str, Any]) -> None:
    """Neither looked up by likeness nor repeated as a whole."""
    response = client.post(path, json=body)
    assert response.status_code in (400, 404), response.text[:300]
    assert len(response.text) < 2000


def test_a_content_length_of_thousands_of_digits(server: PrivateServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        head = f"POST /wallaroo/v1/api/models/get HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {'9' * 5000}\r\n\r\n"
        connection.sendall(head.encode())
        assert b" 500 " not in connection.recv(100)


def test_a_refused_body_that_never_comes_is_cut_off(server: PrivateServer) -> None:
    """Somebody without a token cannot hold a connection for long."""
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        head = "POST /wallaroo/v1/api/models/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n"
        connection.sendall(head.encode())
        started = time.monotonic()
        connection.recv(1000)
        assert time.monotonic() - started < 10


def test_a_get_takes_no_body(server: PrivateServer) -> None:
    """Announced or not, it is not kept: nobody without a token fills the server's memory."""
    process = psutil.Process(server.pid)
    before = process.memory_info().rss
    for path in ("config", "health"):
        with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
            head = f"GET /wallaroo/v1/api/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {200 * 2**20}\r\n\r\n"
            connection.sendall(head.encode())
            assert connection.recv(20).startswith((b"HTTP/1.1 413", b"HTTP/1.1 401"))
    assert process.memory_info().rss - before < 50 * 2**20


def test_a_refused_copy_writes_nothing(client: httpx.Client, summer: Deployed) -> None:
    body = {"name": "copied", "workspace_id": summer.workspace_id, "source_pipeline": summer.pipeline_id}
    assert client.post("pipelines/copy", json={**body, "deploy": "bad id!"}).status_code == 400
    assert client.post("pipelines/copy", json=body).status_code == 200


def test_a_control_body_over_a_megabyte_is_refused(client: httpx.Client) -> None:
    """It would hold the event loop while it is looked through."""
    response = client.post("workspaces/get", content=b'{"a": [' + b"[]," * 1_400_000 + b"[]]}")
    assert response.status_code == 413


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1], pa.timestamp("ns")),
        pa.array([10**18], pa.timestamp("s")),
        pa.array(["a"], pa.string_view()),
        pa.array([1], pa.duration("ns")),
        pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]),
    ],
)
def test_odd_arrow_columns_are_answered_or_refused(client: httpx.Client, summer: Deployed, column: pa.Array) -> None:
    """And whatever was answered can be read from the log in both formats."""
    table = pa.table({"x": pa.array([[1, 2, 3]], pa.list_(pa.float32())), "extra": column})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    for accept in (ARROW, RECORDS):
        headers = {"Content-Type": ARROW, "Accept": accept}
        response = client.post(summer.url, content=sink.getvalue().to_pybytes(), headers=headers)
        assert response.status_code in (200, 400), response.text
    where = {"pipeline_name": summer.pipeline_name, "workspace_id": summer.workspace_id, "page_size": 2}
    for accept in (ARROW, "*/*"):
        assert client.post("pipelines/get_logs", json=where, headers={"Accept": accept}).status_code == 200


def test_a_body_that_needs_too_much_memory_is_413_and_others_go_on(tmp_path: Path) -> None:
    """30 MB of JSON that become gigabytes of objects: one engine is lost to it, and the deployment is not in Error."""
    with PrivateServer(tmp_path, options=drill.EXTENSION_ONLY) as server, server.client as client:
        version = upload(client, models.row_sum(3), "m")
        made = post(
            client,
            "pipelines/create",
            pipeline_id="p",
            workspace_id=version["workspace_id"],
            definition=definition(version),
        )
        number = post(
            client,
            "pipelines/deploy",
            deploy_id="p",
            pipeline_id=made["pipeline_pk_id"],
            pipeline_version_pk_id=made["pipeline_variant_pk_id"],
            models=[reference(version)],
            engine_config={"engine": {"resources": {"limits": {"memory": "256Mi"}}}},
        )["id"]
        wait_running(client, f"p-{number}")
        time.sleep(1.2)  # a process is taken for sound once it has lived a second with its models
        url = f"pipelines/infer/p-{number}"
        for spaces in range(6):
            body = b'{"tensor": [' + b" " * spaces + b"[]," * 10_000_000 + b"[]]}"
            response = client.post(url, content=body, headers={"Content-Type": "application/json"})
            assert response.status_code in (400, 413), response.text
            wait_running(client, f"p-{number}")
            assert client.post(url, json={"tensor": [[1, 2, 3]]}).status_code == 200
            time.sleep(1.2)


def test_an_engine_that_drains_while_it_is_undeployed_is_not_left_behind(tmp_path: Path) -> None:
    """Deploy, hold a request, deploy again, undeploy: the first version's process goes too."""
    with PrivateServer(tmp_path, options=drill.EXTENSION_ONLY) as server, server.client as client:
        version = upload(client, models.row_sum(3), "m")
        deployed = deploy(client, "p", [version])
        old = _engine(client, deployed)
        old.send_signal(signal.SIGSTOP)

        def ask() -> None:
            with server.client as own:
                own.post(deployed.url, json={"tensor": [[1, 2, 3]]})

        asking = threading.Thread(target=ask)
        asking.start()
        again = post(
            client,
            "pipelines/deploy",
            deploy_id="p",
            pipeline_id=deployed.pipeline_id,
            pipeline_version_pk_id=post(
                client,
                "pipelines/create",
                pipeline_id="p",
                workspace_id=deployed.workspace_id,
                definition=definition(version),
            )["pipeline_variant_pk_id"],
            models=[reference(version)],
        )
        assert again["id"] == deployed.deployment_id
        until = time.monotonic() + 20
        while _engine(client, deployed).pid == old.pid:
            assert time.monotonic() < until
            time.sleep(0.02)
        new = _engine(client, deployed)
        post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)
        old.send_signal(signal.SIGCONT)
        asking.join()
        _, alive = psutil.wait_procs([old, new], 5)
        assert not alive


def test_bodies_of_callers_that_are_gone_still_count(tmp_path: Path) -> None:
    """An engine that does not answer cannot be used to fill the server's memory (SECURITY D1)."""
    options = (*drill.EXTENSION_ONLY, "--WallarooApp.body_budget=2000000")
    with PrivateServer(tmp_path, options=options) as server, server.client as client:
        deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")])
        body = b'{"tensor": [[1, 2, 3]' + b" " * 1_500_000 + b"]}"
        engine = _engine(client, deployed)
        engine.send_signal(signal.SIGSTOP)
        with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
            path = httpx.URL(deployed.url).path
            head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {server.token}\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            time.sleep(0.5)
        refused = client.post(deployed.url, content=body)
        assert refused.status_code == 503
        assert "room" in refused.json()["message"]
        engine.send_signal(signal.SIGCONT)
        until = time.monotonic() + 10
        while client.post(deployed.url, content=body).status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.05)
