"""The port that engines answer themselves: the same answers, errors and limits as through Jupyter, for the same people."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pyarrow as pa
import pytest

from jupyter_wallaroo.codec import arrow
from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.deploying import Deployed, deploy, post, upload
from tests.server.test_metrics import eventually, reader

RECORDS = "application/json; format=pandas-records"
ARROW = "application/vnd.apache.arrow.file"
TABLE = arrow.write_file(pa.table({"x": pa.array([[1, 2, 3]] * 2, pa.list_(pa.float32()))}))


@pytest.fixture(scope="module")
def deployed(client: httpx.Client) -> Iterator[Deployed]:
    made = deploy(client, f"direct-{uuid.uuid4().hex[:8]}", [upload(client, models.row_sum(3), "m")])
    yield made
    client.post("pipelines/undeploy", json={"deployment_id": made.deployment_id})


def access(client: httpx.Client, deployed: Deployed) -> dict[str, Any]:
    where = {"workspace_id": deployed.workspace_id, "pipeline_name": deployed.pipeline_name}
    found: dict[str, Any] = post(client, "admin/get_pipeline_direct_access", **where)
    assert post(client, "admin/get_pipeline_internal_url", **where)["url"] == found["url"]
    return found


def test_the_address_differs_in_its_port_only(client: httpx.Client, deployed: Deployed) -> None:
    """On the loopback, whatever the caller calls the server."""
    url = urlsplit(access(client, deployed)["url"])
    assert url.path == urlsplit(deployed.url).path
    assert url.hostname == "127.0.0.1"
    assert url.port != urlsplit(deployed.url).port


CASES = {
    "records": (b'[{"x": [1, 2, 3]}]', {"Content-Type": RECORDS}, {}),
    "some fields": (
        b'[{"x": [1, 2, 3]}]',
        {"Content-Type": RECORDS},
        {"dataset[]": ["out", "in"], "dataset.separator": "."},
    ),
    "all but some": (b'[{"x": [1, 2, 3]}]', {"Content-Type": RECORDS}, {"dataset.exclude[]": "metadata"}),
    "tensors": (b'{"tensor": [[1, 2, 3]]}', {}, {}),
    "Arrow": (TABLE, {"Content-Type": ARROW, "Accept": ARROW}, {"dataset[]": "out"}),
    "Arrow in, list out": (TABLE, {"Content-Type": ARROW}, {}),
    "too few numbers": (b'[{"x": [1, 2]}]', {"Content-Type": RECORDS}, {}),
    "no JSON": (b"[", {}, {}),
    "nothing": (b"", {}, {}),
    "no Arrow": (b"ARROW1", {"Content-Type": ARROW}, {}),
    "a form": (b"x=1", {"Content-Type": "application/x-www-form-urlencoded"}, {}),
}
VARYING = ("time", "elapsed", "request_id", "metadata")


def _steady(value: Any) -> Any:
    """Return an answer without what is of one request only."""
    if isinstance(value, dict):
        return {key: _steady(item) for key, item in value.items() if key not in VARYING}
    return [_steady(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", CASES)
def test_both_doors_answer_alike(client: httpx.Client, deployed: Deployed, case: str) -> None:
    """Status, headers that matter, and body, for good requests and bad ones."""
    body, headers, params = CASES[case]
    own = access(client, deployed)
    external = client.post(deployed.url, content=body, headers=headers, params=params)
    direct = httpx.post(
        own["url"],
        content=body,
        headers={**headers, "Authorization": f"Bearer {own['token']}"},
        params=params,
        trust_env=False,
    )
    assert direct.status_code == external.status_code
    for name in ("Content-Type", "X-Content-Type-Options", "Content-Security-Policy"):
        assert direct.headers[name] == external.headers[name]
    if direct.headers["Content-Type"] == ARROW:
        assert pa.ipc.open_file(direct.content).read_all() == pa.ipc.open_file(external.content).read_all()
    else:
        assert _steady(direct.json()) == _steady(external.json())


def test_tokens_of_jupyter_open_it_too(server: PrivateServer, client: httpx.Client, deployed: Deployed) -> None:
    """As tutorials use it; any other is refused, and the deployment's own opens nothing else."""
    own = access(client, deployed)

    def ask(token: str, url: str = own["url"]) -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.post(url, json={"tensor": [[1, 2, 3]]}, headers=headers, trust_env=False).status_code

    kernels = json.loads((server.directory / "data" / "kernel_access.json").read_text())["token"]
    assert [ask(token) for token in (own["token"], server.token, kernels)] == [200, 200, 200]
    assert [ask(token) for token in ("", "wrong", server.token[:-1])] == [401, 401, 401]
    assert ask(own["token"], deployed.url) == 401


