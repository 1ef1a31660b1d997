"""The statements S5-04 … S5-13 of the seed on connections over REST, each a test named by its number."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploying import post


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4()}"


def create(client: httpx.Client, name: str, details: Any = None) -> str:
    return str(post(client, "connections/create", name=name, type="BIGQUERY", details=details or {"a": 1})["id"])


def room(client: httpx.Client) -> tuple[int, str]:
    name = unique("s5")
    return post(client, "workspaces/create", workspace_name=name)["workspace_id"], name


@pytest.mark.parametrize("missing", ["name", "type"])
def test_s5_04_name_and_type_are_required_text(client: httpx.Client, missing: str) -> None:
    body = {"name": unique("s5-04"), "type": "T", "details": {}}
    for wrong in ({key: value for key, value in body.items() if key != missing}, {**body, missing: 3}):
        response = client.post("connections/create", json=wrong)
        assert response.status_code == 400
        assert missing in response.json()["message"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [({}, {}), ({"details": None}, {}), ({"details": '{"a": [1]}'}, {"a": [1]}), ({"details": {"a": [1]}}, {"a": [1]})],
)
def test_s5_04_details_are_an_object_text_of_one_or_absent(client: httpx.Client, given: Any, kept: Any) -> None:
    """A23."""
    name = unique("s5-04")
    post(client, "connections/create", name=name, type="T", **given)
    assert post(client, "connections/get", name=name)["details"] == kept


def test_s5_05_create_answers_a_uuid(client: httpx.Client) -> None:
    made = post(client, "connections/create", name=unique("s5-05"), type="T", details={})
    assert set(made) == {"id"}
    assert str(uuid.UUID(made["id"])) == made["id"]


def test_s5_06_a_used_name_is_409(client: httpx.Client) -> None:
    name = unique("s5-06")
    create(client, name)
    response = client.post("connections/create", json={"name": name, "type": "T", "details": {}})
    assert response.status_code == 409
    assert name in response.json()["msg"]


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("key", ["bigquery_service_account_input_key", "bigquery_service_account_output_key"])
def test_s5_07_a_whole_service_account_key_comes_back_exactly(
    client: httpx.Client, shared_data: Path, key: str, as_text: bool
) -> None:
    """The seed's own key files, multi-line private key and all, with the dataset and table that it adds."""
    details = json.loads((shared_data / "data" / f"{key}.json-example").read_text())
    lines = "\n".join(["-----BEGIN PRIVATE KEY-----", *["MIIE+/=" * 9] * 25, "-----END PRIVATE KEY-----", ""])
    details |= {
        "private_key": lines,
        "dataset": "house",
        "table": "inputs",
        "port": 443,
        "nested": {"deep": [1.0, None]},
    }
    name = unique("s5-07")
    create(client, name, json.dumps(details) if as_text else details)
    response = client.post("connections/get", json={"name": name})
    assert json.dumps(response.json()["details"]) == json.dumps(details)


@pytest.mark.parametrize("form", [int, str])
def test_s5_08_workspace_and_connection_are_required(client: httpx.Client, form: Any) -> None:
    """A24: the workspace's number, or its digits as text."""
    workspace, workspace_name = room(client)
    name = unique("s5-08")
    body = {"workspace_id": form(workspace), "connection_id": create(client, name)}
    for missing in body:
        response = client.post("connections/add_to_workspace", json={k: v for k, v in body.items() if k != missing})
        assert response.status_code == 400
        assert missing in response.json()["message"]
    post(client, "connections/add_to_workspace", **body)
    assert post(client, "connections/get", name=name)["workspace_names"] == [workspace_name]
    assert len(post(client, "connections/list", workspace_id=form(workspace))["connections"]) == 1


