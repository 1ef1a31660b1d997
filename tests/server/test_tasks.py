"""Tasks over REST, as the vendor's clients call them; and what a run may do with the token it is given."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.server.routes import ROUTES
from jupyter_wallaroo.services import task_scope
from tests import archives, models
from tests.deploying import Deployed, deploy, infer, post, upload
from tests.orchestrating import settled, uploaded
from tests.server.test_events import heard, kind
from tests.tasking import OBEDIENT, ended, last_run, log, orchestrate, posted, run_once, until

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
WAITS = """
import os, time, wallaroo
print(open(os.environ["WALLAROO_SDK_CREDENTIALS"]).read())
time.sleep(1000)
"""


@pytest.fixture(scope="module")
def room(client: httpx.Client) -> int:
    """A workspace of the module's own."""
    made: int = post(client, "workspaces/create", workspace_name=f"tasks-{uuid.uuid4().hex[:8]}")["workspace_id"]
    return made


@pytest.fixture(scope="module")
def quick(client: httpx.Client, room: int) -> str:
    """An orchestration that does what it is told by its arguments."""
    return orchestrate(client, room, OBEDIENT)


def test_runs_are_found_by_status_and_time(client: httpx.Client, room: int, quick: str) -> None:
    task_id = run_once(client, room, quick)
    run = ended(client, task_id)
    for status, found in (("all", 1), ("success", 1), ("failure", 0), ("running", 0), ("timed_out", 0)):
        assert len(post(client, "task/list_task_runs", task_id=task_id, status=status)) == found, status
    after = [run["created_at"], None]
    assert len(post(client, "task/list_task_runs", task_id=task_id, time_range=after)) == 1
    assert post(client, "task/list_task_runs", task_id=task_id, time_range=after[::-1]) == []
    sha = post(client, "orchestration/get_by_id", id=quick)["sha"]
    assert task_id in post(client, "task/get_tasks_by_orch_sha", sha=sha)["ids"]


def test_a_schedule_says_when_it_fires_and_can_rest(client: httpx.Client, room: int, quick: str) -> None:
    """S5-31, A29: the next three firings in the zone it was given."""
    made = posted(
        client, "task/run_scheduled", 201,
        orch_id=quick, workspace_id=room, json={}, schedule=" 30  2 * * *", time_zone="Europe/Berlin", name="nightly",
    )  # fmt: skip
    assert len(made["next_firings"]) == 3 and all(INSTANT.fullmatch(item) for item in made["next_firings"])
    task = post(client, "task/get_by_id", id=made["id"])
    assert (task["run_type"], task["schedule"], task["time_zone"]) == ("CronJob", "30 2 * * *", "Europe/Berlin")
    assert (task["status"], task["last_runs"], task["next_firings"]) == ("started", [], made["next_firings"])
    paused = posted(client, "task/pause", 202, id=made["id"], pause=True)
    assert (paused["status"], paused["next_firings"]) == ("paused", [])
    resumed = posted(client, "task/pause", 202, id=made["id"], pause=False)
    assert (resumed["status"], resumed["next_firings"]) == ("started", made["next_firings"])
    killed = posted(client, "task/kill", 202, id=made["id"])
    assert (killed["status"], killed["next_firings"]) == ("killed", [])
    refused = client.post("task/pause", json={"id": made["id"], "pause": False})
    assert refused.status_code == 409 and "is killed" in refused.json()["message"]


