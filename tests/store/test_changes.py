"""Changes of pipelines: all or none, each with its record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from jupyter_wallaroo.errors import NotFound
from jupyter_wallaroo.store import audit, changes, deployments, pipelines, users, workspaces
from jupyter_wallaroo.store.audit import Author
from jupyter_wallaroo.store.changes import Changed, PipelineChange, Present, Stale, Wanted
from jupyter_wallaroo.store.migrations import migrations
from jupyter_wallaroo.types.audit import AuditRecord

ROOM = 1


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A new database with all tables and one user, whose default workspace is `ROOM`."""
    made = Database(tmp_path / "test.db")
    made.conn.isolation_level = None
    made.conn.execute("PRAGMA foreign_keys=ON")
    migrations.apply(made)
    users.ensure(made, "ann", "Ann")
    yield made
    made.conn.close()


def author(db: Database) -> Author:
    return Author(user_id=users.ensure(db, "ann", "Ann").id, via="test")


def commit(db: Database, *wanted: PipelineChange) -> list[Changed]:
    with db.atomic():
        return changes.commit(db, author(db), list(wanted))


def change(name: str, **what: Any) -> PipelineChange:
    return PipelineChange(workspace_id=ROOM, name=name, **what)


def wanted(**what: Any) -> Wanted:
    return Wanted(**{"deploy_id": "d", "engine_config": {"engine": {"replicas": 1}}, "model_config_ids": [3], **what})


def records(db: Database, **where: Any) -> list[AuditRecord]:
    asked = {"workspace_id": None, "pipeline": None, "before_id": None, "limit": 100, **where}
    return audit.page(db, **asked)


def test_each_change_leaves_its_record(db: Database) -> None:
    """Created, deployed, changed, undeployed, removed: who, by which call, from what, to what."""
    (made,) = commit(db, change("Pipe", definition={"id": "1"}, wanted=wanted()))
    assert made.version is not None and made.deployed is not None
    (next_one,) = commit(db, change("PIPE", definition={"id": "2"}, wanted=wanted(model_config_ids=[4])))
    assert next_one.version is not None and next_one.deployed is not None
    assert next_one.deployed.id == made.deployed.id
    (ended,) = commit(db, change("pipe", unwanted=[made.deployed.id]))
    assert ended.undeployed == [made.deployed.id]
    assert commit(db, change("pipe", unwanted=[made.deployed.id]))[0].undeployed == []
    assert commit(db, change("pipe", removes=True))[0].version is None
    found = records(db)[::-1]
    assert [str(record.action) for record in found] == ["create", "deploy", "version", "deploy", "undeploy", "remove"]
    assert {(record.pipeline, record.username, record.via) for record in found} == {("Pipe", "ann", "test")}
    first, second = made.version.version, next_one.version.version
    running = {"deployment": made.deployed.name, "engine_config": {"engine": {"replicas": 1}}}
    assert [record.before for record in found] == [
        None,
        None,
        {"version": first, "definition": {"id": "1"}},
        {**running, "version": first, "model_config_ids": [3]},
        {**running, "version": second, "model_config_ids": [4]},
        {"version": second, "definition": {"id": "2"}},
    ]
    assert [record.after for record in found] == [
        {"version": first, "definition": {"id": "1"}},
        {**running, "version": first, "model_config_ids": [3]},
        {"version": second, "definition": {"id": "2"}},
        {**running, "version": second, "model_config_ids": [4]},
        None,
        None,
    ]


def test_one_stale_change_undoes_all(db: Database) -> None:
    """Nothing is written, no record either."""
    commit(db, change("a", definition={}))
    seen = changes.present(db, ROOM, "a")
    commit(db, change("a", definition={"id": "by somebody else"}))
    before = records(db)
    with pytest.raises(Stale):
        commit(db, change("b", definition={}, wanted=wanted()), change("a", seen=seen, definition={"id": "mine"}))
    assert changes.present(db, ROOM, "b") == Present()
    assert records(db) == before
    commit(db, change("a", seen=changes.present(db, ROOM, "a"), definition={"id": "mine"}))


def test_a_deployment_that_changes_makes_a_plan_stale(db: Database) -> None:
    commit(db, change("a", definition={}))
    seen = changes.present(db, ROOM, "a")
    commit(db, change("a", wanted=wanted()))
    with pytest.raises(Stale):
        commit(db, change("a", seen=seen, removes=True))


def test_what_must_be_new_is_refused_when_it_is_there(db: Database) -> None:
    """As a copy must: its plan saw nothing."""
    (first,) = commit(db, change("a", seen=Present(), definition={}))
    with pytest.raises(Stale):
        commit(db, change("A", seen=Present(), definition={"id": "x"}))
    assert changes.present(db, ROOM, "a").version == first.version