@pytest.mark.parametrize("wrong", ["one", "1.0", " 1", "-1", "", "٣", "9" * 40, 1.5, True, [1], None])
def test_s5_08_a_workspace_that_is_no_number_is_refused(client: httpx.Client, wrong: Any) -> None:
    body = {"workspace_id": wrong, "connection_id": create(client, unique("s5-08"))}
    response = client.post("connections/add_to_workspace", json=body)
    assert response.status_code == 400
    assert "workspace_id" in response.json()["message"]


def test_s5_09_a_links_id_is_its_own(client: httpx.Client) -> None:
    workspace, _ = room(client)
    ids = [create(client, unique("s5-09")) for _ in range(2)]
    links = [
        post(client, "connections/add_to_workspace", workspace_id=workspace, connection_id=number)["id"]
        for number in ids
    ]
    assert all(str(uuid.UUID(link)) == link for link in links)
    assert len({*ids, *links}) == 4


def test_s5_10_linking_twice_is_one_link(client: httpx.Client) -> None:
    """A25: with the id that it has."""
    workspace, workspace_name = room(client)
    name = unique("s5-10")
    body = {"workspace_id": workspace, "connection_id": create(client, name)}
    assert post(client, "connections/add_to_workspace", **body) == post(client, "connections/add_to_workspace", **body)
    assert post(client, "connections/get", name=name)["workspace_names"] == [workspace_name]
    assert len(post(client, "connections/list", workspace_id=workspace)["connections"]) == 1


def test_s5_11_unlinking_and_deleting_answer_204(client: httpx.Client) -> None:
    """Without a body; what is gone is 404 the second time."""
    workspace, _ = room(client)
    name = unique("s5-11")
    body = {"workspace_id": workspace, "connection_id": create(client, name)}
    post(client, "connections/add_to_workspace", **body)
    for path, said in (("connections/remove_from_workspace", body), ("connections/delete", {"name": name})):
        done = client.post(path, json=said)
        assert (done.status_code, done.content) == (204, b"")
        gone = client.post(path, json=said)
        assert gone.status_code == 404
        assert name in gone.json()["message"]
    assert post(client, "connections/list", workspace_id=workspace)["connections"] == []
    create(client, name)


def test_s5_11_deleting_ends_the_links(client: httpx.Client) -> None:
    workspace, _ = room(client)
    name = unique("s5-11")
    body = {"workspace_id": workspace, "connection_id": create(client, name)}
    post(client, "connections/add_to_workspace", **body)
    client.post("connections/delete", json={"name": name})
    assert post(client, "connections/list", workspace_id=workspace)["connections"] == []


def test_s5_12_exactly_the_keys_of_the_contract(client: httpx.Client) -> None:
    name = unique("s5-12")
    number = create(client, name)
    keys = {"id", "name", "type", "created_at", "workspace_names", "details"}
    assert set(post(client, "connections/get", name=name)) == keys
    assert set(post(client, "connections/get_by_id", id=number)) == keys
    assert all(set(item) == keys for item in post(client, "connections/list")["connections"])


def test_s5_13_an_unknown_name_is_404_and_the_nearest_is_named(client: httpx.Client) -> None:
    """A26: a client makes its own exception of it; the message names the connection."""
    name = unique("s5-13")
    number = create(client, name)
    for path, body in (
        ("connections/get", {"name": name[:-1]}),
        ("connections/delete", {"name": name[:-1]}),
        ("connections/get_by_id", {"id": str(uuid.uuid4())}),
        ("connections/add_to_workspace", {"workspace_id": 1, "connection_id": "no uuid"}),
    ):
        response = client.post(path, json=body)
        assert response.status_code == 404
        wanted = next(value for value in body.values() if isinstance(value, str))
        assert f"Connection {wanted!r} does not exist." in response.json()["message"]
    response = client.post("connections/get", json={"name": name[:-1]})
    assert response.json()["hint"].startswith(f"Did you mean {name!r}")
    unknown = client.post("connections/add_to_workspace", json={"workspace_id": 10**6, "connection_id": number})
    assert unknown.status_code == 404
    assert "Workspace 1000000" in unknown.json()["message"]
