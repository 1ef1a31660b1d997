"""Jupyter Events of ours, as a listener gets them over Jupyter's own websocket."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
import yaml
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.server.events import SCHEMA_IDS, SCHEMAS, EventBus
from jupyter_wallaroo.types.event import Event, ModelChanged
from tests import models
from tests.applying import apply
from tests.deploying import begin_conversion, default_workspace, deploy, post, upload, wait_running

LIMIT_S = 30.0


def heard(server: PrivateServer, act: Callable[[], None], until: Callable[[dict[str, Any]], bool]) -> list[Any]:
    """Events of ours while ``act`` runs in a thread, up to the one that ``until`` knows."""

    async def listen() -> list[Any]:
        address = f"ws://127.0.0.1:{server.port}/api/events/subscribe"
        request = HTTPRequest(address, headers={"Authorization": f"Bearer {server.token}"})
        socket = await websocket_connect(request)
        acting = asyncio.get_running_loop().run_in_executor(None, act)
        found: list[Any] = []
        async with asyncio.timeout(LIMIT_S):
            while not (found and until(found[-1])):
                text = await socket.read_message()
                assert text is not None, "the server closed the socket"
                event = json.loads(text)
                if event["schema_id"] in SCHEMA_IDS.values():
                    found.append(event)
        await acting
        socket.close()
        while await socket.read_message() is not None:
            pass
        return found

    return asyncio.run(listen())


def kind(event: dict[str, Any]) -> str:
    name: str = event["schema_id"].split("/")[-2]
    return name


def test_a_life_is_told(server: PrivateServer, client: httpx.Client) -> None:
    """From the upload to the end, in order; with who and what, for a panel that never polls."""
    name = f"told-{uuid.uuid4().hex[:8]}"

    def act() -> None:
        deployed = deploy(client, name, [upload(client, models.row_sum(3), name)])
        status = wait_running(client, deployed.name)
        os.kill(int(status["engines"][0]["info"]["labels"]["pid"]), signal.SIGKILL)
        while client.post(deployed.url, json={"tensor": [[1, 2, 3]]}).status_code != 200:
            pass
        post(client, "pipelines/create", pipeline_id=name, workspace_id=deployed.workspace_id, definition={})
        post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)

    events = heard(server, act, lambda event: event.get("status") == "Undeployed" and event["pipeline"] == name)
    own = [event for event in events if name in (event.get("model"), event.get("pipeline"))]
    told = [(kind(event), event.get("status") or event.get("action")) for event in own]
    assert told[:2] == [("model", "ready"), ("pipeline", "created")]
    states = [what for noun, what in told if noun == "deployment"]
    assert states == ["Starting", "Running", "Starting", "Running", "Undeployed"]
    assert ("pipeline", "version_added") in told
    lost = next(event for event in own if event.get("reason"))
    assert "SIGKILL" in lost["reason"]
    assert (lost["replicas_running"], lost["replicas_wanted"]) == (0, 1)
    assert own[-1]["deployment"].startswith(name)


def test_a_replacement_that_is_not_taken_is_told(server: PrivateServer, client: httpx.Client) -> None:
    """The old version goes on, and the reason is said."""
    name = f"refused-{uuid.uuid4().hex[:8]}"
    good = upload(client, models.row_sum(3), name)
    bad = upload(client, models.row_sum(3, random.random()), name)
    deployed = deploy(client, name, [good])
    (file,) = server.directory.glob(f"**/blobs/**/{bad['file_info']['sha']}")
    file.chmod(0o600)
    file.write_bytes(b"damaged")

    def act() -> None:
        deploy(client, name, [bad])

    events = heard(server, act, lambda event: event.get("pipeline") == name and bool(event.get("reason")))
    assert "was not taken" in events[-1]["reason"]
    assert (events[-1]["status"], events[-1]["replicas_running"]) == ("Running", 1)
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)


def test_the_end_of_a_pipeline_is_told(server: PrivateServer, client: httpx.Client) -> None:
    """With its id, for a list that shows it; a removal that is only planned is not told."""
    name = f"removed-{uuid.uuid4().hex[:8]}"

    def act() -> None:
        apply(client, {"name": name, "state": "present", "definition": {}})
        apply(client, {"name": name, "state": "absent"}, dry_run=True)
        apply(client, {"name": name, "state": "absent"})

    events = heard(server, act, lambda event: event.get("pipeline") == name and event.get("action") == "removed")
    own = [event for event in events if event.get("pipeline") == name]
    assert [event["action"] for event in own] == ["created", "removed"]
    assert {(event["pipeline_id"], event["version"], event["workspace_id"]) for event in own} == {
        (own[0]["pipeline_id"], own[0]["version"], own[0]["workspace_id"])
    }


def test_the_life_of_a_connection_is_told(server: PrivateServer, client: httpx.Client) -> None:
    """Made, linked, unlinked, deleted; never with its details."""
    name, secret = f"told-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    workspace_id = default_workspace(client)

    def act() -> None:
        key = post(client, "connections/create", name=name, type="S3", details={"secret": secret})["id"]
        link = {"connection_id": key, "workspace_id": workspace_id}
        post(client, "connections/add_to_workspace", **link)
        for path, body in (("remove_from_workspace", link), ("delete", {"name": name})):
            assert client.post(f"connections/{path}", json=body).is_success

    events = heard(server, act, lambda event: event.get("connection") == name and event["action"] == "deleted")
    own = [event for event in events if event.get("connection") == name]
    assert [(event["action"], event["workspace_id"]) for event in own] == [
        ("created", None),
        ("added_to_workspace", workspace_id),
        ("removed_from_workspace", workspace_id),
        ("deleted", None),
    ]
    assert len({event["connection_id"] for event in own}) == 1 and own[0]["type"] == "S3"
    assert secret not in json.dumps(events)


def test_a_conversion_is_told_step_by_step(server: PrivateServer, client: httpx.Client) -> None:
    name = f"bad-{uuid.uuid4().hex[:8]}"

    def act() -> None:
        begin_conversion(client, b"not a pickle", name, "sklearn", "bad.pkl")

    events = heard(server, act, lambda event: event.get("model") == name and event["status"] == "error")
    own = [event for event in events if event.get("model") == name]
    assert [event["status"] for event in own] == ["pending_conversion", "converting", "error"]
    assert own[-1]["reason"]
    assert own[0]["reason"] is None


def test_a_stranger_hears_nothing(server: PrivateServer) -> None:
    """SECURITY A3: Jupyter's own rules of access hold."""

    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
        "Sec-WebSocket-Version": "13",
    }
    address = f"http://127.0.0.1:{server.port}/api/events/subscribe"
    assert httpx.get(address, headers=upgrade, trust_env=False).status_code == 403


