"""A server that holds much: lists are whole however they are read, pages are quick, memory and start stay small.

JUPYTER_WALLAROO_TEST_PIPELINES=10000 does it in full: 50,000 versions and 1,000,000 log records.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import Client
from tests import filling
from tests.benchmarks import pages
from tests.deploying import post, wait_running
from tests.filling import LOGGED, Size

MANY = int(os.environ.get("JUPYTER_WALLAROO_TEST_PIPELINES", "1000"))
VERSIONS, RECORDS = 5 * MANY, 100 * MANY if MANY > 1_000 else 5_000
LIMIT_MS, START_LIMIT_S, MORE_MIB = 2_000.0, 30.0, 150.0
"""Far above what a quiet machine shows (CONTRIBUTING): such tests fail when work grows with what is stored."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, filling.Filled]:
    directory = tmp_path_factory.mktemp("many")
    return directory, filling.fill(directory, Size(MANY, VERSIONS, RECORDS))


@pytest.fixture(scope="module")
def many(filled: tuple[Path, filling.Filled]) -> Iterator[PrivateServer]:
    with PrivateServer(filled[0]) as server:
        yield server


@pytest.fixture(scope="module")
def asking(filled: tuple[Path, filling.Filled], many: PrivateServer) -> Iterator[httpx.Client]:
    with many.client as client:
        wait_running(client, filled[1].deployed.name)  # lists say how it is: it is not to change while they are read
        yield client


def _walk(client: httpx.Client, path: str, name: str, after: int | None = None, **body: Any) -> list[Any]:
    found: list[Any] = []
    while True:
        page = post(client, path, after=after, **body)
        assert 0 < len(page[name]) <= body["limit"]
        found += page[name]
        after = page["next"]
        if after is None:
            return found


@pytest.mark.parametrize(
    ("path", "name", "key"),
    [
        ("pipelines/list_pipelines", "pipelines", lambda item: item["pipeline"]["id"]),
        ("pipelines/overview", "pipelines", lambda item: item["pipeline_id"]),
        ("models/list", "models", lambda item: item["id"]),
    ],
)
def test_a_whole_list_is_its_pages(asking: httpx.Client, path: str, name: str, key: Any) -> None:
    """The vendor's clients send no page fields and get everything at once; others get the same page by page."""
    whole = post(asking, path)
    assert whole["next"] is None
    keys = [key(item) for item in whole[name]]
    assert keys == sorted(set(keys)) and len(keys) == MANY + 1
    assert _walk(asking, path, name, limit=333) == whole[name]
    assert post(asking, path, workspace_id=1) == whole
    assert len(post(asking, path, name="Logged")[name]) == 1
    assert asking.post(path, json={"limit": 0}).status_code == 400
    assert asking.post(path, json={"limit": 1001}).status_code == 400