def test_a_continuous_task_is_kept_running(client: httpx.Client, room: int, quick: str) -> None:
    """Started again when it ends; a crash loop is told; pausing ends the run."""
    facts = {"orch_id": quick, "workspace_id": room}
    crashing = posted(client, "task/run_continuously", 201, name="crashing", json={"fail": "again"}, **facts)["id"]
    lasting = posted(client, "task/run_continuously", 201, name="lasting", json={"sleep": 1000}, **facts)["id"]
    until(lambda: post(client, "task/get_by_id", id=lasting)["status"] == "started")
    until(lambda: post(client, "task/get_by_id", id=crashing)["status"] == "crash_loop")
    assert len(post(client, "task/list_task_runs", task_id=crashing, status="failure")) >= 3
    assert posted(client, "task/pause", 202, id=lasting, pause=True)["status"] in ("pending_pause", "paused")
    assert ended(client, lasting)["reason"] == "the task was paused"
    assert post(client, "task/get_by_id", id=lasting)["status"] == "paused"
    posted(client, "task/pause", 202, id=lasting, pause=False)
    until(lambda: post(client, "task/get_by_id", id=lasting)["status"] == "started")
    for task_id in (crashing, lasting):
        posted(client, "task/kill", 202, id=task_id)
        until(lambda: post(client, "task/get_by_id", id=task_id)["status"] == "killed")  # noqa: B023


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("task/run_once", {"orch_id": str(uuid.UUID(int=1))}, 404, "Orchestration"),
        ("task/run_once", {"timeout": 0}, 400, "'timeout': expected 1 to"),
        ("task/run_once", {"name": "<b>"}, 400, "cannot be the name of a task"),
        ("task/run_once", {"workspace_id": 1}, 400, "is of workspace"),
        ("task/run_once", {"json": [1]}, 400, "json"),
        ("task/run_scheduled", {"schedule": "0 * * * * *"}, 400, "got 6"),
        ("task/run_scheduled", {"schedule": "@daily"}, 400, "'@daily'"),
        ("task/run_scheduled", {"schedule": "* * * * *", "time_zone": "Mars"}, 400, "no time zone"),
        ("task/run_scheduled", {}, 400, "schedule"),
        ("task/run_continuously", {}, 400, "name"),
    ],
)
def test_what_cannot_be_a_task_is_refused(
    client: httpx.Client, room: int, quick: str, path: str, body: dict[str, Any], status: int, message: str
) -> None:
    response = client.post(path, json={"orch_id": quick, "workspace_id": room, "json": {}, **body})
    assert response.status_code == status, response.text
    assert message in response.json()["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("task/get_by_id", {"id": "nowhere"}),
        ("task/kill", {"id": str(uuid.UUID(int=7))}),
        ("task/pause", {"id": "x", "pause": True}),
        ("task/list_task_runs", {"task_id": "x"}),
        ("task/get_logs_for_run", {"id": "../../wallaroo"}),
        ("task/get_run_details", {"pod_id": "x", "task": "y"}),
        ("task/list", {"workspace_id": 2**40}),
    ],
)
def test_what_is_not_there_is_404(client: httpx.Client, path: str, body: dict[str, Any]) -> None:
    assert client.post(path, json=body).status_code == 404


def test_a_life_is_told(server: PrivateServer, client: httpx.Client, room: int, quick: str) -> None:
    """By Jupyter Events, for a panel that never polls."""

    def act() -> None:
        ended(client, run_once(client, room, quick, name="told"))

    events = heard(server, act, lambda event: event.get("state") == "success")
    told = [(kind(event), event.get("state") or event.get("status")) for event in events if event["task"] == "told"]
    assert told == [("task", "pending"), ("task_run", "running"), ("task_run", "success")]


def test_an_orchestration_with_an_active_task_stays(client: httpx.Client, room: int) -> None:
    """Once it has none, its tasks and their logs go with it."""
    orch_id = orchestrate(client, room, "import time; print('here'); time.sleep(1000)")
    task_id = run_once(client, room, orch_id)
    run_id = until(lambda: last_run(client, task_id))["run_id"]
    until(lambda: log(client, run_id))
    listed = post(client, "orchestration/list_all", workspace_ids=[room], task_run_status=[])["orchestrations"]
    assert [task["id"] for item in listed if item["orchestration"]["id"] == orch_id for task in item["tasks"]] == [
        task_id
    ]
    body = {"orchestrations": [orch_id]}
    assert client.post("orchestration/delete_orchestrations", json=body).status_code == 409
    posted(client, "task/kill", 202, id=task_id)
    ended(client, task_id)
    post(client, "orchestration/delete_orchestrations", **body)
    assert client.post("task/get_by_id", json={"id": task_id}).status_code == 404