def test_each_event_has_its_schema_and_each_schema_its_event() -> None:
    """The same fields, all required, versioned by name; a change of one without the other fails here."""
    files = {path.name: yaml.safe_load(path.read_text()) for path in SCHEMAS.iterdir()}
    assert {schema["$id"] for schema in files.values()} == set(SCHEMA_IDS.values())
    for struct, schema_id in SCHEMA_IDS.items():
        noun, version = schema_id.split("/")[-2:]
        schema = files[f"{noun}.{version}.yaml"]
        fields = [field.encode_name for field in msgspec.structs.fields(struct)]
        assert schema["required"] == list(schema["properties"]) == fields
        assert f"v{schema['version']}" == version
    assert set(SCHEMA_IDS) == set(Event.__args__)  # type: ignore[attr-defined]


def test_a_listener_that_fails_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """A modifier of somebody else's is their code; the state changed all the same."""
    from jupyter_events import EventLogger

    logger = EventLogger()
    bus = EventBus(logger)
    EventBus(logger)

    async def listener(logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        raise AssertionError("never called")

    def modifier(schema_id: str, data: dict[str, Any]) -> dict[str, Any]:
        raise RuntimeError("mine")

    logger.add_listener(schema_id=SCHEMA_IDS[ModelChanged], listener=listener)
    logger.add_modifier(schema_id=SCHEMA_IDS[ModelChanged], modifier=modifier)
    bus.notify(ModelChanged(model_version_id=1, model="m", version="v", workspace_id=1, status="ready", reason=None))
    assert "an event could not be emitted" in caplog.text
