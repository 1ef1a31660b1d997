"""What Prometheus reads in Jupyter's own ``/metrics``."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.server.metrics import Metrics, outcome_of
from jupyter_wallaroo.services.services import Services
from tests import models
from tests.deploying import Deployed, deploy, post, upload, wait_running

LIMIT_S = 20.0
RECORDS = {"Content-Type": "application/json; format=pandas-records"}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(server: PrivateServer, **headers: str) -> str:
    given = headers or {"Authorization": f"Bearer {server.token}"}
    response = httpx.get(f"http://127.0.0.1:{server.port}/metrics", headers=given, trust_env=False)
    assert response.status_code == 200, response.text
    return response.text


def samples(text: str) -> Samples:
    """Every sample of ours by name and labels; a text that is not Prometheus' format fails here."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("wallaroo_")
    }


def reader(server: PrivateServer, deployed: Deployed) -> Callable[..., float]:
    """Reads one metric of a pipeline; 0 where there is none."""

    def read(name: str, **labels: str) -> float:
        own = {"pipeline": deployed.pipeline_name, "pipeline_id": str(deployed.pipeline_id), **labels}
        return samples(scrape(server)).get((f"wallaroo_{name}", frozenset(own.items())), 0.0)

    return read


def eventually(read: Callable[[], float], wanted: Callable[[float], bool]) -> None:
    until = time.monotonic() + LIMIT_S
    while not wanted(read()):
        assert time.monotonic() < until, read()
        time.sleep(0.05)


@pytest.fixture
def deployed(client: httpx.Client) -> Iterator[Deployed]:
    made = deploy(client, f"measured-{uuid.uuid4().hex[:8]}", [upload(client, models.row_sum(3), "m")])
    yield made
    client.post("pipelines/undeploy", json={"deployment_id": made.deployment_id})


def test_inferences_are_counted_at_the_door(server: PrivateServer, client: httpx.Client, deployed: Deployed) -> None:
    read = reader(server, deployed)
    for rows in (1, 1, 3):
        assert client.post(deployed.url, json=[{"x": [1, 2, 3]}] * rows, headers=RECORDS).status_code == 200
    assert client.post(deployed.url, json=[{"x": [1, 2]}], headers=RECORDS).status_code == 400
    assert client.post(deployed.url, content=b"x", headers={"Content-Type": "text/html"}).status_code == 400
    assert read("inference_requests_total", outcome="ok") == 3
    assert read("inference_requests_total", outcome="invalid") == 2
    assert read("inference_rows_total") == 5
    assert read("inference_seconds_count") == 5
    assert read("inference_seconds_bucket", le="+Inf") == 5
    assert read("inference_seconds_bucket", le="0.0005") < 5
    assert 0 < read("inference_seconds_sum") < 5
    assert read("anomalies_total") == read("inference_queue_depth") == 0


def test_anomalies_are_rows_that_a_validation_marked(server: PrivateServer, client: httpx.Client) -> None:
    version = upload(client, models.row_sum(3), "m")
    deployed = deploy(client, f"marked-{uuid.uuid4().hex[:8]}", [version])
    steps: list[dict[str, Any]] = post(
        client, "pipelines/get_pipeline_by_name", pipeline_name=deployed.pipeline_name, workspace_id=deployed.workspace_id
    )["pipeline_version"]["definition"]["steps"]  # fmt: skip
    import polars as pl

    checks = [
        {"Check": {"tree": [(pl.col("out.y").list.get(0) > bound).alias(name).meta.serialize(format="json")]}}
        for name, bound in (("high", 10.0), ("higher", 20.0))
    ]
    made = post(
        client,
        "pipelines/create",
        pipeline_id=deployed.pipeline_name,
        workspace_id=deployed.workspace_id,
        definition={"steps": [*steps, *checks]},
    )
    post(
        client,
        "pipelines/deploy",
        deploy_id=deployed.pipeline_name,
        pipeline_version_pk_id=made["pipeline_variant_pk_id"],
    )
    read = reader(server, deployed)
    rows = [{"x": [value, 0, 0]} for value in (1, 11, 21, 5)]
    until = time.monotonic() + LIMIT_S
    while client.post(deployed.url, json=rows, headers=RECORDS).json()[0]["anomaly"] == {"count": 0}:
        assert time.monotonic() < until, "the version with validations does not come up"
        time.sleep(0.05)
    assert read("anomalies_total") == 2
    assert read("inference_rows_total") % 4 == 0
    client.post("pipelines/undeploy", json={"deployment_id": deployed.deployment_id})