# ---------------------------------------------------------------- the token of a run


@dataclass
class Inside:
    """A run that waits, the client that it would have, and what is in its workspace and in another."""

    client: httpx.Client
    task_id: str
    own: dict[str, Any]
    other: dict[str, Any]


def furnish(client: httpx.Client, name: str) -> dict[str, Any]:
    """Make a workspace with a bit of everything."""
    workspace_id = post(client, "workspaces/create", workspace_name=name)["workspace_id"]
    version = upload(client, models.row_sum(3), name, workspace_id=workspace_id)
    deployed: Deployed = deploy(client, name, [version])
    infer(client, deployed.url, [{"tensor": [1.0, 2.0, 3.0]}])
    connection_id = post(client, "connections/create", name=name, type="T", details={"key": name})["id"]
    post(client, "connections/add_to_workspace", connection_id=connection_id, workspace_id=workspace_id)
    topic = post(client, "plateau/get_topic_name", pipeline_pk_id=deployed.pipeline_id)["topic_name"]
    return {
        "name": name, "workspace_id": workspace_id, "version": version, "deployed": deployed, "topic": topic,
        "orch_id": orchestrate(client, workspace_id, WAITS),
    }  # fmt: skip


@pytest.fixture(scope="module")
def inside(client: httpx.Client) -> Iterator[Inside]:
    own, other = (furnish(client, f"{word}-{uuid.uuid4().hex[:8]}") for word in ("own", "other"))
    other["task_id"] = run_once(client, other["workspace_id"], other["orch_id"])
    task_id = run_once(client, own["workspace_id"], own["orch_id"])
    run_id = until(lambda: last_run(client, task_id))["run_id"]
    other["run_id"] = until(lambda: last_run(client, other["task_id"]))["run_id"]
    text = until(lambda: log(client, run_id)).partition(" stdout F ")[2]
    headers = {"Authorization": f"Bearer {msgspec.json.decode(text)['token']}"}
    with httpx.Client(base_url=client.base_url, headers=headers, timeout=60, trust_env=False) as opened:
        yield Inside(opened, task_id, own, other)
    for task in (task_id, other["task_id"]):
        posted(client, "task/kill", 202, id=task)
        ended(client, task)


