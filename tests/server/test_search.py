"""Tags and searches over REST: what can go wrong, and how pages are cut."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from tests.deploying import default_workspace, post


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("tags/assign", {"tag_id": 1}, 400, "got neither"),
        ("tags/assign", {"tag_id": 1, "pipeline_id": 1, "model_version_id": 1}, 400, "got both"),
        ("tags/remove", {"tag_id": 10**9, "pipeline_id": 1}, 404, "Tag 1000000000 does not exist"),
        ("tags/remove", {"tag_id": 10**30, "pipeline_id": 1}, 400, "out of range"),
        ("tags/create", {"tag": ""}, 400, "name of a tag"),
        ("tags/list", {"limit": 0}, 400, "'limit': expected 1 to 1000"),
        ("tags/list", {"limit": 1001}, 400, "'limit'"),
        ("pipelines/search", {"limit": -1}, 400, "'limit'"),
        ("pipelines/search", {"created_end": "soon"}, 400, "'created_end'"),
        ("models/search", {"uploaded_start": "soon"}, 400, "'uploaded_start'"),
        ("models/search", {"deployed": "yes"}, 400, "deployed"),
    ],
)
def test_a_mistake_is_named(client: httpx.Client, path: str, body: dict[str, Any], status: int, said: str) -> None:
    post(client, "tags/create", tag="some tag")
    response = client.post(path, json=body)
    assert response.status_code == status, response.text
    assert said in response.json()["message"]


def test_pages_are_cut_by_key(client: httpx.Client) -> None:
    """What is added or changed between two pages neither repeats nor hides anything (SECURITY D13)."""
    stem = f"keyset-{uuid.uuid4().hex[:8]}"
    workspace_id = default_workspace(client)

    def create(number: int) -> int:
        made = post(client, "pipelines/create", pipeline_id=f"{stem}-{number}", workspace_id=workspace_id)
        pipeline_id: int = made["pipeline_pk_id"]
        return pipeline_id

    made = [create(number) for number in range(4)]
    first = post(client, "pipelines/search", search_term=stem, limit=2)
    create(9)
    create(0)
    second = post(client, "pipelines/search", search_term=stem, limit=2, before=first["next"])
    found = [item["pipeline"]["id"] for page in (first, second) for item in page["pipelines"]]
    assert found == made[::-1]
    assert second["next"] is None


def test_tags_come_page_by_page(client: httpx.Client) -> None:
    stem = f"tags-{uuid.uuid4().hex[:8]}"
    made = [post(client, "tags/create", tag=f"{stem}-{number}") for number in range(3)]
    page = post(client, "tags/list", after=made[0]["id"] - 1, limit=2)
    assert [item["tag"] for item in page["tags"]] == [f"{stem}-0", f"{stem}-1"]
    assert page["next"] == made[1]["id"]
    rest = post(client, "tags/list", after=page["next"])
    assert ([item["id"] for item in rest["tags"]], rest["next"]) == ([made[2]["id"]], None)


def test_a_pipeline_and_a_version_say_their_tags(client: httpx.Client) -> None:
    """Beside what the vendor's client reads, which keeps what it does not know (contract/rest.md)."""
    name = f"said-{uuid.uuid4().hex[:8]}"
    workspace_id = default_workspace(client)
    made = post(client, "pipelines/create", pipeline_id=name, workspace_id=workspace_id)
    tag = post(client, "tags/create", tag=name)
    assert post(client, "tags/assign", tag_id=tag["id"], pipeline_id=made["pipeline_pk_id"]) == {}
    where = {"pipeline_name": name, "workspace_id": workspace_id}
    assert post(client, "pipelines/get_pipeline_by_name", **where)["tags"] == [tag]
