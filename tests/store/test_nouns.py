"""Rows of users, workspaces, models, pipelines and deployments: unique names, versions in order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from jupyter_wallaroo.store import deployments, models, pipelines, users, workspaces
from jupyter_wallaroo.store.migrations import migrations
from jupyter_wallaroo.types.framework import Runtime
from jupyter_wallaroo.types.model import Conversion, ModelReference, Signature, TensorSpec
from jupyter_wallaroo.types.pipeline import PipelineVersion
from jupyter_wallaroo.types.plan import Converted, Inspected
from jupyter_wallaroo.types.user import User

SIGNATURE = Signature(
    inputs=[TensorSpec(name="x", dtype="float32", shape=[None, 2])],
    outputs=[TensorSpec(name="y", dtype="string", shape=[None])],
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A new database with all tables."""
    made = Database(tmp_path / "test.db")
    made.conn.execute("PRAGMA foreign_keys=ON")
    migrations.apply(made)
    yield made
    made.conn.close()


@pytest.fixture
def ann(db: Database) -> User:
    """A user; her default workspace is the first one."""
    return users.ensure(db, "ann", "Ann")


@pytest.fixture
def room(db: Database, ann: User) -> int:
    """The id of a workspace."""
    key = workspaces.insert(db, "room", ann.id)
    assert key is not None
    return key


def upload(db: Database, workspace_id: int, user: User, name: str = "net", sha: str = "a" * 64) -> int:
    return models.insert_version(
        db,
        workspace_id=workspace_id,
        name=name,
        user_id=user.id,
        sha=sha,
        file_name="net.onnx",
        size_bytes=10,
        visibility="private",
        conversion=Conversion(),
        settings={},
        sample=None,
        converted=Converted(
            found=Inspected(runtime=Runtime.ONNX, signature=SIGNATURE), artifact_sha=None, requirements=[]
        ),
    )


def add(db: Database, workspace_id: int, name: str, definition: dict[str, object], user: User) -> PipelineVersion:
    return pipelines.insert_version(db, workspace_id, name, definition, user.id)


def test_a_user_is_made_once(db: Database, ann: User) -> None:
    """The identity provider names the same person on every request."""
    assert ann.id == users.ensure(db, "ann", "Ann B.").id
    assert [ann.id] == list(users.by_ids(db, None))
    assert list(users.by_ids(db, ["nobody"])) == []
    default = workspaces.get(db, users.default_workspace_id(db, ann.id))
    assert default is not None and ("ann - Default Workspace", ann.id) == (default.name, default.created_by)


def test_a_default_workspace_finds_a_free_name(db: Database, ann: User) -> None:
    """Somebody may have called a workspace so before the user first came."""
    workspaces.insert(db, "BEN - default workspace", ann.id)
    ben = users.ensure(db, "ben", "Ben")
    found = workspaces.get(db, users.default_workspace_id(db, ben.id))
    assert found is not None and found.name == "ben - Default Workspace 2"


def test_a_workspaces_name_is_unique_whatever_its_case(db: Database, ann: User, room: int) -> None:
    """Taken names are refused, and each spelling finds the one there is."""
    assert workspaces.insert(db, "ROOM", ann.id) is None
    found = workspaces.by_name(db, "Room")
    assert found is not None and (room, "room") == (found.id, found.name)
    assert workspaces.by_name(db, "roo") is None


def test_workspaces_show_what_they_hold(db: Database, ann: User, room: int) -> None:
    """Ids of models and pipelines, oldest first, each in its own workspace."""
    other = workspaces.insert(db, "other", users.ensure(db, "ben", "Ben").id)
    assert other is not None
    upload(db, room, ann, "b")
    upload(db, room, ann, "a")
    upload(db, room, ann, "b")
    add(db, other, "p", {}, ann)
    contents = {item.name: (item.models, item.pipelines) for item in workspaces.with_contents(db)}
    assert contents["room"] == ([1, 2], [])
    assert contents["other"] == ([], [1])
    assert [1, room] == [item.id for item in workspaces.with_contents(db, user_id=ann.id)]


def test_uploads_of_one_name_are_versions_of_one_model(db: Database, ann: User, room: int) -> None:
    """Whatever the case; versions are listed oldest first and keep their own ids (S2-21)."""
    first, second = upload(db, room, ann, "Net"), upload(db, room, ann, "nET", "b" * 64)
    assert len(models.names(db, room)) == 1
    model = models.by_name(db, "net")[0]
    assert model.name == "Net"
    assert [(first, "a" * 64), (second, "b" * 64)] == [
        (item.model_version.id, item.model_version.file_info.sha) for item in models.versions(db, model.id)
    ]
    assert len({item.model_version.file_info.version for item in models.versions(db, model.id)}) == 2
    assert {"a" * 64, "b" * 64} == models.known_shas(db)