def test_the_token_is_shown_nowhere(server: PrivateServer, client: httpx.Client, deployed: Deployed) -> None:
    """Neither in arguments and environments of processes, nor in what is logged or told of the deployment."""
    token = access(client, deployed)["token"]
    httpx.post(access(client, deployed)["url"], json={}, headers={"Authorization": f"Bearer {token}x"}, trust_env=False)
    for process in [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]:
        assert token not in str(process.cmdline())
        assert token not in str(process.environ())
    assert token not in server.log_path.read_text()
    assert token not in str(post(client, "status/get_deployment", name=deployed.name))
    assert not any(
        token.encode() in path.read_bytes() for path in (server.directory / "data").rglob("*") if path.is_file()
    )


def test_what_is_answered_there_is_counted_here(
    server: PrivateServer, client: httpx.Client, deployed: Deployed
) -> None:
    """In metrics and in live figures, by how it ended."""
    read = reader(server, deployed)
    own = access(client, deployed)
    before = read("inference_requests_total", outcome="ok"), read("inference_requests_total", outcome="invalid")
    total = post(client, "pipelines/get_traffic", pipeline_id=deployed.pipeline_id)["total_requests"]
    with httpx.Client(headers={"Authorization": f"Bearer {own['token']}"}, trust_env=False) as direct:
        for _ in range(20):
            assert direct.post(own["url"], json={"tensor": [[1, 2, 3]]}).status_code == 200
        assert direct.post(own["url"], json={"tensor": [[1, 2]]}).status_code == 400
    eventually(lambda: read("inference_requests_total", outcome="ok"), lambda count: count == before[0] + 20)
    eventually(lambda: read("inference_requests_total", outcome="invalid"), lambda count: count == before[1] + 1)
    assert post(client, "pipelines/get_traffic", pipeline_id=deployed.pipeline_id)["total_requests"] == total + 21


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    """Then the internal URL is the server's own, and no engine listens."""
    options = ("--ServerApp.jpserver_extensions=jupyter_wallaroo=True", "--WallarooApp.direct_inference=False")
    with PrivateServer(tmp_path, options=options) as server, server.client as client:
        deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")])
        own = access(client, deployed)
        assert (own["url"], own["token"]) == (deployed.url, None)
        for process in psutil.Process(server.pid).children(recursive=True):
            assert [item for item in process.net_connections("inet") if item.status == psutil.CONN_LISTEN] == []


def test_nobody_is_there_before_it_runs_and_after_it_ended(client: httpx.Client) -> None:
    """Whoever connects is refused at once, and can ask the server why."""
    made = deploy(client, f"brief-{uuid.uuid4().hex[:8]}", [upload(client, models.row_sum(3), "m")])
    own = access(client, made)
    headers = {"Authorization": f"Bearer {own['token']}"}
    assert httpx.post(own["url"], json={"tensor": [[1, 2, 3]]}, headers=headers, trust_env=False).status_code == 200
    client.post("pipelines/undeploy", json={"deployment_id": made.deployment_id})
    until = time.monotonic() + 30
    while True:
        try:
            assert httpx.post(own["url"], headers=headers, trust_env=False, timeout=5).status_code in (400, 401)
        except httpx.TransportError:
            break
        assert time.monotonic() < until
