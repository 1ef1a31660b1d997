"""What holds while a server runs: its deployments' limits, its queue, draining, restarts, activity, identity."""

from __future__ import annotations

import getpass
import json
import os
import resource
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from jupyter_server.auth import IdentityProvider, User

from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.deploying import Deployed, definition, deploy, post, reference, upload, wait_running
from tests.faults import drill
from tests.launching import Launcher

SLOW_TURNS = 700_000
"""About a second of work."""
QUEUE = 3
LIMITS = (f"--WallarooApp.queue_limit={QUEUE}", "--WallarooApp.drain_time_limit_s=25")


def _deploy_with(client: httpx.Client, version: dict[str, Any], name: str, config: dict[str, Any]) -> list[Any]:
    made = post(
        client,
        "pipelines/create",
        pipeline_id=name,
        workspace_id=version["workspace_id"],
        definition=definition(version),
    )
    number = post(
        client,
        "pipelines/deploy",
        deploy_id=name,
        pipeline_id=made["pipeline_pk_id"],
        pipeline_version_pk_id=made["pipeline_variant_pk_id"],
        models=[reference(version)],
        engine_config=config,
    )["id"]
    engines: list[Any] = wait_running(client, f"{name}-{number}")["engines"]
    return engines


def test_replicas_cpu_and_memory_are_honoured(launcher: Launcher) -> None:
    """As many processes as replicas, threads from cpu where the machine has as many, the address space from memory."""
    with launcher.serving() as (_, client):
        _check_resources(client)


def _check_resources(client: httpx.Client) -> None:
    version = upload(client, models.row_sum(3), "limits")
    few = _deploy_with(client, version, "limits-1", {"engine": {"replicas": 2, "cpu": 1}})
    limits = {"limits": {"cpu": 2, "memory": "2Gi"}}
    (many,) = _deploy_with(client, version, "limits-2", {"engine": {"cpu": 2, "resources": limits}})
    processes = [psutil.Process(int(engine["info"]["labels"]["pid"])) for engine in (*few, many)]
    assert len({process.pid for process in processes}) == 3
    one, _, two = (process.num_threads() for process in processes)
    more = min(2, len(os.sched_getaffinity(0))) - 1
    assert more <= two - one <= 2 * more, "the model's threads, and as many of the pools of libraries at most"
    assert processes[-1].rlimit(psutil.RLIMIT_AS) == (3 * 2**30, 3 * 2**30)
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
    assert many["info"]["required_cpu"] == "2"
    assert many["info"]["required_memory"] == "2048Mi"


def _ask(server: PrivateServer, deployed: Deployed, found: list[tuple[int, float]]) -> threading.Thread:
    def run() -> None:
        started = time.monotonic()
        with server.client as own:
            status = own.post(deployed.url, json={"tensor": [[1]]}).status_code
        found.append((status, time.monotonic() - started))

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_full_queue_is_answered_at_once(launcher: Launcher) -> None:
    """503 with Retry-After, and nothing waits for it."""
    with launcher.serving(*LIMITS) as (server, client):
        deployed = deploy(client, "slow", [upload(client, models.slow(turns=SLOW_TURNS), "slow")])
        found: list[tuple[int, float]] = []
        threads = [_ask(server, deployed, found) for _ in range(QUEUE)]
        time.sleep(0.3)
        started = time.monotonic()
        refused = client.post(deployed.url, json={"tensor": [[1]]})
        assert time.monotonic() - started < 0.3
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) >= 1
        assert f"{QUEUE} requests waiting" in refused.json()["message"]
        for thread in threads:
            thread.join()
        assert [status for status, _ in found] == [200] * QUEUE


def test_requests_under_way_finish_when_it_is_undeployed(launcher: Launcher) -> None:
    """What was accepted is answered; what comes after is refused."""
    with launcher.serving(*LIMITS) as (server, client):
        deployed = deploy(client, "slow", [upload(client, models.slow(turns=SLOW_TURNS), "slow")])
        found: list[tuple[int, float]] = []
        threads = [_ask(server, deployed, found) for _ in range(QUEUE)]
        time.sleep(0.3)
        post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)
        assert client.post(deployed.url, json={"tensor": [[1]]}).status_code == 404
        for thread in threads:
            thread.join()
        assert [status for status, _ in found] == [200] * QUEUE


