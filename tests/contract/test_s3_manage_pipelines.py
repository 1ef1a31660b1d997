"""The statements S3-01 … S3-17 of the seed on managing pipelines over the API, and A15 … A17, each a test named by it."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.server.initial_pipelines import PATH_VARIABLE
from jupyter_wallaroo.server.routes import ROUTES
from tests import models
from tests.applying import answer_of, apply, refused, url_of, wait_switched
from tests.deploying import definition, infer, post, upload, wait_running
from tests.faults import drill
from tests.sdk.conftest import endpoint

OPTIONS = drill.EXTENSION_ONLY


@dataclass(frozen=True)
class Room:
    """A workspace of its own with three models: the sum of three numbers, twice and three times it."""

    client: httpx.Client
    workspace: int

    def item(self, name: str, model: str = "one", **more: Any) -> dict[str, Any]:
        return {"name": name, "workspace": self.workspace, "steps": [{"model": model}], **more}

    def gone(self, *names: str) -> dict[str, Any]:
        return apply(self.client, *({"name": name, "workspace": self.workspace, "state": "absent"} for name in names))

    def serve(self, *items: dict[str, Any]) -> list[str]:
        """Apply pipelines, wait until they answer, and return where."""
        for result in apply(self.client, *items)["results"]:
            if result["action"] != "same":
                wait_switched(self.client, result["deployment"])
        return [url_of(self.client, item["name"], self.workspace) for item in items]

    def names(self) -> list[str]:
        listed = post(self.client, "pipelines/list_pipelines", workspace_id=self.workspace)["pipelines"]
        return [item["pipeline"]["name"] for item in listed]

    def get(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = post(
            self.client, "pipelines/get_pipeline_by_name", pipeline_name=name, workspace_id=self.workspace
        )
        return found

    def audit(self, name: str) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = post(
            self.client, "audit/list", pipeline=name, workspace_id=self.workspace, limit=1000
        )["records"]
        return records


def make_room(client: httpx.Client) -> Room:
    workspace = post(client, "workspaces/create", workspace_name=f"s3-{uuid.uuid4()}")["workspace_id"]
    for name, factor in (("one", 1.0), ("two", 2.0), ("three", 3.0)):
        upload(client, models.row_sum(3, factor), name, workspace_id=workspace)
    return Room(client, workspace)


@pytest.fixture
def room(client: httpx.Client) -> Iterator[Room]:
    """A workspace whose pipelines end with the test."""
    yield from _rooms(client)


@pytest.fixture(scope="module")
def quiet_room(client: httpx.Client) -> Iterator[Room]:
    """A workspace for tests that leave it as it was."""
    yield from _rooms(client)


def _rooms(client: httpx.Client) -> Iterator[Room]:
    made = make_room(client)
    yield made
    if names := made.names():
        made.gone(*names)


@pytest.fixture
def neighbour(client: httpx.Client, room: Room) -> Iterator[str]:
    """A pipeline that is asked all the time while others change, and must answer every time."""
    (url,) = room.serve(room.item("neighbour", "three"))
    failed: list[str] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            response = client.post(url, json={"tensor": [[1, 2, 3]]})
            if response.status_code != 200 or "18.0" not in response.text:
                failed.append(response.text)

    asking = threading.Thread(target=ask)
    asking.start()
    yield url
    ended.set()
    asking.join()
    assert failed == []


def started(server: PrivateServer) -> float:
    """Return when the server's process began."""
    return psutil.Process(server.pid).create_time()


# ---------------------------------------------------------------- behaviour demanded


def test_s3_01_s3_02_s3_03_s3_12_add_update_and_remove_while_the_server_runs(
    server: PrivateServer, client: httpx.Client, room: Room, neighbour: str
) -> None:
    """The process stays, others answer throughout, each change is effective, and the address stays through updates."""
    before = started(server)
    (url,) = room.serve(room.item("p"))
    assert answer_of(client, url) == 6.0
    assert room.serve(room.item("p", "two")) == [url]
    assert answer_of(client, url) == 12.0
    assert room.gone("p")["results"][0]["action"] == "remove"
    assert client.post(url, json={"tensor": [[1, 2, 3]]}).status_code == 404
    assert room.names() == ["neighbour"]
    assert started(server) == before


