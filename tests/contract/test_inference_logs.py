"""contract/inference.md, "Logs (SDK path)": what the vendor's clients send for logs, and what they read of the answer."""

from __future__ import annotations

import itertools
import json
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import polars as pl
import pyarrow as pa
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.deploying import Deployed, deploy, post, reference, upload

RECORDS = {"Content-Type": "application/json; format=pandas-records"}
ARROW = {"Accept": "application/vnd.apache.arrow.file"}


class Topics:
    """Speaks as the vendor's client does, of one pipeline."""

    def __init__(self, server: PrivateServer, client: httpx.Client, deployed: Deployed) -> None:
        self.client = client
        self.deployed = deployed
        self.root = server.api_url.removesuffix("/api") + "/logs/topic"
        self.name = post(client, "plateau/get_topic_name", pipeline_pk_id=deployed.pipeline_id)["topic_name"]

    def records(self, iterator: Any = None, topic: str = "", **parameters: Any) -> httpx.Response:
        url = f"{self.root}/{topic or self.name}/records"
        return self.client.post(url, params=parameters, json=iterator or {}, headers=ARROW)

    def page(self, iterator: Any = None, topic: str = "", **parameters: Any) -> tuple[pa.Table, dict[str, Any]]:
        response = self.records(iterator, topic, **parameters)
        assert response.status_code == 200, response.text
        assert response.headers["Content-Type"] == ARROW["Accept"]
        table = pa.ipc.open_file(response.content).read_all()
        return table, json.loads(table.schema.metadata[b"status"])

    def infer(self, *rows: dict[str, Any]) -> int:
        """The time that an inference was answered with, in ms."""
        response = self.client.post(self.deployed.url, json=list(rows), headers=RECORDS)
        assert response.status_code == 200, response.text
        moment: int = response.json()[0]["time"]
        return moment


def wait_for_checks(topics: Topics) -> None:
    until = time.monotonic() + 20
    while "high" not in topics.client.post(
        topics.deployed.url, json=[{"x": [0, 0, 0]}], headers=RECORDS
    ).json()[0]["anomaly"]:  # fmt: skip
        assert time.monotonic() < until, "the version with validations does not come up"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def version(client: httpx.Client) -> dict[str, Any]:
    return upload(client, models.row_sum(3), "logged")


@pytest.fixture
def topics(server: PrivateServer, client: httpx.Client, version: dict[str, Any]) -> Iterator[Topics]:
    deployed = deploy(client, f"logged-{uuid.uuid4().hex[:8]}", [version])
    yield Topics(server, client, deployed)
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)


def values(table: pa.Table) -> list[float]:
    return [cell[0] for cell in table.column("out.y").to_pylist()]


FLAT = {"dataset[]": "*", "dataset.separator": "."}


def test_logs_1_the_topics_name(topics: Topics) -> None:
    """By id, by name, and as the pipeline itself says it."""
    where = {"pipeline_name": topics.deployed.pipeline_name, "workspace_id": topics.deployed.workspace_id}
    for route in ("get_topic_name", "get_pipeline_topic_name"):
        assert post(topics.client, f"plateau/{route}", **where) == {"topic_name": topics.name}
        assert post(topics.client, f"plateau/{route}", pipeline_name=where["pipeline_name"]) == {
            "topic_name": topics.name
        }
    assert post(topics.client, "pipelines/get_pipeline_by_name", **where)["plateau_topic"] == topics.name
    response = topics.client.post("plateau/get_topic_name", json={})
    assert (response.status_code, "pipeline_pk_id" in response.json()["message"]) == (400, True)
    assert topics.client.post("plateau/get_topic_name", json={"pipeline_pk_id": 10**6}).status_code == 404