def test_the_same_name_in_two_workspaces_is_two_models(db: Database, ann: User, room: int) -> None:
    """A workspace is a room of its own."""
    upload(db, room, ann)
    upload(db, 1, ann)
    assert len(models.by_name(db, "NET")) == 2
    assert models.names(db, room) == ["net"]


def test_a_version_is_stored_as_it_was_given(db: Database, ann: User, room: int) -> None:
    """Signature and conversion survive the way through text."""
    found = models.version(db, upload(db, room, ann))
    assert found is not None
    assert found.model_version.signature == SIGNATURE
    assert Conversion() == found.model_version.conversion
    assert (
        found.model_version.file_info.size,
        found.model_version.file_info.file_name,
        found.model_version.status,
    ) == (10, "net.onnx", "ready")
    assert models.version(db, 99) is None


def test_the_newest_configuration_counts(db: Database, ann: User, room: int) -> None:
    """Older ones can still be named by id."""
    version_id = upload(db, room, ann)
    old = models.insert_config(db, version_id, {"tensor_fields": ["a"]})
    new = models.insert_config(db, version_id, {"tensor_fields": ["b"]})
    found = models.version(db, version_id)
    assert found is not None and (new.id, ["b"]) == (found.config.id, found.config.tensor_fields)
    assert old == models.config(db, old.id)
    assert len(models.versions(db, 1)) == 1


def test_a_reference_is_found_in_its_own_workspace_only(db: Database, ann: User, room: int) -> None:
    """A UUID seen elsewhere opens nothing."""
    found = models.version(db, upload(db, room, ann))
    assert found is not None
    reference = ModelReference(name="net", version=found.model_version.file_info.version, sha="")
    assert found == models.referenced(db, room, reference)
    assert models.referenced(db, 1, reference) is None


def test_pipeline_versions_are_newest_first(db: Database, ann: User, room: int) -> None:
    """As the seed shows them (S2-21)."""
    made = [add(db, room, "pipe", {"id": str(number)}, ann) for number in range(3)]
    listed = pipelines.versions(db, made[0].pipeline_id)
    assert [version.id for version in made[::-1]] == [version.id for version in listed]
    assert listed[0] == pipelines.version_by_uuid(db, made[-1].version)
    assert listed[0] == pipelines.version(db, made[-1].id)


def test_a_pipelines_name_is_unique_in_its_workspace(db: Database, ann: User, room: int) -> None:
    """The same name adds a version (A2), another workspace makes another pipeline."""
    first = add(db, room, "Pipe", {}, ann)
    assert first.pipeline_id == add(db, room, "PIPE", {"id": "x"}, ann).pipeline_id
    assert first.pipeline_id != add(db, 1, "Pipe", {}, ann).pipeline_id
    assert room == pipelines.workspace_id_of(db, first.pipeline_id)
    assert len(pipelines.names(db, room)) == 1


def test_a_version_that_repeats_the_last_says_so(db: Database, ann: User, room: int) -> None:
    """A13: a repetition is a version of its own that names the one before."""
    first, again, changed, back = (add(db, room, "pipe", {"id": text}, ann) for text in ("a", "a", "b", "a"))
    assert [None, first.version, None, None] == [item.same_as for item in (first, again, changed, back)]


def test_a_deployment_keeps_its_id_under_its_name(db: Database, ann: User, room: int) -> None:
    """S1-24: undeployed and deployed again it has the same URL."""
    version = add(db, room, "pipe", {}, ann)

    def want(deploy_id: str, replicas: int) -> deployments.Deployment:
        return deployments.want(
            db,
            pipeline_id=version.pipeline_id,
            deploy_id=deploy_id,
            pipeline_version_id=version.id,
            engine_config={"engine": {"replicas": replicas}},
            model_config_ids=[1, 2],
        )

    first, other = want("pipe", 1), want("shadow", 1)
    assert f"pipe-{first.id}" == first.name
    assert [first, other] == deployments.wanted(db)
    deployments.unwant(db, first.id)
    assert [other] == deployments.wanted(db)
    again = want("pipe", 2)
    assert first.id == again.id
    assert again.engine_config == {"engine": {"replicas": 2}}
    assert again == deployments.get(db, first.id)
    assert {first.id, other.id} == {item.id for item in deployments.of_pipeline(db, version.pipeline_id)}
    assert deployments.get(db, 99) is None