def test_s3_04_a15_one_request_for_several(client: httpx.Client, room: Room) -> None:
    """One added, one changed, one removed, one as it was, together; a result for each, in the order of the request."""
    room.serve(room.item("changed"), room.item("removed"), room.item("same"))
    answer = apply(
        client,
        room.item("added"),
        room.item("changed", "two"),
        {"name": "removed", "workspace": room.workspace, "state": "absent"},
        room.item("same"),
    )
    results = answer["results"]
    assert [(item["name"], item["action"]) for item in results] == [
        ("added", "add"),
        ("changed", "change"),
        ("removed", "remove"),
        ("same", "same"),
    ]
    assert {name: answer["plan"][name] for name in ("add", "change", "remove", "same", "failed")} == {
        **dict.fromkeys(("add", "change", "remove", "same"), 1),
        "failed": 0,
    }
    assert set(room.names()) == {"added", "changed", "same"}
    for item in (results[0], results[1]):
        wait_switched(client, item["deployment"])


def test_s3_05_several_pipelines_side_by_side(client: httpx.Client, room: Room) -> None:
    urls = room.serve(room.item("a", "one"), room.item("b", "two"), room.item("c", "three"))
    assert [answer_of(client, url) for url in urls] == [6.0, 12.0, 18.0]


def test_s3_06_s3_14_a_file_is_read_when_it_is_applied_and_never_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No inotify, no open file, no read of the file while the server runs, whatever becomes of it."""
    file = tmp_path / "pipelines.yaml"
    file.write_text("- {name: from-file, steps: [], state: present}")
    monkeypatch.setenv(PATH_VARIABLE, str(file))
    with PrivateServer(tmp_path / "server", options=OPTIONS) as server, server.client as client:
        names = [item["pipeline"]["name"] for item in post(client, "pipelines/list_pipelines")["pipelines"]]
        assert names == ["from-file"]
        file.write_text("- {name: changed, steps: [], state: present}")
        os.utime(file, (1, 2))  # read before it was written: the next read moves the time of access
        time.sleep(1.0)
        links = [os.readlink(link) for link in Path(f"/proc/{server.pid}/fd").iterdir() if link.is_symlink()]
        assert not any("inotify" in link or str(file) in link for link in links)
        assert file.stat().st_atime == 1
        file.read_text()
        if file.stat().st_atime == 1:
            pytest.skip("this file system does not keep times of access")
        assert [item["pipeline"]["name"] for item in post(client, "pipelines/list_pipelines")["pipelines"]] == names
        again = apply(client, yaml_of(file))
        assert [item["name"] for item in again["results"]] == ["changed"]


def yaml_of(file: Path) -> dict[str, Any]:
    """Return the only pipeline in a file, as a person who applies it again sends it."""
    from jupyter_wallaroo.strict_yaml import decode

    (item,) = decode(file.read_text())
    found: dict[str, Any] = item
    return found


def test_s3_07_a_token_is_enough(server: PrivateServer) -> None:
    """From the model's bytes to an answer, with any HTTP client: no shell, no volume, no image."""
    headers = {"Authorization": f"Bearer {server.token}"}
    name = f"token-{uuid.uuid4().hex[:8]}"
    with httpx.Client(base_url=f"{server.api_url}/", headers=headers, trust_env=False, timeout=60) as anybody:
        upload(anybody, models.row_sum(3), name)
        text = f"pipelines:\n- name: {name}\n  steps:\n  - model: {name}\n"
        response = anybody.post("pipelines/apply", content=text, headers={"Content-Type": "application/yaml"})
        assert response.status_code == 200, response.text
        (result,) = response.json()["results"]
        wait_switched(anybody, result["deployment"])
        assert answer_of(anybody, url_of(anybody, name, result["workspace_id"])) == 6.0
        apply(anybody, {"name": name, "state": "absent"})


def test_s3_08_five_configurations_in_a_row(server: PrivateServer, client: httpx.Client, room: Room) -> None:
    """Other models, a split, a shadow, other resources: each is tried, none needs a restart."""
    before = started(server)
    tried: list[list[dict[str, Any]]] = [
        [{"model": "one"}],
        [{"split": {"weights": {"two": 1}}}],
        [{"shadow": {"champion": "one", "challengers": ["three"]}}],
        [{"key_split": {"key": "region", "default": "three", "routes": {"eu": "two"}}}],
        [{"model": "two"}],
    ]
    answers = []
    for replicas, steps in enumerate(tried, 1):
        (url,) = room.serve(room.item("p", steps=steps, resources={"replicas": 1 + replicas % 2}))
        (out,) = infer(client, url, [{"tensor": [1.0, 2.0, 3.0], "region": "us"}])
        answers.append(out["y"])
    assert answers == [[6.0], [12.0], [6.0], [18.0], [12.0]]
    assert started(server) == before