def test_logs_2_the_newest_without_dates(topics: Topics) -> None:
    for value in range(5):
        topics.infer({"x": [value, 0, 0]})
    table, status = topics.page(**FLAT, order="desc", page_size=3)
    assert values(table) == [4.0, 3.0, 2.0]
    assert table.schema.field("time").type == pa.int64()
    assert status["status"] == "RecordLimited"
    rest, end = topics.page(status["next"], **FLAT, order="desc", page_size=3)
    assert values(rest) == [1.0, 0.0]
    assert end == {"status": "All", "next": None}


def test_logs_2_the_oldest_first_with_dates(topics: Topics) -> None:
    """Without a page size; start inclusive, end exclusive."""
    times = []
    for value in range(4):
        times.append(topics.infer({"x": [value, 0, 0]}))
        time.sleep(0.002)
    start, end = (datetime.fromtimestamp(moment / 1000, UTC) for moment in (times[1], times[3]))
    dates = {"time.start": start.isoformat(), "time.end": end.isoformat()}
    assert values(topics.page(**FLAT, **dates)[0]) == [1.0, 2.0]
    later = {"time.start": (end + timedelta(hours=1)).isoformat()}
    table, status = topics.page(**FLAT, **later)
    assert (table.num_rows, status) == (0, {"status": "All", "next": None})


def test_logs_2_the_dataset_is_chosen_on_the_server(topics: Topics) -> None:
    topics.infer({"x": [1, 2, 3]})
    assert topics.page(**FLAT)[0].column_names[:4] == ["time", "in.x", "out.y", "anomaly.count"]
    assert "metadata.last_model" in topics.page(**FLAT)[0].column_names
    narrow = {"dataset[]": ["time", "out"], "dataset.separator": "."}
    assert topics.page(**narrow)[0].column_names == ["time", "out.y"]
    without = {**FLAT, "dataset.exclude[]": ["metadata", "in"]}
    assert topics.page(**without)[0].column_names == ["time", "out.y", "anomaly.count"]
    nested, _ = topics.page(**{"dataset[]": "*"})
    assert nested.column_names == ["time", "in", "out", "anomaly", "metadata"]
    assert nested.column("in").to_pylist() == [{"x": [1.0, 2.0, 3.0]}]


def test_logs_2_an_empty_log_is_an_empty_page(topics: Topics) -> None:
    table, status = topics.page(**FLAT, order="desc", page_size=100)
    assert (table.num_rows, status["status"]) == (0, "All")


def test_logs_3_a_change_of_schema_begins_a_page(topics: Topics) -> None:
    """So that an export can begin a file for each."""
    topics.infer({"x": [1, 0, 0]}, {"x": [2, 0, 0]})
    topics.infer({"x": [3, 0, 0], "note": "n"})
    topics.infer({"x": [4, 0, 0]})
    seen = []
    iterator: Any = {}
    while iterator is not None:
        table, status = topics.page(iterator, **FLAT)
        seen.append((status["status"], values(table)))
        iterator = status["next"]
    assert seen == [("SchemaChange", [1.0, 2.0]), ("SchemaChange", [3.0]), ("All", [4.0])]


def test_logs_5_a_record_is_there_at_once_with_the_answers_time(topics: Topics) -> None:
    for value in range(3):
        moment = topics.infer({"x": [value, 0, 0]})
        table, _ = topics.page(**FLAT, order="desc", page_size=1)
        assert (table.column("time").to_pylist(), values(table)) == ([moment], [value])


def test_logs_6_partitions_and_positions(topics: Topics) -> None:
    """As ``get_raw_logs``: the last of each partition's span, page after page until there is no next."""
    for value in range(7):
        topics.infer({"x": [value, 0, 0]})
    partitions = topics.client.get(f"{topics.root}/{topics.name}").json()["partitions"]
    assert [(span["start"], span["end"]) for span in partitions.values()] == [(0, 7)]
    iterator: Any = {name: max(0, span["end"] - 5) for name, span in partitions.items()}
    found: list[float] = []
    while iterator is not None:
        table, status = topics.page(iterator, **FLAT, page_size=2)
        found += values(table)
        iterator = status["next"]
    assert found == [2.0, 3.0, 4.0, 5.0, 6.0]
    first, _ = topics.page(dict.fromkeys(partitions, 0), **FLAT, page_size=1, order="asc")
    assert values(first) == [0.0]