def test_replicas_and_their_restarts_are_counted(
    server: PrivateServer, client: httpx.Client, deployed: Deployed
) -> None:
    """The count stays when the deployment goes: a counter never falls."""
    read = reader(server, deployed)
    assert (read("replicas_running"), read("replicas_wanted"), read("replica_restarts_total")) == (1, 1, 0)
    status = wait_running(client, deployed.name)
    os.kill(int(status["engines"][0]["info"]["labels"]["pid"]), signal.SIGKILL)
    eventually(lambda: read("replica_restarts_total"), lambda count: count == 1)
    eventually(lambda: read("replicas_running"), lambda count: count == 1)
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)
    assert (read("replicas_wanted"), read("replica_restarts_total")) == (0, 1)


def test_the_log_is_measured(server: PrivateServer, client: httpx.Client, deployed: Deployed) -> None:
    read = reader(server, deployed)
    rows = [{"x": [1.0, 2.0, 3.0]}] * 1000
    assert client.post(deployed.url, json=rows, headers=RECORDS).status_code == 200
    eventually(lambda: read("inference_log_bytes"), lambda size: size > 1000 * 16)


def test_nobody_reads_it_who_is_not_logged_in(server: PrivateServer, deployed: Deployed) -> None:
    """Jupyter's own rule (SECURITY A4)."""
    url = f"http://127.0.0.1:{server.port}/metrics"
    assert httpx.get(url, trust_env=False).status_code == 403
    assert httpx.get(url, headers={"Authorization": "Bearer wrong"}, trust_env=False).status_code == 403


def test_names_are_not_shown_where_anybody_may_read_it(tmp_path: Path) -> None:
    """With ``authenticate_prometheus`` off pipelines have numbers only."""
    options = ("--ServerApp.authenticate_prometheus=False",)
    with PrivateServer(tmp_path, options=options) as server, server.client as client:
        secret = f"secret{uuid.uuid4().hex}"
        deployed = deploy(client, secret, [upload(client, models.row_sum(3), secret)])
        assert client.post(deployed.url, json={"tensor": [[1, 2, 3]]}).status_code == 200
        text = scrape(server, Accept="text/plain")
        assert secret not in text
        own = {"pipeline": "", "pipeline_id": str(deployed.pipeline_id)}
        found = samples(text)
        assert found["wallaroo_inference_requests_total", frozenset({**own, "outcome": "ok"}.items())] == 1
        assert found["wallaroo_replicas_running", frozenset(own.items())] == 1


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "ok"), (400, "invalid"), (413, "invalid"), (408, "timeout"), (503, "refused"), (504, "timeout"),
     (500, "error"), (507, "error")],
)  # fmt: skip
def test_how_requests_end(status: int, outcome: str) -> None:
    assert outcome_of(status) == outcome


def nothing() -> Services:
    """Services with nothing in them."""
    empty = SimpleNamespace(
        supervisor=SimpleNamespace(deployments=[], restarts=dict),
        inference_logs=SimpleNamespace(sizes=dict),
        pipeline_news=SimpleNamespace(names={1: 'a "quoted"\nname'}),
    )
    return cast("Services", empty)


def test_two_servers_in_one_process_never_mix() -> None:
    """The second is refused until the first has gone: the same series twice would spoil both."""
    registry = CollectorRegistry(auto_describe=True)
    first, second = (Metrics(nothing(), shows_names=True) for _ in range(2))
    first.register(registry)
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        second.register(registry)
    second.unregister()
    first.unregister()
    first.unregister()
    second.register(registry)
    second.observe(1, 200, 0.003, 2, 1)
    found = samples(generate_latest(registry).decode())
    labels = frozenset({"pipeline": 'a "quoted"\nname', "pipeline_id": "1", "le": "0.005"}.items())
    assert found["wallaroo_inference_seconds_bucket", labels] == 1


def test_counting_a_request_costs_nothing_to_speak_of() -> None:
    """Less than 5 µs of the 300 that one takes (0.3 on an idle machine)."""
    metrics = Metrics(nothing(), shows_names=True)
    best = 1.0
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(2000):
            metrics.observe(1, 200, 0.003, 1, 0)
        best = min(best, (time.perf_counter() - begun) / 2000)
    assert best < 5e-6


async def test_the_extension_registers_when_it_starts_and_goes_when_it_stops(
    jp_serverapp: Any, jp_server_config: Any, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> None:
    """As often as it is started in one process."""
    from prometheus_client import REGISTRY

    for _ in range(2):
        await jp_serverapp.extension_manager.start_all_extensions()
        assert b"wallaroo_inference_requests" in generate_latest(REGISTRY)
        await jp_serverapp.extension_manager.stop_all_extensions()
        assert b"wallaroo_inference_requests" not in generate_latest(REGISTRY)


@pytest.fixture
def jp_server_config(tmp_path: Path) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_wallaroo": True}},
        "WallarooApp": {"data_directory": str(tmp_path / "data")},
    }