def test_requests_under_way_finish_when_jupyter_is_stopped(launcher: Launcher, tmp_path: Path) -> None:
    """What was accepted is answered, and no process is left."""
    with launcher.server(tmp_path, *LIMITS) as server, server.client as client:
        deployed = deploy(client, "slow", [upload(client, models.slow(turns=SLOW_TURNS), "slow")])
        found: list[tuple[int, float]] = []
        threads = [_ask(server, deployed, found) for _ in range(QUEUE)]
        time.sleep(0.3)
        processes = drill.children(server)
        server.stop()
        drill.assert_gone(processes)
        for thread in threads:
            thread.join()
        assert [status for status, _ in found] == [200] * QUEUE


def test_a_restart_brings_deployments_and_logs_back(launcher: Launcher, tmp_path: Path) -> None:
    """An orderly one; tests/faults has the disorderly ones."""
    server = launcher.server(tmp_path)
    with server, server.client as client:
        deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")], replicas=2)
        other = deploy(client, "gone", [upload(client, models.row_sum(3), "m")])
        post(client, "pipelines/undeploy", deployment_id=other.deployment_id)
        assert client.post(deployed.url, json={"tensor": [[1, 2, 3]]}).status_code == 200
    with server, server.client as client:
        assert len(wait_running(client, deployed.name)["engines"]) == 2
        assert client.post("status/get_deployment", json={"name": other.name}).status_code == 404
        url = f"pipelines/infer/{deployed.name}"
        assert client.post(url, json={"tensor": [[4, 5, 6]]}).status_code == 200
        where = {"pipeline_name": "p", "workspace_id": deployed.workspace_id, "order": "asc"}
        logged = post(client, "pipelines/get_logs", **where)
        assert [row["in"]["tensor"] for row in logged] == [[1, 2, 3], [4, 5, 6]]


def test_an_inference_counts_as_activity(server: PrivateServer, client: httpx.Client) -> None:
    """So that a Hub does not cull a server that is in use."""
    deployed = deploy(client, "active", [upload(client, models.row_sum(3), "active")])
    url = f"http://127.0.0.1:{server.port}/api/status?no_track_activity=1"

    def last() -> datetime:
        return datetime.fromisoformat(client.get(url).json()["last_activity"].replace("Z", "+00:00"))

    before = last()
    client.post(deployed.url, json={"tensor": [[1, 2, 3]]})
    assert last() > before
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)


def test_everybody_with_jupyters_token_is_the_same_user(server: PrivateServer) -> None:
    """Jupyter gives a request with a token a new random name each time."""
    for form in ("Bearer", "token"):
        with httpx.Client(headers={"Authorization": f"{form} {server.token}"}, base_url=server.api_url) as caller:
            assert len(post(caller, "users/query")["users"]) == 1
            assert post(caller, "workspaces/get")["id"] == 1


class TwoPeople(IdentityProvider):
    """An identity provider that knows two people by their tokens, as a Hub's does."""

    def get_user(self, handler: Any) -> User | None:
        name = handler.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if name not in ("ann", "bob"):
            return None
        handler._token_authenticated = True
        return User(username=name, name=name.title(), display_name=name.title())

    def is_token_authenticated(self, handler: Any) -> bool:
        return bool(getattr(handler, "_token_authenticated", False))


@pytest.fixture
def jp_server_config(tmp_path: Path) -> dict[str, Any]:
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_wallaroo": True}, "identity_provider_class": TwoPeople},
        "WallarooApp": {"data_directory": str(tmp_path / "data")},
    }


def test_with_another_identity_provider_users_are_its_users(
    jp_asyncio_loop: Any, jp_serverapp: Any, jp_fetch: Any
) -> None:
    """Each has an id and a default workspace of their own, and keeps them; kernels call as the user of the machine."""

    async def call(name: str, path: str) -> Any:
        parts = ("wallaroo", "v1", "api", *path.split("/"))
        headers = {"Authorization": f"Bearer {name}"}
        response = await jp_fetch(*parts, method="POST", body=b"{}", headers=headers, raise_error=False)
        return response.code, json.loads(response.body)

    async def main() -> None:
        await jp_serverapp.extension_manager.start_all_extensions()
        try:
            rooms = [(await call(name, "workspaces/get"))[1]["name"] for name in ("ann", "bob", "ann")]
            assert rooms == [f"{name} - Default Workspace" for name in ("ann", "bob", "ann")]
            users = (await call("bob", "users/query"))[1]["users"]
            assert {user["username"] for user in users.values()} == {"ann", "bob", getpass.getuser()}
            assert (await call("eve", "workspaces/get"))[0] == 401
        finally:
            await jp_serverapp.extension_manager.stop_all_extensions()

    jp_asyncio_loop.run_until_complete(main())