def calls(place: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return calls for all that is in a workspace."""
    deployed: Deployed = place["deployed"]
    version = place["version"]
    named = {"workspace_id": place["workspace_id"], "pipeline_name": place["name"]}
    found = [
        ("workspaces/get", {"id": place["workspace_id"]}),
        ("workspaces/get", {"name": place["name"]}),
        ("connections/get", {"name": place["name"]}),
        ("models/list", {"workspace_id": place["workspace_id"]}),
        ("models/get_version_by_id", {"model_version_id": version["id"]}),
        ("models/get_config_by_id", {"model_id": version["id"]}),
        ("pipelines/get_pipeline_by_name", named),
        ("pipelines/list_pipelines", {"workspace_id": place["workspace_id"]}),
        ("pipelines/search", {"workspace_id": place["workspace_id"]}),
        ("pipelines/get_logs", named),
        ("admin/get_pipeline_external_url", named),
        ("plateau/get_topic_name", {"pipeline_pk_id": deployed.pipeline_id}),
        ("status/get_deployment", {"name": deployed.name}),
        ("task/list", {"workspace_id": place["workspace_id"]}),
        ("orchestration/get_by_id", {"id": place["orch_id"]}),
        (f"pipelines/infer/{deployed.name}", {"tensor": [[1, 2, 3]]}),
        (f"pipelines/infer/{deployed.name}/{place['name']}", {"tensor": [[1, 2, 3]]}),
        (f"../../v1/logs/topic/{place['topic']}/records", {}),
    ]
    if "task_id" in place:
        found += [
            ("task/get_by_id", {"id": place["task_id"]}),
            ("task/kill", {"id": place["task_id"]}),
            ("task/list_task_runs", {"task_id": place["task_id"]}),
            ("task/get_logs_for_run", {"id": place["run_id"]}),
            ("task/run_once", {"orch_id": place["orch_id"], "workspace_id": place["workspace_id"], "json": {}}),
            ("pipelines/undeploy", {"deployment_id": deployed.deployment_id}),
            ("pipelines/undeploy", {"pipeline_id": deployed.pipeline_id}),
            ("pipelines/create", {"pipeline_id": "new", "workspace_id": place["workspace_id"], "definition": {}}),
            ("models/insert_model_config", {"model_version_id": version["id"]}),
        ]
    return found


def test_a_run_may_use_what_is_in_its_workspace(inside: Inside) -> None:
    for path, body in calls(inside.own):
        response = inside.client.post(path, json=body)
        assert response.status_code == 200, f"{path}: {response.text}"
    details = post(inside.client, "connections/get", name=inside.own["name"])["details"]
    assert details == {"key": inside.own["name"]}


def test_a_run_may_use_nothing_of_another_workspace(inside: Inside, client: httpx.Client) -> None:
    """Refused whether it is named by number, name or UUID; and what is refused does not say whether it is there."""
    for path, body in calls(inside.other):
        response = inside.client.post(path, json=body)
        assert response.status_code in (403, 404), f"{path}: {response.status_code} {response.text}"
    assert post(client, "task/get_by_id", id=inside.other["task_id"])["status"] == "started"
    assert client.post(inside.other["deployed"].url, json={"tensor": [[1, 2, 3]]}).status_code == 200


def test_what_a_run_leaves_open_is_its_workspace(inside: Inside) -> None:
    own = inside.own["workspace_id"]
    assert [item["id"] for item in post(inside.client, "workspaces/list")["workspaces"]] == [own]
    assert post(inside.client, "workspaces/get")["id"] == own
    found = post(inside.client, "pipelines/list_pipelines")["pipelines"]
    assert [item["pipeline"]["name"] for item in found] == [inside.own["name"]]
    names = [item["name"] for item in post(inside.client, "connections/list")["connections"]]
    assert names == [inside.own["name"]]
    assert {item["workspace_id"] for item in post(inside.client, "task/list")} == {own}


def test_a_run_cannot_deploy_or_copy_what_is_elsewhere(inside: Inside) -> None:
    """Ids of two workspaces in one request are refused too."""
    own, other = inside.own, inside.other
    foreign, mine = other["deployed"], own["deployed"]
    version = post(inside.client, "pipelines/get_pipeline_by_name",
                   workspace_id=own["workspace_id"], pipeline_name=own["name"])["pipeline_versions"][0]  # fmt: skip
    for body in (
        {"model_ids": [other["version"]["id"]], "pipeline_version": version},
        {"pipeline_id": foreign.pipeline_id, "pipeline_version": version},
    ):
        assert inside.client.post("pipelines/deploy", json={"deploy_id": "x", **body}).status_code == 404
    copied = {"name": "copy", "workspace_id": own["workspace_id"], "source_pipeline": foreign.pipeline_id}
    assert inside.client.post("pipelines/copy", json=copied).status_code == 404
    crossed = {"pipeline_id": mine.pipeline_id, "deployment_id": foreign.deployment_id}
    assert inside.client.post("pipelines/undeploy", json=crossed).status_code == 404


CLOSED = {
    "runs", "runs/{run}", "runs/{run}/{step}", "runs/{run}/{step}/notebook", "runs/{run}/{step}/outputs/{name}",
    "sessions", "sessions/{project}/{pipeline}",
    "health", "openapi.json", "admin/get_pipeline_direct_access",
    "users/query", "workspaces/create", "workspaces/list_users", "workspaces/add_user", "workspaces/remove_user",
    "connections/create", "connections/add_to_workspace", "connections/remove_from_workspace", "connections/delete",
    "pipelines/overview", "pipelines/list_versions", "pipelines/get_traffic", "pipelines/apply", "audit/list", "tags/create", "tags/list", "tags/assign", "tags/remove",
    "assays/create", "assays/filter", "assays/run_interactive", "assays/run_interactive_baseline", "assays/summarize",
    "assays/get_baseline", "orchestration/upload", "orchestration/list_all", "orchestration/delete_orchestrations",
    "orchestration/download",
}  # fmt: skip
"""Routes that tasks have no use for, or of which nobody has said what their fields name; all of v2 besides."""


def test_closed_routes_are_refused(inside: Inside, server: PrivateServer) -> None:
    """A new route is closed until it is in `task_scope.FIELDS`; then it has to leave this list."""
    closed = {
        route.path
        for route in ROUTES
        if not route.is_public
        and route.path not in task_scope.BY_PATH
        and not {route.request, *({route.query} - {None})} <= task_scope.FIELDS.keys()
    }
    assert {route.path for route in ROUTES} >= task_scope.BY_PATH
    v2 = {route.path for route in ROUTES if route.root.startswith("v2")}
    assert closed - v2 == CLOSED
    root = server.api_url.removesuffix("/v1/api")
    for route in ROUTES:
        if route.path in CLOSED and "{" not in route.path:
            response = inside.client.request(route.method, f"{root}/{route.address}", json={})
            assert response.status_code == 403, f"{route.path}: {response.status_code} {response.text}"


def test_the_fields_that_keep_a_run_in_its_workspace_exist() -> None:
    for request, fields in task_scope.FIELDS.items():
        assert set(fields) <= set(getattr(request, "__struct_fields__", ())), request


def test_a_runs_token_is_not_jupyters(inside: Inside, server: PrivateServer) -> None:
    for path in ("api/contents", "api/kernels", "api/terminals"):
        assert inside.client.get(f"http://127.0.0.1:{server.port}/{path}").status_code in (401, 403)


def test_a_token_is_worth_nothing_when_the_run_is_over(client: httpx.Client, room: int) -> None:
    orch_id = orchestrate(client, room, WAITS)
    task_id = run_once(client, room, orch_id)
    run_id = until(lambda: last_run(client, task_id))["run_id"]
    text = until(lambda: log(client, run_id)).partition(" stdout F ")[2]
    headers = {"Authorization": f"Bearer {msgspec.json.decode(text)['token']}"}
    with httpx.Client(base_url=client.base_url, headers=headers, timeout=60, trust_env=False) as opened:
        assert opened.post("workspaces/list", json={}).status_code == 200
        posted(client, "task/kill", 202, id=task_id)
        ended(client, task_id)
        assert opened.post("workspaces/list", json={}).status_code == 401


def test_what_an_orchestration_requires_is_there(client: httpx.Client, room: int) -> None:
    """In an environment of its own, with the client beside it; from a script in a folder of the archive."""
    main = (
        "import inflection, sys, beside, wallaroo\nprint(inflection.__version__, wallaroo.Client().in_task(), beside.x)"
    )
    zipped = archives.archive(
        ("requirements.txt", b"inflection==0.5.1\n"), ("flow/main.py", main.encode()), ("flow/beside.py", b"x = 7")
    )
    key = uploaded(client, zipped, workspace_id=room)
    found = settled(client, key)
    assert found["status"] == "ready", found["log"]
    run = ended(client, run_once(client, room, key))
    said = log(client, run["run_id"])
    assert run["state"] == "success", said
    assert said.endswith(" stdout F 0.5.1 True 7")


def test_files_of_a_run_are_kept_where_that_was_asked(client: httpx.Client, server: PrivateServer, room: int) -> None:
    """The option ``debug``; never its token."""
    key = orchestrate(client, room, "open('result', 'w').write('42')")
    kept = server.directory / "data" / "tasks" / "kept"
    runs = [ended(client, run_once(client, room, key, debug=debug))["run_id"] for debug in (True, False)]
    assert sorted(path.name for path in (kept / runs[0]).iterdir()) == ["main.py", "result"]
    assert not (kept / runs[1]).exists()
