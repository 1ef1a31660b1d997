"""The statements S2-01 … S2-17 of the seed on connections, as far as they are on the wire, each a test named by its number."""

from __future__ import annotations

import re
import uuid
from typing import Any

import httpx
import pytest

from tests.deploying import post


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4()}"


def create(client: httpx.Client, name: str, **body: Any) -> str:
    made = post(client, "connections/create", **{"name": name, "type": "HTTP", "details": {"url": "u"}, **body})
    assert set(made) == {"id"}
    return str(made["id"])


def room(client: httpx.Client) -> tuple[int, str]:
    name = unique("s2")
    return post(client, "workspaces/create", workspace_name=name)["workspace_id"], name


def listed(client: httpx.Client, **body: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = post(client, "connections/list", **body)["connections"]
    return found


DETAILS: list[dict[str, Any]] = [
    {},
    {"url": "https://example.com/data.json?a=1&b=%20"},
    {"z": 1, "a": {"y": [1, 2.0, -0.0, 1e22, 10**30, None, True, 'ü\n\t"\\\u0000 \U0001f511'], "b": {}}, "": []},
]


@pytest.mark.parametrize("details", DETAILS)
def test_s2_01_name_type_and_details_that_are_any_object(client: httpx.Client, details: dict[str, Any]) -> None:
    name = unique("s2-01")
    create(client, name, type="any type", details=details)
    found = post(client, "connections/get", name=name)
    assert (found["name"], found["type"], found["details"]) == (name, "any type", details)
    assert list(found["details"]) == list(details)


def test_s2_02_details_are_stored_and_nothing_is_opened(client: httpx.Client) -> None:
    """An address where nobody listens is as good as any."""
    name = unique("s2-02")
    create(client, name, details={"url": "http://127.0.0.1:9/", "host": "no.such.host.invalid"})
    assert post(client, "connections/get", name=name)["details"]["host"] == "no.such.host.invalid"


def test_s2_03_a_name_is_unique_over_the_whole_server(client: httpx.Client) -> None:
    """409, whatever the case and whatever workspaces it is linked to; the first one stays as it is."""
    name = unique("s2-03")
    number = create(client, name)
    post(client, "connections/add_to_workspace", workspace_id=room(client)[0], connection_id=number)
    for again in (name, name.upper()):
        refused = client.post("connections/create", json={"name": again, "type": "X", "details": {"other": 1}})
        assert refused.status_code == 409
        assert f"{again!r} exists already" in refused.json()["msg"]
        assert "choose another name" in refused.json()["msg"]
    assert post(client, "connections/get", name=name)["details"] == {"url": "u"}


@pytest.mark.parametrize("kind", ["HTTP", "BIGQUERY", "anything at all", "ünï-<b>", ""])
def test_s2_04_any_type_is_accepted(client: httpx.Client, kind: str) -> None:
    name = unique("s2-04")
    create(client, name, type=kind)
    assert post(client, "connections/get", name=name)["type"] == kind


def test_s2_06_the_list_without_a_workspace_is_of_all(client: httpx.Client) -> None:
    """In the order of creation."""
    names = [unique("s2-06") for _ in range(3)]
    ids = [create(client, name) for name in names]
    post(client, "connections/add_to_workspace", workspace_id=room(client)[0], connection_id=ids[1])
    assert [item["name"] for item in listed(client)][-3:] == names
    assert [item["name"] for item in listed(client, workspace_id=None)][-3:] == names


def test_s2_07_08_one_by_name_with_its_details_in_clear(client: httpx.Client) -> None:
    name = unique("s2-07")
    number = create(client, name, details={"url": "https://example.com"})
    found = post(client, "connections/get", name=name)
    assert found["id"] == number
    assert found["details"]["url"] == "https://example.com"
    assert post(client, "connections/get", name=name.upper()) == found


def test_s2_10_a_workspaces_list_is_in_the_order_of_linking(client: httpx.Client) -> None:
    """[-1] is the one attached last."""
    workspace, _ = room(client)
    names = [unique("s2-10") for _ in range(3)]
    ids = [create(client, name) for name in names]
    create(client, unique("s2-10-other"))
    for place in (2, 0, 1):
        post(client, "connections/add_to_workspace", workspace_id=workspace, connection_id=ids[place])
    assert [item["name"] for item in listed(client, workspace_id=workspace)] == [names[2], names[0], names[1]]
    assert listed(client, workspace_id=room(client)[0]) == []


def test_s2_11_fetched_through_the_workspace_it_is_the_same(client: httpx.Client) -> None:
    """But for the details, which no list has; and it shows the workspace."""
    workspace, workspace_name = room(client)
    name = unique("s2-11")
    number = create(client, name)
    post(client, "connections/add_to_workspace", workspace_id=workspace, connection_id=number)
    by_name = post(client, "connections/get", name=name)
    (in_workspace,) = listed(client, workspace_id=workspace)
    assert by_name["workspace_names"] == [workspace_name]
    assert {**by_name, "details": None} == in_workspace
    assert post(client, "connections/get_by_id", id=in_workspace["id"]) == by_name


def test_s2_14_lists_have_the_key_of_details_and_not_the_details(client: httpx.Client) -> None:
    """S2-12 and A11, with several people, are in tests/services/test_connections.py."""
    workspace, _ = room(client)
    number = create(client, unique("s2-14"), details={"token": "canary-s2-14"})
    post(client, "connections/add_to_workspace", workspace_id=workspace, connection_id=number)
    for body in ({}, {"workspace_id": workspace}):
        response = client.post("connections/list", json=body)
        assert all(item["details"] is None for item in response.json()["connections"])
        assert "canary-s2-14" not in response.text


def test_s2_15_created_at_has_microseconds_and_offset(client: httpx.Client) -> None:
    name = unique("s2-15")
    create(client, name)
    text = post(client, "connections/get", name=name)["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", text)


def test_s2_16_workspace_names_is_an_empty_list_when_there_are_none(client: httpx.Client) -> None:
    name = unique("s2-16")
    create(client, name)
    assert post(client, "connections/get", name=name)["workspace_names"] == []