@pytest.mark.parametrize(
    ("path", "cursor", "key", "asked", "count"),
    [
        ("task/list", "before", "number", {"run_limit": 1}, MANY + 1),
        ("assays/list", "after", "id", {}, MANY + 1),
        ("../../v2/api/assays/get", "after", "number", {"active": "All"}, MANY + 1),
        ("models/list_versions", "after", "id", {"model_id": "MODEL-7"}, VERSIONS // MANY),
    ],
)
def test_a_bare_list_is_its_pages(
    asking: httpx.Client, path: str, cursor: str, key: str, asked: dict[str, Any], count: int
) -> None:
    """What the vendor answers with nothing but entries is asked for further by a number of the last one."""
    whole = post(asking, path, **asked)
    assert len(whole) == count
    assert len({item[key] for item in whole}) == count
    assert [item[key] for item in whole] == sorted((item[key] for item in whole), reverse=cursor == "before")
    limit, found = max(count // 3, 2), []
    while page := post(asking, path, limit=limit, **asked, **({cursor: found[-1][key]} if found else {})):
        assert len(page) <= limit
        found += page
    assert found == whole
    for wrong in (0, 1001):
        assert "'limit': expected 1 to 1000" in asking.post(path, json={"limit": wrong, **asked}).json()["message"]


def test_bare_lists_keep_their_conditions_on_every_page(asking: httpx.Client) -> None:
    """Of another workspace, orchestration or pipeline there is nothing, on whichever page."""
    (task,) = post(asking, "task/list", limit=1)
    assert [run["state"] for run in task["last_runs"]] == ["success", "success"]
    there = {"workspace_id": 1, "orch_id": task["orch_id"], "orch_sha": task["orch_sha"]}
    (behind,) = post(asking, "task/list", limit=1, before=task["number"], **there)
    assert behind["number"] == task["number"] - 1
    assert post(asking, "task/list", killed=True, limit=5) == []
    assert post(asking, "task/list", orch_id=task["id"]) == []
    assert len(post(asking, "assays/list", pipeline_id=1, after=3, limit=2)) == 2
    assert post(asking, "assays/list", pipeline_id=2) == []
    assert post(asking, "../../v2/api/assays/get", active="ActiveOnly", limit=3) == []
    named = post(asking, "../../v2/api/assays/get", active="InactiveOnly", pipeline_name=LOGGED, after=5, limit=1)
    assert [item["number"] for item in named] == [6]


def test_what_a_list_says_of_one_is_so(asking: httpx.Client) -> None:
    """Newest version, versions, deployment and tags belong to the pipeline that they are listed with."""
    listed = post(asking, "pipelines/list_pipelines", limit=500)["pipelines"]
    deployed = [item["pipeline"]["name"] for item in listed if item["deployment"] is not None]
    assert deployed == [LOGGED]
    for item in (listed[0], listed[9], listed[-1]):
        where = {"workspace_id": 1, "pipeline_name": item["pipeline"]["name"]}
        assert post(asking, "pipelines/get_pipeline_by_name", **where) == item
        assert item["pipeline_versions"][0] == item["pipeline_version"]["version"]
        versions = post(asking, "pipelines/list_versions", pipeline_id=item["pipeline"]["id"])["versions"]
        assert [version["version"] for version in versions] == item["pipeline_versions"]
    assert {item["pipeline"]["id"] % 10 == 0 for item in listed[1:] if item["tags"]} == {True}


def test_what_is_made_between_pages_neither_hides_nor_repeats(asking: httpx.Client) -> None:
    first = post(asking, "pipelines/list_pipelines", limit=2)
    made = post(asking, "pipelines/create", pipeline_id="made-between", workspace_id=1)["pipeline_pk_id"]
    rest = _walk(asking, "pipelines/list_pipelines", "pipelines", limit=1000, after=first["next"])
    keys = [item["pipeline"]["id"] for item in first["pipelines"] + rest]
    assert keys == sorted(set(keys)) and keys[-1] == made


def test_a_client_finds_one_among_many(many: PrivateServer) -> None:
    with Client(f"http://127.0.0.1:{many.port}/wallaroo", token=many.token) as client:
        assert client.get_model(LOGGED).name() == LOGGED
        assert client.get_model(f"model-{MANY - 1}").name() == f"model-{MANY - 1}"
        assert [item.name() for item in client.pipelines_by_name(LOGGED)] == [LOGGED]
        assert len(client.list_models()) == MANY + 1
        assert len({task.id() for task in client.list_tasks()}) == MANY + 1
        assert [assay.id() for assay in client.list_assays()] == list(range(1, MANY + 2))
        with pytest.raises(LookupError, match="pipeline-1"):
            client.get_pipeline("pipelin-1")


def test_much_is_quick(filled: tuple[Path, filling.Filled], many: PrivateServer) -> None:
    """Every page, the start and the memory, beside a server that holds nothing."""
    many.stop()
    found = pages.compare(filled[0], filled[1], rounds=5)
    pages.show(found)
    every = found.filled.pages
    slow = {page.name: page.p95_ms for page in every if page.p95_ms > LIMIT_MS and not page.name.endswith("all")}
    assert slow == {}
    assert found.filled.start.wall_s < START_LIMIT_S
    assert found.more_mib < MORE_MIB