def test_failures_are_a_topic_of_their_own(topics: Topics, client: httpx.Client, version: dict[str, Any]) -> None:
    """``-failures`` at the end of the name: records that a validation marked (``valid=False``)."""
    tree = (pl.col("out.y").list.get(0) > 10).alias("high").meta.serialize(format="json")
    steps = [{"ModelInference": {"models": [reference(version)]}}, {"Check": {"tree": [tree]}}]
    made = post(
        client,
        "pipelines/create",
        pipeline_id=topics.deployed.pipeline_name,
        workspace_id=topics.deployed.workspace_id,
        definition={"steps": steps},
    )
    deploy_id = topics.deployed.name.rpartition("-")[0]
    post(client, "pipelines/deploy", deploy_id=deploy_id, pipeline_version_pk_id=made["pipeline_variant_pk_id"])
    wait_for_checks(topics)
    topics.infer(*({"x": [value, 0, 0]} for value in (1, 20, 3, 40)))
    failures = f"{topics.name}-failures"
    table, _ = topics.page(topic=failures, **FLAT, order="desc", page_size=100)
    assert sorted(values(table)) == [20.0, 40.0]
    assert table.column("anomaly.high").to_pylist() == [True, True]
    where = {"pipeline_name": topics.deployed.pipeline_name, "workspace_id": topics.deployed.workspace_id}
    for valid, wanted in ((False, [20.0, 40.0]), (True, [1.0, 3.0])):
        rows = post(client, "pipelines/get_logs", **where, valid=valid, page_size=4)
        assert sorted(row["out"]["y"][0] for row in rows if row["in"]["x"][0]) == wanted


@pytest.mark.parametrize(
    ("parameters", "iterator", "said"),
    [
        ({"order": "up"}, {}, "'order'"),
        ({"page_size": "many"}, {}, "page_size"),
        ({"page_size": 0}, {}, "'page_size'"),
        ({"time.start": "yesterday"}, {}, "'time.start'"),
        ({}, {"elsewhere": 3}, "no iterator"),
        ({}, {"cursor": "x"}, "was not made by this log"),
        ({}, {"log": -1}, "no iterator"),
        ({"order": "desc"}, {"log": 1}, "oldest first"),
    ],
)
def test_a_mistake_is_named(topics: Topics, parameters: dict[str, Any], iterator: Any, said: str) -> None:
    response = topics.records(iterator, **parameters)
    assert response.status_code == 400
    assert said in response.json()["message"]


def test_a_topic_that_is_none_is_not_found(topics: Topics) -> None:
    for name in ("model-m-inference", "workspace-1-pipeline-nothing-inference", "x", f"workspace-{'9' * 17}-pipeline-p-inference"):  # fmt: skip
        assert topics.records(topic=name).status_code == 404
        response = topics.client.get(f"{topics.root}/{name}")
        assert response.status_code == 404, name
        assert response.json()["message"]


def test_reading_never_blocks_writing(topics: Topics) -> None:
    """A reader that walks the log again and again, while inferences go on: none waits for it, none is missed."""
    stop = threading.Event()
    walks = []

    def walk() -> None:
        while not stop.is_set():
            walks.append(topics.page(**FLAT)[0].num_rows)

    reader = threading.Thread(target=walk)
    reader.start()
    try:
        slowest = 0.0
        for value in range(200):
            begun = time.perf_counter()
            topics.infer({"x": [value, 0, 0]})
            slowest = max(slowest, time.perf_counter() - begun)
    finally:
        stop.set()
        reader.join()
    assert values(topics.page(**FLAT)[0]) == [float(value) for value in range(200)]
    assert all(earlier <= later for earlier, later in itertools.pairwise(walks))
    assert len(walks) > 3
    assert slowest < 1.0