@pytest.mark.parametrize("ending", ["updated", "removed"])
def test_s3_09_what_is_under_way_ends_on_the_version_it_began_with(
    server: PrivateServer, client: httpx.Client, room: Room, ending: str
) -> None:
    """A request of about a second; what comes after the switch gets the new version, or 404."""
    upload(client, models.slow(turns=1_500_000), "slow", workspace_id=room.workspace)
    upload(client, models.row_sum(1, 7.0), "seven", workspace_id=room.workspace)
    (url,) = room.serve(room.item("p", "slow"))
    found: list[httpx.Response] = []

    def ask() -> None:
        with server.client as own:
            found.append(own.post(url, json={"tensor": [[1]]}))

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.2)
    if ending == "updated":
        room.serve(room.item("p", "seven"))
        assert client.post(url, json={"tensor": [[1]]}).json()[0]["outputs"][0]["Float"]["data"] == [7.0]
    else:
        room.gone("p")
        assert client.post(url, json={"tensor": [[1]]}).status_code == 404
    asking.join()
    assert found[0].status_code == 200
    assert found[0].json()[0]["outputs"][0]["Float"]["data"] == [1.0]


BAD_UPDATES: list[tuple[int, dict[str, Any], str]] = [
    (404, {"steps": [{"model": "ones"}]}, "'pipelines[1].steps[0].model': Model 'ones' does not exist."),
    (404, {"steps": [{"model": f"one@{uuid.UUID(int=0)}"}]}, "model 'one' has no version"),
    (400, {"steps": [{"modle": "one"}]}, "unknown key 'pipelines[1].steps[0].modle'"),
    (400, {"steps": [{}]}, "'pipelines[1].steps[0]': expected one of model, split, key_split, shadow; got none"),
    (400, {"steps": [{"split": {"weights": {"one": -1}}}]}, ">= 0.0"),
    (400, {"definition": {"steps": [{"Nth": {"index": 0}}]}}, "before any model has given a result"),
    (400, {"definition": {"steps": [{"nth": {}}]}}, "unknown step type 'nth'"),
    (400, {"resources": {"memory": "1"}}, "from 128Mi"),
    (400, {"definition": {}, "steps": []}, "got both"),
]


@pytest.mark.parametrize(("status", "update", "sentence"), BAD_UPDATES)
def test_s3_10_a_bad_update_is_refused_as_a_whole(
    client: httpx.Client, quiet_room: Room, status: int, update: dict[str, Any], sentence: str
) -> None:
    """Nothing at all is changed: neither the pipeline nor the good one in the same request; no record is left."""
    room = quiet_room
    (url,) = room.serve(room.item("p"))
    before, records = room.get("p"), room.audit("p")
    bad = {"name": "p", "workspace": room.workspace, **update}
    error = refused(client, status, room.item("good"), bad)
    assert sentence in error["message"]
    assert room.get("p") == before
    assert room.audit("p") == records
    assert room.names() == ["p"]
    assert answer_of(client, url) == 6.0


def test_s3_11_what_is_managed_survives_a_restart(tmp_path: Path) -> None:
    """Definitions, what runs, what was removed, and who did it."""
    server = PrivateServer(tmp_path, options=OPTIONS)
    with server, server.client as client:
        room = make_room(client)
        room.serve(room.item("kept", "two"), room.item("removed"))
        room.gone("removed")
        versions, records = room.get("kept")["pipeline_versions"], room.audit("kept")
    with server, server.client as client:
        room = Room(client, room.workspace)
        assert room.names() == ["kept"]
        assert (room.get("kept")["pipeline_versions"], room.audit("kept")) == (versions, records)
        wait_running(client, room.get("kept")["deployment"]["name"])
        assert answer_of(client, url_of(client, "kept", room.workspace)) == 12.0
        assert apply(client, room.item("kept", "two"))["results"][0]["action"] == "same"


# ---------------------------------------------------------------- the four options


