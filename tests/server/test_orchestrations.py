"""Orchestrations over REST, as the vendor's clients call it: from the upload to the end (S5-29 … S5-33)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import shutil
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.server.events import SCHEMA_IDS
from tests.archives import archive, orchestration
from tests.deploying import default_workspace, post
from tests.faults.drill import EXTENSION_ONLY, assert_gone, children, kills
from tests.orchestrating import send, settled, uploaded
from tests.package_index import PackageIndex
from tests.server.test_events import heard

LIMIT_S = 60.0
KILLS = kills(1)
OF_2023 = {
    "id",
    "name",
    "workspace_id",
    "sha",
    "file_name",
    "task_id",
    "owner_id",
    "status",
    "created_at",
    "updated_at",
}
OF_2026 = OF_2023 | {"created_by", "file_size", "image_path"}


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    with PackageIndex() as opened:
        yield opened


@pytest.fixture(scope="module")
def private(
    index: PackageIndex, server: PrivateServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateServer]:
    """A server whose pip asks `index` and nobody else, whenever it is started; the shared ``server`` runs before."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in index.settings.items():
            patch.setenv(name, value)
        with PrivateServer(tmp_path_factory.mktemp("private"), options=EXTENSION_ONLY) as running:
            yield running


def _unique() -> str:
    return f"o{uuid.uuid4().hex[:8]}"


def test_s5_32_a_life(server: PrivateServer, client: httpx.Client) -> None:
    """Uploaded, packaged, listed in both generations' forms, downloaded (by a link, too), deleted."""
    token = server.token
    name, body = _unique(), orchestration(None, ("data/ü.txt", b"1"))
    identifier = uploaded(client, body, name, file_name="böse; 'näme'.zip")
    found = settled(client, identifier)
    assert uuid.UUID(found["id"])
    assert (found["status"], found["error"], found["entry"]) == ("ready", None, "main.py")
    assert (found["sha"], found["file_size"]) == (hashlib.sha256(body).hexdigest(), len(body))
    assert (found["name"], found["file_name"], found["task_id"]) == (name, "böse; 'näme'.zip", None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", found["created_at"])
    workspace = default_workspace(client)
    listed = post(client, "orchestration/list", workspace_id=workspace)
    assert listed[0]["id"] == identifier
    assert listed[0].keys() >= OF_2026
    everything = post(client, "orchestration/list_all", workspace_ids=[], task_run_status=[])["orchestrations"]
    assert everything[0]["orchestration"] == listed[0]
    assert everything[0]["tasks"] == []
    assert everything[0]["workspace"]["id"] == workspace
    assert everything[0]["workspace"].keys() >= {"id", "name", "archived", "created_at"}
    response = client.get("orchestration/download", params={"id": identifier})
    assert (response.status_code, response.content) == (200, body)
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"] == (
        f"attachment; filename=\"{identifier}.zip\"; filename*=UTF-8''b%C3%B6se%3B%20%27n%C3%A4me%27.zip"
    )
    linked = httpx.get(str(response.url), params={"id": identifier, "token": token}, trust_env=False)
    assert linked.content == body
    assert httpx.get(str(response.url), trust_env=False).status_code == 401
    request: dict[str, Any] = {"orchestrations": [identifier]}
    would = post(client, "orchestration/delete_orchestrations", **request, confirm_delete=False)
    assert would == {"bytes": len(body)}
    assert post(client, "orchestration/get_by_id", id=identifier)["status"] == "ready"
    assert post(client, "orchestration/delete_orchestrations", **request) == {"bytes": len(body)}
    for path, asked in (("get_by_id", {"id": identifier}), ("delete_orchestrations", request)):
        response = client.post(f"orchestration/{path}", json=asked)
        assert response.status_code == 404, path
        assert identifier in response.json()["message"]
    assert client.get("orchestration/download", params={"id": identifier}).status_code == 404


def test_an_archive_that_two_have_is_kept_for_the_other(client: httpx.Client) -> None:
    """Its bytes are free when the last one goes."""
    body = orchestration(None, ("note.txt", _unique().encode()))
    first, second = uploaded(client, body, None), uploaded(client, body, None)
    assert post(client, "orchestration/delete_orchestrations", orchestrations=[first]) == {"bytes": 0}
    assert client.get("orchestration/download", params={"id": second}).content == body
    assert settled(client, second)["name"] is None
    assert post(client, "orchestration/delete_orchestrations", orchestrations=[second]) == {"bytes": len(body)}


