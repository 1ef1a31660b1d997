"""Connections through the running server: what it keeps to itself, what it refuses, the users of a workspace."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests.deploying import post
from tests.faults import drill

CANARY = "canary-7d1e"
LOUD = (*drill.EXTENSION_ONLY, "--ServerApp.log_level=DEBUG", "--WallarooApp.log_level=DEBUG")


def _bytes_of(directory: Path) -> bytes:
    """Return everything that lies on disk, the database and its write-ahead log included."""
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())


def test_details_are_nowhere_but_in_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on disk, not in a log at DEBUG, not in errors, not in the traceback of a failure (SECURITY B1, B3, B4, B6)."""
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    details = {"token": CANARY, "long": CANARY * 10_000}
    refused: list[httpx.Response] = []
    with PrivateServer(tmp_path, options=LOUD) as server, server.client as client:
        made = {"name": "a", "type": "T", "details": details}
        post(client, "connections/create", **made)
        refused.append(client.post("connections/create", json=made))
        refused.append(client.post("connections/create", json={**made, "name": "b", "details": [CANARY]}))
        refused.append(client.post("connections/create", json={**made, "name": "b", "details": CANARY}))
        refused.append(client.post("connections/create", json={**made, "name": 3}))
        refused.append(client.post("connections/create", json={**made, "name": "<b>"}))
        refused.append(client.post("connections/create", content=b'{"name": "b", "details": {"a": "' + CANARY.encode()))
        assert [response.status_code for response in refused] == [409, 400, 400, 400, 400, 400]
        assert post(client, "connections/get", name="a")["details"] == details
        data = tmp_path / "data"
        assert (data / "wallaroo.db-wal").stat().st_size > len(CANARY) * 10_000
        stored = _bytes_of(data)
        with closing(sqlite3.connect(data / "wallaroo.db")) as vandal:
            vandal.execute("ALTER TABLE connection_details DROP COLUMN nonce")
        for path, body in (("connections/create", {**made, "name": "c"}), ("connections/get", {"name": "a"})):
            refused.append(client.post(path, json=body))
            assert refused[-1].status_code == 500
    log = server.log_path.read_text()
    assert log.count("Traceback") == 2 and log.count("nonce") >= 2
    assert "connections/create refused: conflict" in log
    for place in (stored, log.encode(), _bytes_of(tmp_path), *(response.content for response in refused)):
        assert CANARY.encode() not in place


def test_a_restart_keeps_connections_and_a_lost_key_is_named(tmp_path: Path) -> None:
    """503 with the name and the remedy; the server and the other routes go on."""
    server = PrivateServer(tmp_path, options=drill.EXTENSION_ONLY)
    key = tmp_path / "data" / "secrets.key"
    with server, server.client as client:
        number = post(client, "connections/create", name="a", type="T", details={"x": CANARY})["id"]
        link = post(client, "connections/add_to_workspace", workspace_id=1, connection_id=number)
    with server, server.client as client:
        assert post(client, "connections/get", name="a")["details"] == {"x": CANARY}
        assert post(client, "connections/add_to_workspace", workspace_id=1, connection_id=number) == link
    assert key.stat().st_mode & 0o777 == 0o600
    kept = key.read_bytes()
    key.unlink()
    with server, server.client as client:
        refused = client.post("connections/get", json={"name": "a"})
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) >= 1
        assert "details of connection 'a' cannot be read" in refused.json()["message"]
        assert "'secrets.key' is missing" in refused.json()["message"]
        assert "from a backup" in refused.json()["hint"]
        assert [item["name"] for item in post(client, "connections/list")["connections"]] == ["a"]
        key.write_bytes(kept)
        assert post(client, "connections/get", name="a")["details"] == {"x": CANARY}


WRONG: dict[str, tuple[dict[str, Any], int, tuple[str, ...]]] = {
    "details that are a list": ({"details": [1]}, 400, ("'details'", "object", "list")),
    "details that are a number": ({"details": 3}, 400, ("'details'", "object", "int")),
    "details that are text": ({"details": "{x}"}, 400, ("'details'", "object", "not valid JSON")),
    "text with a key twice": ({"details": '{"a": 1, "a": 2}'}, 400, ("'details'", "'a' twice")),
    "details too deep": ({"details": {"a": [[[[[]]]]]} | {"b": eval("[" * 90 + "]" * 90)}}, 400, ("deeper than 64",)),  # noqa: S307
    "a name with markup": ({"name": "<b>x</b>"}, 400, ("<b>x</b>", "connection", "letters")),
    "no name": ({"name": ""}, 400, ("connection", "letters")),
    "a type that is a number": ({"type": 5}, 400, ("type", "str", "int")),
    "a type too long": ({"type": "x" * 101}, 400, ("'type'", "100", "101")),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_connection_that_cannot_be(client: httpx.Client, case: str) -> None:
    body, status, said = WRONG[case]
    before = post(client, "connections/list")
    response = client.post("connections/create", json={"name": "wrong", "type": "T", "details": {}, **body})
    assert response.status_code == status
    assert all(word in response.json()["msg"] for word in said), response.json()["msg"]
    assert post(client, "connections/list") == before


def test_details_of_nearly_a_megabyte_are_kept_and_larger_ones_refused(client: httpx.Client) -> None:
    large = {"key": "x" * (2**20 - 200), "ü": ["\n"]}
    post(client, "connections/create", name="large", type="T", details=large)
    assert post(client, "connections/get", name="large")["details"] == large
    body = {"name": "larger", "type": "T", "details": {"key": "x" * 2**20}}
    assert client.post("connections/create", json=body).status_code == 413
    client.post("connections/delete", json={"name": "large"})


def test_the_users_of_a_workspace_over_rest(client: httpx.Client) -> None:
    """As the vendor's clients call it: address and id, a url that says nothing, types in any case."""
    (owner,) = post(client, "users/query")["users"].values()
    workspace = post(client, "workspaces/create", workspace_name="users-over-rest")["workspace_id"]
    (listed,) = post(client, "workspaces/list_users", workspace_id=workspace)["users"]
    assert (listed["user_id"], listed["user_type"], listed["email"]) == (owner["id"], "OWNER", owner["email"])
    said = {"workspace_id": workspace, "email": owner["email"], "user_id": owner["id"], "url": "http://localhost:3000"}
    assert post(client, "workspaces/add_user", **said, user_type="owner") == {}
    unknown = client.post("workspaces/add_user", json={"workspace_id": workspace, "email": "nobody@example.com"})
    assert unknown.status_code == 404
    assert "User 'nobody@example.com' does not exist." in unknown.json()["msg"]
    for path in ("workspaces/list_users", "workspaces/add_user", "workspaces/remove_user"):
        missing = client.post(path, json={"workspace_id": 10**6, "email": "x"})
        assert missing.status_code == 404 and "Workspace 1000000" in missing.json()["msg"]
    refused = client.post("workspaces/remove_user", json={"workspace_id": workspace, "email": owner["email"]})
    assert refused.status_code == 400 and "stays its owner" in refused.json()["msg"]