def test_s3_13_an_update_replaces_processes_of_that_pipeline_only(client: httpx.Client, room: Room) -> None:
    room.serve(room.item("a"), room.item("b"))

    def pids(name: str) -> list[str]:
        status = post(client, "status/get_deployment", name=room.get(name)["deployment"]["name"])
        return [engine["info"]["labels"]["pid"] for engine in status["engines"]]

    a, b = pids("a"), pids("b")
    room.serve(room.item("a", "two"))
    assert set(pids("a")).isdisjoint(a)
    assert pids("b") == b


def test_s3_13_more_replicas_keep_those_that_run(client: httpx.Client, room: Room) -> None:
    """A change of configuration alone loads no model again and makes no version."""
    room.serve(room.item("p"))
    before = room.get("p")

    def engines() -> set[str]:
        status = wait_running(client, before["deployment"]["name"])
        return {engine["name"] for engine in status["engines"]}

    (first,) = engines()
    more = apply(client, room.item("p", resources={"replicas": 3}))["results"][0]
    assert [item["text"] for item in more["diff"]] == ["replicas: 1 → 3"]
    assert more["deployment"]["replacing"] == []
    assert first in engines() and len(engines()) == 3
    apply(client, room.item("p", resources={"replicas": 1}))
    assert len(engines()) == 1
    assert room.get("p")["pipeline_versions"] == before["pipeline_versions"]


def test_s3_13_s3_16_a_file_on_any_path_is_applied_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is cut off in the middle changes nothing, says so in the log, and Jupyter starts."""
    whole = "pipelines:\n- {name: a, steps: [], state: present}\n- {name: b, steps: [], state: present}\n"
    file = tmp_path / "anywhere.yaml"
    monkeypatch.setenv(PATH_VARIABLE, str(file))
    server = PrivateServer(tmp_path / "server", options=OPTIONS)
    for text, expected, said in (
        (None, [], "the file cannot be read: No such file"),
        (whole[:-20], [], "was not applied: The text is not valid YAML"),
        (whole.replace("state: present}\n-", "state: presnt}\n-"), [], "Invalid enum value 'presnt'"),
        (whole, ["a", "b"], "Applied: 2 added."),
        (whole, ["a", "b"], "Applied: 2 unchanged."),
    ):
        if text is not None:
            file.write_text(text)
        with server, server.client as client:
            listed = post(client, "pipelines/list_pipelines")["pipelines"]
            assert [item["pipeline"]["name"] for item in listed] == expected
        assert said in server.log_path.read_text()


def test_s3_14_the_configuration_defines_pipelines_for_the_start(tmp_path: Path) -> None:
    """``WallarooApp.pipelines``: by the same call, as the server's owner, and recorded as such."""
    server = PrivateServer(tmp_path, options=OPTIONS)
    config = tmp_path / "jupyter_config_dir" / "jupyter_server_config.py"
    config.parent.mkdir()
    config.write_text("c.WallarooApp.pipelines = [{'name': 'own', 'steps': [], 'state': 'present'}]")
    with server, server.client as client:
        (record,) = post(client, "audit/list", pipeline="own")["records"]
        (user,) = post(client, "users/query")["users"].values()
        assert (record["action"], record["via"], record["username"]) == ("create", "start", user["username"])


def test_s3_15_x_02_every_way_leaves_the_same_records(server: PrivateServer, client: httpx.Client, room: Room) -> None:
    """REST's create and deploy, apply, apply as YAML, the client: alike but for what names the pipeline and the call."""
    one = next(
        item for item in post(client, "models/list", workspace_id=room.workspace)["models"] if item["name"] == "one"
    )
    version = one["model_versions"][0]["model_version"]
    said = {"id": "d", "steps": definition(version)["steps"]}
    made = post(client, "pipelines/create", pipeline_id="rest", workspace_id=room.workspace, definition=said)
    number = made["pipeline_variant_pk_id"]
    post(client, "pipelines/deploy", deploy_id="rest", pipeline_version_pk_id=number, engine_config={})
    apply(client, {"name": "json", "workspace": room.workspace, "definition": said})
    text = f"- {{name: yaml, workspace: {room.workspace}, definition: {said!r}}}"
    assert client.post("pipelines/apply", json={"yaml": text}).status_code == 200
    with Client(endpoint(server), token=server.token) as wl:
        wl.set_current_workspace(next(item for item in wl.list_workspaces() if item.id() == room.workspace))
        wl.apply({"name": "client", "definition": said}, wait_for_status=False)
    for name in ("rest", "json", "yaml", "client"):
        room.gone(name)

    def plain(name: str) -> list[dict[str, Any]]:
        unlike = {"id", "at", "via", "pipeline", "pipeline_id", "deployment_id"}
        kept = []
        for record in room.audit(name):
            for side in ("before", "after"):
                if record[side] is not None:
                    record[side] = {k: v for k, v in record[side].items() if k not in ("version", "deployment")}
            kept.append({key: value for key, value in record.items() if key not in unlike})
        return kept

    expected = plain("rest")
    assert [record["action"] for record in expected] == ["remove", "undeploy", "deploy", "create"]
    for name in ("json", "yaml", "client"):
        assert plain(name) == expected
    assert [record["via"] for record in room.audit("rest")][2:] == ["pipelines/deploy", "pipelines/create"]
    assert {record["via"] for record in room.audit("client")} == {"pipelines/apply"}