def test_a_removed_pipeline_is_gone_and_its_name_free(db: Database) -> None:
    """Its rows and records stay; one that is made by its name is another one, with a history of its own."""
    (old,) = commit(db, change("a", definition={"id": "old"}, wanted=wanted()))
    assert old.version is not None and old.deployed is not None
    commit(db, change("a", unwanted=[old.deployed.id], removes=True))
    assert changes.present(db, ROOM, "a") == Present()
    assert pipelines.get(db, old.version.pipeline_id) is None
    assert pipelines.names(db, ROOM) == {}
    assert [item.pipelines for item in workspaces.with_contents(db)] == [[]]
    assert pipelines.version(db, old.version.id) == old.version
    (new,) = commit(db, change("a", definition={"id": "new"}, wanted=wanted()))
    assert new.version is not None and new.deployed is not None
    assert new.version.pipeline_id != old.version.pipeline_id
    assert new.deployed.id != old.deployed.id
    assert len(pipelines.versions(db, new.version.pipeline_id)) == 1
    assert [item.pipelines for item in workspaces.with_contents(db)] == [[new.version.pipeline_id]]
    assert [str(record.action) for record in records(db, pipeline="A")] == [
        *("deploy", "create", "remove", "undeploy", "deploy", "create")
    ]
    with pytest.raises(NotFound, match="removed meanwhile"):
        commit(db, change("a", wanted=wanted(pipeline_version_id=old.version.id)))


def test_releases_are_what_ran_the_last_first(db: Database) -> None:
    """With the configurations of the models, which a rollback brings back."""
    (first,) = commit(db, change("a", definition={}, wanted=wanted(model_config_ids=[1])))
    (second,) = commit(db, change("a", definition={"id": "b"}, wanted=wanted(model_config_ids=[2])))
    assert first.version is not None and second.version is not None
    assert [(item.pipeline_version_id, item.model_config_ids) for item in deployments.releases(db, 1)] == [
        (second.version.id, [2]),
        (first.version.id, [1]),
    ]


def test_a_release_that_is_refused_gives_way_to_the_one_that_runs(db: Database) -> None:
    """With its configuration; unless something else is wanted meanwhile."""
    (first,) = commit(db, change("a", definition={}, wanted=wanted(model_config_ids=[1])))
    (second,) = commit(db, change("a", definition={"id": "b"}, wanted=wanted(model_config_ids=[2])))
    assert first.deployed is not None and second.deployed is not None
    number, running, refused = first.deployed.id, first.deployed.release_id, second.deployed.release_id
    changes.refuse(db, author(db), number, refused, running)
    kept = deployments.get(db, number)
    assert kept == first.deployed
    assert [item.id for item in deployments.releases(db, 1)] == [running]
    record = records(db)[0]
    assert (str(record.action), record.deployment_id) == ("refuse", number)
    assert [side and side["model_config_ids"] for side in (record.before, record.after)] == [[2], [1]]
    changes.refuse(db, author(db), number, refused, running)
    assert records(db)[0] == record, "it was written down already"
    commit(db, change("a", wanted=wanted(model_config_ids=[3])))
    changes.refuse(db, author(db), number, refused, running)
    found = deployments.get(db, number)
    assert found is not None and found.model_config_ids == [3]


def test_records_come_by_page_and_by_what_they_are_about(db: Database) -> None:
    for number in range(5):
        commit(db, change("a" if number % 2 else "b", definition={"id": str(number)}))
    everything = records(db)
    assert [record.id for record in everything] == sorted((record.id for record in everything), reverse=True)
    page = records(db, limit=2)
    assert page == everything[:2]
    assert records(db, limit=2, before_id=page[-1].id) == everything[2:4]
    assert {record.pipeline for record in records(db, pipeline="a")} == {"a"}
    assert records(db, workspace_id=ROOM + 1) == []


def test_a_released_database_keeps_its_deployments(tmp_path: Path) -> None:
    """What ran before the upgrade is what ran last; pipelines stay listed."""
    db = Database(tmp_path / "old.db")
    migrations.apply(db, stop_before="changes")
    ann = users.ensure(db, "ann", "Ann")
    row = {"owner_id": ann.id, "created_at": "2026", "updated_at": "2026", "workspace_id": ROOM}
    db["pipelines"].insert({"id": 1, "name": "a", "name_key": "a", **row})
    version = {
        "id": 1,
        "pipeline_id": 1,
        "version": "u",
        "definition": "{}",
        "created_by": ann.id,
        "created_at": "2026",
    }
    db["pipeline_versions"].insert(version)
    run = {"deploy_id": "d", "pipeline_version_id": 1, "engine_config": "{}", "model_config_ids": "[7]", "wanted": 1}
    db["deployments"].insert({"id": 1, "pipeline_id": 1, "created_at": "2026", "updated_at": "2026", **run})
    migrations.apply(db)
    assert [item.model_config_ids for item in deployments.releases(db, 1)] == [[7]]
    assert list(pipelines.names(db, None).values()) == ["a"]
    running = changes.present(db, ROOM, "a").running
    assert running is not None and running.release_id == 1
    db.conn.close()