def test_nothing_is_deleted_when_one_does_not_exist(client: httpx.Client) -> None:
    identifier = uploaded(client, orchestration(), _unique())
    request = {"orchestrations": [identifier, str(uuid.uuid4())]}
    assert client.post("orchestration/delete_orchestrations", json=request).status_code == 404
    assert settled(client, identifier)["status"] == "ready"


@pytest.mark.parametrize("as_file", [True, False])
def test_metadata_before_and_after_the_file(client: httpx.Client, as_file: bool) -> None:
    """As a field or as a file, in either order."""
    said = json.dumps({"workspace_id": default_workspace(client)})
    metadata = ("metadata", ("m.json" if as_file else None, said, "application/json"))
    file = ("file", ("a.zip", orchestration(), "application/octet-stream"))
    for parts in ([metadata, file], [file, metadata]):
        assert client.post("orchestration/upload", files=parts).status_code == 202


@pytest.mark.parametrize(
    ("metadata", "status", "reason"),
    [
        ({"workspace_id": 10**6}, 404, "Workspace 1000000 does not exist"),
        ({"workspace_id": "x"}, 400, "workspace_id"),
        ({}, 400, "workspace_id"),
        ({"workspace_id": 1, "name": "../x"}, 400, "cannot be the name of an orchestration"),
    ],
)
def test_metadata_that_is_wrong(client: httpx.Client, metadata: dict[str, Any], status: int, reason: str) -> None:
    files = {"metadata": (None, json.dumps(metadata), "application/json"), "file": ("a.zip", orchestration(), "a/b")}
    response = client.post("orchestration/upload", files=files)
    assert response.status_code == status
    assert reason in response.json()["message"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("..", "nightly.zip"),
        ("", "nightly.zip"),
        ("../../etc/x.zip", "x.zip"),
        ("a\u202e.zip", "a\u202e.zip"),
        ("x" * 300, "x" * 100),
    ],
)
def test_file_names_are_names(client: httpx.Client, given: str, kept: str) -> None:
    """Never a path (SECURITY C12, D10)."""
    found = settled(client, uploaded(client, orchestration(), file_name=given))
    assert found["file_name"] == kept
    assert client.get("orchestration/download", params={"id": found["id"]}).status_code == 200