def test_s3_17_one_operation_in_one_table() -> None:
    """No endpoint per kind of edit: what adds, changes and removes is one line of the table."""
    paths = {route.path for route in ROUTES if route.path.startswith("pipelines/") and str(route.action) != "read"}
    assert paths == {
        "pipelines/apply",
        "pipelines/copy",
        "pipelines/create",
        "pipelines/deploy",
        "pipelines/rollback",
        "pipelines/undeploy",
        "pipelines/infer/{deploy_id}-{deployment_id}",
        "pipelines/infer/{deploy_id}-{deployment_id}/{pipeline_name}",
    }


# ---------------------------------------------------------------- open points, decided


def test_a15_each_on_its_own_when_that_is_asked_for(client: httpx.Client, room: Room) -> None:
    """``atomic: false``: what cannot be leaves the others alone, and says why."""
    answer = apply(client, room.item("good"), room.item("bad", "nothing"), room.item("fine", "two"), atomic=False)
    good, bad, fine = answer["results"]
    assert (good["action"], bad["action"], fine["action"]) == ("add", None, "add")
    assert bad["error"]["code"] == "not_found"
    assert "Model 'nothing' does not exist" in bad["error"]["message"]
    assert room.names() == ["good", "fine"]
    assert "\n    'pipelines[1].steps[0].model': Model 'nothing' does not exist." in answer["plan"]["text"]
    assert answer["plan"]["text"].endswith("Applied: 2 added, 1 failed.")


def test_a15_a_dry_run_only_says_what_would_be(client: httpx.Client, room: Room) -> None:
    """And refuses what the apply would refuse."""
    before = post(client, "audit/list", limit=1)["records"]
    answer = apply(client, room.item("p"), dry_run=True)
    assert (answer["dry_run"], answer["results"][0]["action"], answer["plan"]["add"]) == (True, "add", 1)
    assert answer["results"][0]["version"] is None
    assert answer["plan"]["text"].endswith("Plan: 1 to add.")
    refused(client, 404, room.item("p", "nothing"), dry_run=True)
    assert room.names() == []
    assert post(client, "audit/list", limit=1)["records"] == before


def test_a15_one_pipeline_comes_once_in_a_request(client: httpx.Client, room: Room) -> None:
    error = refused(client, 400, room.item("p"), room.item("P", "two"))
    assert "pipelines[1] ('P'): pipelines[0] is the same pipeline" in error["message"]


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("mode", ["create", "update", "upsert"])
def test_a16_the_mode_says_whether_it_may_be_there(
    client: httpx.Client, quiet_room: Room, mode: str, there: bool
) -> None:
    room = quiet_room
    room.gone("p")
    if there:
        apply(client, room.item("p", state="present"))
    item = room.item("p", "two", mode=mode, state="present")
    if (mode, there) == ("create", True):
        error = refused(client, 409, item)
        assert "has a pipeline named 'p' already" in error["message"]
        assert error["details"]["present_version"] == room.get("p")["pipeline_version"]["version"]
    elif (mode, there) == ("update", False):
        assert "pipeline 'p' does not exist" in refused(client, 404, item)["message"]
    else:
        assert apply(client, item)["results"][0]["action"] == ("change" if there else "add")


