"""Rows of connections, their links, and the users of a workspace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlite_utils import Database

from jupyter_wallaroo.store import connections, users, workspace_users, workspaces
from jupyter_wallaroo.store.migrations import migrations
from jupyter_wallaroo.store.secrets import Sealed
from jupyter_wallaroo.types.user import User
from jupyter_wallaroo.types.workspace import UserType

SEALED = Sealed("key", b"\x00nonce", b"\xffcipher")


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


def add(db: Database, name: str, user: User) -> str:
    connection_id = f"id of {name}"
    assert connections.insert(db, connection_id=connection_id, name=name, kind="HTTP", user_id=user.id, sealed=SEALED)
    return connection_id


def room(db: Database, name: str, user: User) -> int:
    key = workspaces.insert(db, name, user.id)
    assert key is not None
    return key


def test_a_database_of_the_released_version_keeps_what_it_has(tmp_path: Path) -> None:
    """The step below the released ones adds tables and touches none."""
    db = Database(tmp_path / "old.db")
    migrations.apply(db, stop_before="connections")
    ann = users.ensure(db, "ann", "Ann")
    tables = {name: db.table(name).schema for name in db.table_names() if not name.startswith("_")}
    assert "connections" not in tables
    migrations.apply(db, stop_before="changes")
    assert tables.items() <= {name: db.table(name).schema for name in db.table_names()}.items()
    migrations.apply(db)
    assert users.ensure(db, "ann", "Ann") == ann
    add(db, "a", ann)
    db.conn.close()


def test_a_name_is_unique_whatever_its_case(db: Database, ann: User) -> None:
    """And a refused one leaves nothing behind."""
    add(db, "Sales", ann)
    other = users.ensure(db, "ben", "Ben")
    assert not connections.insert(db, connection_id="x", name="sALES", kind="", user_id=other.id, sealed=SEALED)
    found = connections.by_name(db, "SALES")
    assert found is not None and (found.id, found.name) == ("id of Sales", "Sales")
    assert connections.by_id(db, "x") is None
    assert connections.sealed(db, "x") is None


def test_what_is_sealed_is_kept_byte_for_byte(db: Database, ann: User) -> None:
    assert connections.sealed(db, add(db, "a", ann)) == SEALED


def test_links_keep_their_order_and_their_ids(db: Database, ann: User) -> None:
    """Linked again it is the same link (A25); removed and linked again it is a new one at the end (S2-10)."""
    first, second = add(db, "first", ann), add(db, "second", ann)
    link = connections.link(db, second, 1)
    assert connections.link(db, first, 1) != link
    assert connections.link(db, second, 1) == link
    assert [item.name for item in connections.of_workspace(db, 1)] == ["second", "first"]
    assert [item.name for item in connections.every(db)] == ["first", "second"]
    assert connections.unlink(db, second, 1)
    assert not connections.unlink(db, second, 1)
    assert connections.link(db, second, 1) != link
    assert [item.name for item in connections.of_workspace(db, 1)] == ["first", "second"]
    assert db.table("connection_links").count == 2


def test_a_connection_names_its_workspaces_in_the_order_of_linking(db: Database, ann: User) -> None:
    one, other = add(db, "one", ann), add(db, "other", ann)
    second = room(db, "second", ann)
    for workspace_id in (second, 1):
        connections.link(db, one, workspace_id)
    for found in (connections.by_id(db, one), connections.by_name(db, "one"), connections.of_workspace(db, 1)[0]):
        assert found is not None and found.workspace_names == ["second", "ann - Default Workspace"]
    assert [item.workspace_names for item in connections.every(db)] == [["second", "ann - Default Workspace"], []]
    assert other not in {item.id for item in connections.of_workspace(db, 1)}


def test_deleting_takes_details_and_links_along(db: Database, ann: User) -> None:
    gone, kept = add(db, "gone", ann), add(db, "kept", ann)
    for connection_id in (gone, kept):
        connections.link(db, connection_id, 1)
    connections.delete(db, gone)
    assert connections.names(db) == ["kept"]
    assert [row["connection_id"] for row in db.table("connection_details").rows] == [kept]
    assert [row["connection_id"] for row in db.table("connection_links").rows] == [kept]
    add(db, "gone", ann)


def test_readers_are_the_creator_and_the_users_of_linked_workspaces(db: Database, ann: User) -> None:
    """A11."""
    ben, eve, dan = (users.ensure(db, name, name) for name in ("ben", "eve", "dan"))
    connection_id = add(db, "a", ann)
    shared = room(db, "shared", ben)
    workspace_users.add(db, shared, eve.id, UserType.COLLABORATOR)

    def readers() -> list[str]:
        return [user.username for user in (ann, ben, eve, dan) if connections.may_read(db, connection_id, user.id)]

    assert readers() == ["ann"]
    connections.link(db, connection_id, shared)
    assert readers() == ["ann", "ben", "eve"]
    assert workspace_users.remove(db, shared, eve.id) == 1
    assert readers() == ["ann", "ben"]
    connections.unlink(db, connection_id, shared)
    assert readers() == ["ann"]


def test_the_users_of_a_workspace(db: Database, ann: User) -> None:
    """Its creator first, the others as they were added; added again one becomes what was said."""
    ben, eve = (users.ensure(db, name, name) for name in ("ben", "eve"))
    workspace_users.add(db, 1, eve.id, UserType.COLLABORATOR)
    workspace_users.add(db, 1, ben.id, UserType.OWNER)
    workspace_users.add(db, 1, eve.id, UserType.OWNER)
    listed = [(user.username, user.user_type) for user in workspace_users.of_workspace(db, 1)]
    assert listed == [("ann", "OWNER"), ("eve", "OWNER"), ("ben", "OWNER")]
    assert workspace_users.remove(db, 1, ben.id) == 1
    assert workspace_users.remove(db, 1, ben.id) == 0
    assert [user.username for user in workspace_users.of_workspace(db, 1)] == ["ann", "eve"]
    assert workspace_users.of_workspace(db, 99) == []