def test_an_archive_over_the_limit_is_not_read(server: PrivateServer) -> None:
    """More than 200 MiB, told before it is sent."""
    with socket.create_connection(("127.0.0.1", server.port), LIMIT_S) as connection:
        head = (
            f"POST /wallaroo/v1/api/orchestration/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer "
            f"{server.token}\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: {200 * 2**20 + 1}\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_s5_32_what_cannot_be_installed_says_why(private: PrivateServer, index: PackageIndex) -> None:
    """The installer's words are the error, all of them the log, without what an index is paid with."""
    with private.client as client:
        found = settled(client, uploaded(client, orchestration("no-such-package==1.0\n")))
        assert found["status"] == "error"
        assert "No matching distribution found for no-such-package==1.0" in found["error"]
        assert "ERROR: No matching distribution found for no-such-package==1.0" in found["log"]
        assert "correct-horse" not in json.dumps(found)
        assert str(private.directory) not in json.dumps(found)
        index.add("needed", "1.0")
        found = settled(client, uploaded(client, orchestration("needed\n")))
        assert (found["status"], found["requirements"]) == ("ready", ["needed"])
        assert "Successfully installed needed-1.0" in found["log"]
        index.wheels.clear()
        again = settled(client, uploaded(client, orchestration("needed # the same\n")))
        assert (again["status"], again["log"]) == ("ready", found["log"])


def test_a_requirement_from_the_registry(client: httpx.Client) -> None:
    """A small package that this server does not have, by whatever index pip is set to."""
    found = settled(client, uploaded(client, orchestration("inflection==0.5.1\n")))
    assert found["status"] == "ready", found["log"]
    assert "Successfully installed inflection-0.5.1" in found["log"]


def test_packaging_is_told_live(private: PrivateServer, index: PackageIndex) -> None:
    """Each status is an event, and `packaging` is what it is while pip waits; nothing waits for it that needs nothing."""
    index.add("needed", "2.0")
    index.asked.clear()
    index.gate.clear()
    kept: list[str] = []

    def act() -> None:
        with private.client as client:
            kept.append(uploaded(client, orchestration("needed==2.0\n"), "slow"))
            assert index.asked.wait(LIMIT_S)
            assert post(client, "orchestration/get_by_id", id=kept[0])["status"] == "packaging"
            assert settled(client, uploaded(client, orchestration(), "quick"))["status"] == "ready"
            index.gate.set()
            settled(client, kept[0])
            post(client, "orchestration/delete_orchestrations", orchestrations=kept)

    events = heard(private, act, lambda event: event["status"] == "deleted")
    assert {event["schema_id"] for event in events} <= set(SCHEMA_IDS.values())
    told = [event["status"] for event in events if event["orchestration_id"] == kept[0]]
    assert told == ["pending_packaging", "packaging", "ready", "deleted"]
    assert {event["orchestration"] for event in events} == {"slow", "quick"}


def _killed_while_uploading(private: PrivateServer, acknowledged: dict[str, bytes]) -> list[psutil.Process]:
    """Kill a server at any moment while four clients upload; return its processes."""

    def upload_on() -> None:
        with private.client as client:
            while True:
                body = orchestration(None, ("note.txt", uuid.uuid4().bytes))
                try:
                    response = send(client, body, workspace_id=1)
                except httpx.TransportError:
                    return
                if response.status_code == 202:
                    acknowledged[response.json()["id"]] = body

    threads = [threading.Thread(target=upload_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(random.uniform(0.2, 1.2))
    left = children(private)
    private.kill()
    for thread in threads:
        thread.join()
    return left


def test_what_a_kill_cut_off_is_packaged_at_the_next_start(private: PrivateServer, index: PackageIndex) -> None:
    """Acknowledged is kept; the killed server's installer is gone, and so is what it had begun.

    So is an environment that is lost, as after an upgrade of Python, whose environments are of no use any more.
    """
    index.add("needed", "3.0")
    index.asked.clear()
    index.gate.clear()
    body = orchestration("needed==3.0\n")
    environments, incoming = (private.directory / "data" / name for name in ("environments", "orchestrations/incoming"))
    before = set(environments.iterdir())
    with private.client as client:
        acknowledged = {uploaded(client, body, f"o{number}"): body for number in range(4)}
        assert index.asked.wait(LIMIT_S)
    for _ in range(KILLS):
        left = _killed_while_uploading(private, acknowledged)
        assert_gone(left)
        private.start()
    index.gate.set()
    with private.client as client:
        listed = post(client, "orchestration/list_all")["orchestrations"]
        assert {item["orchestration"]["id"] for item in listed} >= acknowledged.keys()
        for identifier, sent in acknowledged.items():
            assert settled(client, identifier)["status"] == "ready"
            assert client.get("orchestration/download", params={"id": identifier}).content == sent
    print(f"{KILLS} kills: {len(acknowledged)} acknowledged, none lost")
    assert list(incoming.iterdir()) == []
    (made,) = set(environments.iterdir()) - before
    private.stop()
    shutil.rmtree(made)
    private.start()
    waiting = threading.Event()
    for _ in range(600):
        if made.exists():
            break
        waiting.wait(0.1)
    assert (made / "bin" / "python").exists()
    with private.client as client:
        assert settled(client, next(iter(acknowledged)))["status"] == "ready"


def test_many_at_once(client: httpx.Client) -> None:
    """Forty uploads by eight clients: each is one orchestration, and each is ready."""
    workspace = post(client, "workspaces/create", workspace_name=_unique())["workspace_id"]

    async def upload_all() -> list[str]:
        loop = asyncio.get_running_loop()
        bodies = [archive(("main.py", f"print({number})".encode())) for number in range(40)]
        gate = asyncio.Semaphore(8)

        async def one(body: bytes) -> str:
            async with gate:
                return await loop.run_in_executor(None, lambda: uploaded(client, body, workspace_id=workspace))

        return await asyncio.gather(*map(one, bodies))

    identifiers = asyncio.run(upload_all())
    assert {settled(client, identifier)["status"] for identifier in identifiers} == {"ready"}
    listed = post(client, "orchestration/list_all", workspace_ids=[workspace])["orchestrations"]
    assert {item["orchestration"]["id"] for item in listed} == set(identifiers)
    assert len({item["orchestration"]["sha"] for item in listed}) == 40


def test_half_an_upload_leaves_nothing(server: PrivateServer, client: httpx.Client) -> None:
    """A form without its end."""
    response = send(client, orchestration())
    body, kind = response.request.read(), response.request.headers["Content-Type"]
    answered = client.post("orchestration/upload", content=body[:-40], headers={"Content-Type": kind})
    assert answered.status_code == 400
    incoming = server.directory / "data" / "orchestrations" / "incoming"
    waiting = threading.Event()
    for _ in range(600):
        if not list(incoming.iterdir()):
            break
        waiting.wait(0.05)
    assert list(incoming.iterdir()) == []