def test_a17_two_people_who_edit_at_once(client: httpx.Client, room: Room) -> None:
    """The second is refused with both versions; with the one that is there, it works."""
    seen = apply(client, room.item("p", state="present"))["results"][0]["version"]
    mine = room.item("p", "two", state="present", expected_version=seen)
    theirs = apply(client, room.item("p", "three", state="present", expected_version=seen))["results"][0]["version"]
    error = refused(client, 409, mine)
    assert seen in error["message"] and theirs in error["message"]
    assert error["details"]["expected_version"] == seen
    assert error["details"]["present_version"] == theirs
    assert apply(client, mine | {"expected_version": theirs})["results"][0]["action"] == "change"
    room.gone("p")
    assert "there is no such pipeline" in refused(client, 409, mine)["message"]


def test_a17_many_at_once_all_end_in_one_of_the_states(server: PrivateServer, room: Room) -> None:
    """Without an expected version the last one counts; nobody fails, no version is lost."""
    apply(room.client, room.item("p", state="present"))
    codes: list[int] = []

    def change(model: str) -> None:
        with server.client as own:
            for _ in range(5):
                body = {"pipelines": [room.item("p", model, state="present")]}
                codes.append(own.post("pipelines/apply", json=body).status_code)

    threads = [threading.Thread(target=change, args=(model,)) for model in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {200, 409} and codes.count(200) >= 5
    records = room.audit("p")
    assert len(records) == len(room.get("p")["pipeline_versions"])
    chain = [(record["before"] or {}).get("version") for record in records[:-1]]
    assert chain == [record["after"]["version"] for record in records[1:]]


# ---------------------------------------------------------------- states


def test_present_is_there_and_does_not_run(client: httpx.Client, room: Room) -> None:
    (url,) = room.serve(room.item("p"))
    (result,) = apply(client, {"name": "p", "workspace": room.workspace, "state": "present"})["results"]
    assert (result["action"], result["deployment"]) == ("change", None)
    assert client.post(url, json={"tensor": [[1, 2, 3]]}).status_code == 404
    assert room.get("p")["deployment"] is None
    assert room.serve({"name": "p", "workspace": room.workspace}) == [url], "deployed again at its old address"


def test_a_removed_pipeline_that_is_made_again_is_another_one(client: httpx.Client, room: Room) -> None:
    """With an id, versions and an address of its own; the records of both are told apart by the id."""
    (old_url,) = room.serve(room.item("p"))
    old = room.get("p")
    room.gone("p")
    for path, body in (
        ("pipelines/get_pipeline_by_name", {"pipeline_name": "p", "workspace_id": room.workspace}),
        ("pipelines/deploy", {"deploy_id": "p", "pipeline_version_pk_id": old["pipeline_version"]["id"]}),
        ("pipelines/copy", {"name": "q", "workspace_id": room.workspace, "source_pipeline": old["pipeline"]["id"]}),
        ("pipelines/rollback", {"pipeline_id": old["pipeline"]["id"]}),
    ):
        assert client.post(path, json=body).status_code == 404, path
    (new_url,) = room.serve(room.item("p", "two"))
    new = room.get("p")
    assert new["pipeline"]["id"] != old["pipeline"]["id"]
    assert len(new["pipeline_versions"]) == 1
    assert new_url != old_url
    assert client.post(old_url, json={"tensor": [[1, 2, 3]]}).status_code == 404
    assert {record["pipeline_id"] for record in room.audit("p")} == {old["pipeline"]["id"], new["pipeline"]["id"]}


def test_what_is_not_said_stays(client: httpx.Client, room: Room) -> None:
    """Resources without steps, steps without resources."""
    room.serve(room.item("p", resources={"memory": "1Gi"}))
    room.serve({"name": "p", "workspace": room.workspace, "resources": {"cpus": 2}})
    room.serve(room.item("p", "two"))
    engine = room.get("p")["deployment"]["engine_config"]["engine"]
    assert engine["cpu"] == 2
    assert engine["resources"]["limits"] == {"cpu": 2, "memory": "1Gi"}
    assert answer_of(client, url_of(client, "p", room.workspace)) == 12.0


# ---------------------------------------------------------------- plans for a reader


def test_a_plan_can_be_read(client: httpx.Client, room: Room) -> None:
    """Weights, a new version of a model, a removed step, replicas; what is new, what goes, what stays (Must show 6)."""
    split = {"split": {"weights": {"one": 2, "two": 1}}}
    apply(
        client,
        room.item("fraud", steps=[split, {"model": "three"}], state="present"),
        room.item("house", state="present"),
        room.item("old", state="present"),
        room.item("calm", state="present"),
    )
    newer = upload(client, models.row_sum(3, 9.0), "one", workspace_id=room.workspace)["file_info"]
    older = room.get("house")["pipeline_version"]["definition"]["steps"][0]["ModelInference"]["models"][0]
    answer = apply(
        client,
        room.item("fraud", steps=[{"split": {"weights": {f"one@{older['version']}": 1, "two": 1}}}], state="present"),
        room.item("house", state="present"),
        {"name": "old", "workspace": room.workspace, "state": "absent"},
        {"name": "calm", "workspace": room.workspace, "state": "present"},
        room.item("new", "two", state="present"),
        dry_run=True,
    )
    workspace = next(
        item["name"] for item in post(client, "workspaces/list")["workspaces"] if item["id"] == room.workspace
    )
    shown = answer["plan"]["text"].replace(f" (workspace {workspace!r})", "")
    for text, short in (
        (f"{older['version'][:8]} (sha {older['sha'][:8]})", "OLD"),
        (f"{newer['version'][:8]} (sha {newer['sha'][:8]})", "NEW"),
    ):
        shown = shown.replace(text, short)
    lines = shown.splitlines()
    assert lines[0] == "~ fraud"
    assert lines[1] == "    ~ step 0, split: weight of 'one' 2 → 1"
    assert lines[2].startswith("    - step 1, model: 'three' version ")
    assert lines[3:8] == [
        "~ house",
        "    ~ step 0, model: 'one' version OLD → 'one' version NEW",
        "- old",
        "= calm",
        "+ new",
    ]
    assert lines[8].startswith("    + step 0, model: 'two' version ")
    assert lines[9:] == ["Plan: 1 to add, 2 to change, 1 to remove, 1 unchanged."]
    (weight, removed), (version,) = (answer["results"][number]["diff"] for number in (0, 1))
    assert (weight["path"], weight["before"], weight["after"]) == ("steps[0].weights['one'].weight", 2, 1)
    assert (removed["action"], removed["path"]) == ("remove", "steps[1]")
    assert version["before"]["sha"] == older["sha"]
    assert version["after"]["version"] == newer["version"]


# ---------------------------------------------------------------- rolling back, comparing


def test_a_rollback_brings_the_version_before_back(client: httpx.Client, room: Room) -> None:
    """Under the same deployment, without a new version, and the record says so; twice is where it began."""
    (url,) = room.serve(room.item("p", "one"))
    room.serve(room.item("p", "two", resources={"replicas": 2}))
    before = room.get("p")
    newest, first = before["pipeline_versions"]
    done = post(client, "pipelines/rollback", pipeline_id=before["pipeline"]["id"])
    assert (done["from_version"], done["to_version"]) == (newest, first)
    wait_switched(client, {"name": done["deployment"], "replacing": done["replacing"]})
    assert answer_of(client, url) == 6.0
    after = room.get("p")
    assert after["pipeline_versions"] == before["pipeline_versions"]
    assert after["deployment"]["id"] == before["deployment"]["id"] == done["deployment_id"]
    assert after["deployment"]["maximum_replicas"] == 2
    record = room.audit("p")[0]
    assert (record["action"], record["via"]) == ("rollback", "pipelines/rollback")
    assert (record["before"]["version"], record["after"]["version"]) == (newest, first)
    again = post(client, "pipelines/rollback", pipeline_name="p", workspace_id=room.workspace)
    assert again["to_version"] == newest
    wait_switched(client, {"name": again["deployment"], "replacing": again["replacing"]})
    assert answer_of(client, url) == 12.0
    assert apply(client, room.item("p", "two"))["results"][0]["action"] == "same"


def test_a_rollback_to_a_version_by_its_uuid(client: httpx.Client, room: Room) -> None:
    for model in ("one", "two", "three"):
        (url,) = room.serve(room.item("p", model))
    versions = room.get("p")["pipeline_versions"]
    number = room.get("p")["pipeline"]["id"]
    done = post(client, "pipelines/rollback", pipeline_id=number, to=versions[2])
    wait_switched(client, {"name": done["deployment"], "replacing": done["replacing"]})
    assert answer_of(client, url) == 6.0
    plan = apply(client, {"name": "p", "workspace": room.workspace}, dry_run=True)["results"][0]["diff"]
    assert plan[0]["text"] == f"deployed version: '{versions[2]}' → '{versions[0]}'"


def test_a_rollback_brings_the_configuration_of_the_models_back(client: httpx.Client, room: Room) -> None:
    """A wrong configuration is what one wants to go back from, too."""
    (url,) = room.serve(room.item("p", "one"))
    number = room.get("p")["pipeline"]["id"]
    found = post(client, "models/list", workspace_id=room.workspace)["models"]
    one = next(item for item in found if item["name"] == "one")["model_versions"][0]["model_version"]
    post(client, "models/insert_model_config", model_version_id=one["id"], tensor_fields=["other"])
    record = next(item for item in post(client, "audit/list", workspace_id=room.workspace)["records"])
    assert (record["action"], record["model"], record["after"]["tensor_fields"]) == ("configure", "one", ["other"])
    room.serve(
        room.item("p", steps=[{"model": "one"}, {"split": {"weights": {"one": 1}}}], state="present")
        | {"steps": [{"split": {"weights": {"one": 1}}}], "state": "deployed"}
    )
    asked = client.post(
        url, json=[{"other": [1, 2, 3]}], headers={"Content-Type": "application/json; format=pandas-records"}
    )
    assert asked.status_code == 200
    done = post(client, "pipelines/rollback", pipeline_id=number)
    wait_switched(client, {"name": done["deployment"], "replacing": done["replacing"]})
    assert answer_of(client, url) == 6.0


def test_what_cannot_be_rolled_back_says_why(client: httpx.Client, room: Room) -> None:
    room.serve(room.item("p"))
    number, (only,) = room.get("p")["pipeline"]["id"], room.get("p")["pipeline_versions"]
    never = apply(client, room.item("q", state="present"))["results"][0]["version"]

    def refusal(status: int, **body: Any) -> str:
        response = client.post("pipelines/rollback", json=body)
        assert response.status_code == status, response.text
        message: str = response.json()["message"]
        return message

    assert "never ran another version" in refusal(409, pipeline_id=number)
    assert "does not exist" in refusal(404, pipeline_id=number, to=never)
    assert "is 'p'; 'pipeline_name' is 'q'" in refusal(400, pipeline_id=number, pipeline_name="q")
    assert "Expected 'pipeline_id', or" in refusal(400)
    assert "Expected 'pipeline_id', or" in refusal(400, pipeline_name="p")
    assert "Pipeline 'pp' does not exist" in refusal(404, pipeline_name="pp", workspace_id=room.workspace)
    post(client, "pipelines/create", pipeline_id="p", workspace_id=room.workspace, definition={"steps": []})
    stored = room.get("p")["pipeline_versions"][0]
    assert stored != only
    assert "never ran: there is no way back" in refusal(400, pipeline_id=number, to=stored)
    apply(client, {"name": "p", "workspace": room.workspace, "state": "present"})
    assert "is not deployed" in refusal(409, pipeline_id=number)


def test_two_versions_compared(client: httpx.Client, room: Room) -> None:
    room.serve(room.item("p", "one"))
    room.serve(room.item("p", "two", resources={"replicas": 2}))
    newest, first = room.get("p")["pipeline_versions"]
    found = post(client, "pipelines/diff", **{"from": first, "to": newest})
    assert [item["path"] for item in found["differences"]] == ["steps[0].models[0]", "replicas"]
    assert found["text"].startswith("~ step 0, model: 'one' version ")
    assert found["text"].endswith("~ replicas: 1 → 2")
    assert found["from"]["version"] == first and found["from"]["was_deployed"]
    same = post(client, "pipelines/diff", **{"from": first, "to": first})
    assert (same["differences"], same["text"]) == ([], "= no difference")
    assert client.post("pipelines/diff", json={"from": first, "to": "x"}).status_code == 404


def test_the_audit_comes_by_page(client: httpx.Client, room: Room) -> None:
    """Newest first, by the id of the last record seen."""
    for model in ("one", "two", "three"):
        apply(client, room.item("p", model, state="present"))
    everything = room.audit("p")
    where = {"pipeline": "p", "workspace_id": room.workspace, "limit": 2}
    first = post(client, "audit/list", **where)
    last = post(client, "audit/list", **where, before_id=first["before_id"])
    assert first["records"] + last["records"] == everything
    assert last["before_id"] is None
    for limit in (0, 1001):
        assert "'limit': expected 1 to 1000" in client.post("audit/list", json={"limit": limit}).json()["message"]
