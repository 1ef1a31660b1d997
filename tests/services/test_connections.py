"""Who may use a connection (A11), what its details may be, and what is said when they cannot be read."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jupyter_wallaroo.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unavailable
from jupyter_wallaroo.secret import Secret
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.connection import (
    Connection,
    CreateConnection,
    DeleteConnection,
    GetConnection,
    GetConnectionById,
    LinkConnection,
    ListConnections,
    UnlinkConnection,
)
from jupyter_wallaroo.types.workspace import AddWorkspaceUser, RemoveWorkspaceUser
from tests.services.people import House, in_house

CANARY = "canary-3f9c"


async def create(house: House, caller: Caller, name: str, details: Any = None) -> str:
    secret = Secret({"token": CANARY} if details is None else details)
    return (await house.connections.create(caller, CreateConnection(name=name, type="T", details=secret))).id


async def details(house: House, caller: Caller, name: str) -> Any:
    """Return the details that a caller is given, None when masked; by name and by id alike."""
    found = await house.connections.get(caller, GetConnection(name=name))
    again = await house.connections.get_by_id(caller, GetConnectionById(id=found.id))
    both = [None if item.details is None else msgspec.json.decode(item.details) for item in (found, again)]
    assert both[0] == both[1]
    return both[0]


def test_only_the_creator_and_users_of_linked_workspaces_read_details(tmp_path: Path) -> None:
    """A11: others see the masked record; who leaves the workspace is one of the others again."""

    async def work(house: House) -> None:
        ann, ben, eve = [await house.call_as(name) for name in ("ann", "ben", "eve")]
        shared = await house.room(ben, "shared")
        await house.workspace_users.add_user(ben, AddWorkspaceUser(workspace_id=shared, email="eve"))
        number = await create(house, ann, "sales")
        assert [await details(house, who, "sales") for who in (ann, ben, eve)] == [{"token": CANARY}, None, None]
        await house.connections.add_to_workspace(ann, LinkConnection(workspace_id=shared, connection_id=number))
        assert [await details(house, who, "sales") for who in (ben, eve)] == [{"token": CANARY}] * 2
        await house.workspace_users.remove_user(ben, RemoveWorkspaceUser(workspace_id=shared, email="eve"))
        assert await details(house, eve, "sales") is None
        await house.connections.remove_from_workspace(ann, UnlinkConnection(workspace_id=shared, connection_id=number))
        assert await details(house, ben, "sales") is None

    in_house(tmp_path, work)


def test_a_stranger_can_neither_open_nor_undo_a_connection(tmp_path: Path) -> None:
    """Linking it to a room of one's own would be a way in; everybody sees that it is there."""

    async def work(house: House) -> None:
        ann, eve = [await house.call_as(name) for name in ("ann", "eve")]
        own = await house.room(eve, "own")
        number = await create(house, ann, "sales")
        for call in (
            house.connections.add_to_workspace(eve, LinkConnection(workspace_id=own, connection_id=number)),
            house.connections.remove_from_workspace(eve, UnlinkConnection(workspace_id=own, connection_id=number)),
            house.connections.delete(eve, DeleteConnection(name="sales")),
        ):
            with pytest.raises(Forbidden, match="'eve' may not use connection 'sales'"):
                await call
        assert await details(house, eve, "sales") is None
        (listed,) = (await house.connections.list_connections(eve, ListConnections())).connections
        assert (listed.name, listed.details, listed.workspace_names) == ("sales", None, [])

    in_house(tmp_path, work)


def test_a_user_of_a_linked_workspace_may_use_it_as_its_creator_does(tmp_path: Path) -> None:
    """S2-12: list and use; linking it on and deleting it too."""

    async def work(house: House) -> None:
        ann, ben = [await house.call_as(name) for name in ("ann", "ben")]
        shared, other = await house.room(ben, "shared"), await house.room(ben, "other")
        number = await create(house, ann, "sales")
        await house.connections.add_to_workspace(ann, LinkConnection(workspace_id=shared, connection_id=number))
        await house.connections.add_to_workspace(ben, LinkConnection(workspace_id=other, connection_id=number))
        listed = await house.connections.list_connections(ben, ListConnections(workspace_id=other))
        assert [item.workspace_names for item in listed.connections] == [["shared", "other"]]
        await house.connections.delete(ben, DeleteConnection(name="sales"))
        with pytest.raises(NotFound):
            await details(house, ann, "sales")

    in_house(tmp_path, work)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, {}),
        ('{"a": [1, 2.5, "x"]}', {"a": [1, 2.5, "x"]}),
        ({"details": '{"not": "parsed"}'}, {"details": '{"not": "parsed"}'}),
    ],
)
def test_details_are_an_object_or_json_text_of_one(tmp_path: Path, given: Any, kept: dict[str, Any]) -> None:
    """A23; text inside the object stays text."""

    async def work(house: House) -> None:
        ann = await house.call_as("ann")
        await create(house, ann, "a", given)
        assert await details(house, ann, "a") == kept

    in_house(tmp_path, work)


@pytest.mark.parametrize(
    "given", [[CANARY], 3, True, f'["{CANARY}"]', f'"{CANARY}"', "null", f"{CANARY}", "", '{"a": NaN}']
)
def test_other_details_are_refused_without_being_repeated(tmp_path: Path, given: Any) -> None:
    async def work(house: House) -> None:
        ann = await house.call_as("ann")
        with pytest.raises(InvalidRequest, match="'details': expected an object, or JSON text of one") as caught:
            await create(house, ann, "a", given)
        assert CANARY not in f"{caught.value.message} {caught.value.hint} {caught.value.details}"
        assert CANARY not in "".join(traceback.format_exception(caught.value))
        assert (await house.connections.list_connections(ann, ListConnections())).connections == []

    in_house(tmp_path, work)


def test_details_that_cannot_be_decrypted_name_the_connection_and_the_remedy(tmp_path: Path) -> None:
    """The record itself, its links and its end need no key; a key that is put back counts at once."""

    async def work(house: House) -> None:
        ann = await house.call_as("ann")
        await create(house, ann, "sales")
        key = house.key_path.read_bytes()
        house.key_path.write_bytes(b"ab" * 32)
        with pytest.raises(Unavailable) as caught:
            await details(house, ann, "sales")
        assert "connection 'sales'" in caught.value.message and "'secrets.key' has other keys" in caught.value.message
        assert "from a backup" in caught.value.hint and "delete the connection" in caught.value.hint
        assert CANARY not in "".join(traceback.format_exception(caught.value))
        assert len((await house.connections.list_connections(ann, ListConnections())).connections) == 1
        house.key_path.write_bytes(key)
        assert await details(house, ann, "sales") == {"token": CANARY}
        house.key_path.unlink()
        await house.connections.delete(ann, DeleteConnection(name="sales"))
        await create(house, ann, "sales")
        assert await details(house, ann, "sales") == {"token": CANARY}

    in_house(tmp_path, work)


def test_details_that_cannot_be_encrypted_are_not_stored(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        ann = await house.call_as("ann")
        house.key_path.mkdir()
        with pytest.raises(Unavailable, match="connection 'sales' cannot be encrypted: the key file") as caught:
            await create(house, ann, "sales")
        assert CANARY not in "".join(traceback.format_exception(caught.value))
        assert (await house.connections.list_connections(ann, ListConnections())).connections == []

    in_house(tmp_path, work)


def test_swapped_rows_do_not_open(tmp_path: Path) -> None:
    """Who can write to the database cannot have one connection answer with the details of another."""

    async def work(house: House) -> None:
        ann = await house.call_as("ann")
        for name in ("a", "b"):
            await create(house, ann, name, {"of": name})

        def swap(db: Any) -> None:
            one, other = db.table("connection_details").rows
            for row, content in ((one, other), (other, one)):
                values = {"nonce": content["nonce"], "ciphertext": content["ciphertext"]}
                db.table("connection_details").update(row["connection_id"], values)

        await house.store.write(swap)
        for name in ("a", "b"):
            with pytest.raises(Unavailable, match=f"connection '{name}' cannot be read: what is stored was damaged"):
                await details(house, ann, name)

    in_house(tmp_path, work)


def test_a_name_used_by_anybody_is_taken(tmp_path: Path) -> None:
    """S2-03, whatever the case; what the second one brought is not kept."""

    async def work(house: House) -> None:
        ann, eve = [await house.call_as(name) for name in ("ann", "eve")]
        await create(house, ann, "Sales")
        with pytest.raises(Conflict, match="'SALES' exists already") as caught:
            await create(house, eve, "SALES", {"other": CANARY})
        assert "choose another name" in caught.value.hint
        assert await details(house, ann, "sales") == {"token": CANARY}

    in_house(tmp_path, work)


def test_what_services_pass_around_shows_no_details(tmp_path: Path) -> None:
    """msgspec's structs show their fields: requests and answers have none in clear."""

    async def work(house: House) -> None:
        ann = await house.call_as("ann")
        request = CreateConnection(name="a", type="T", details=Secret({"token": CANARY}))
        await house.connections.create(ann, request)
        found: Connection = await house.connections.get(ann, GetConnection(name="a"))
        assert found.details is not None and CANARY.encode() in bytes(found.details)
        assert CANARY not in f"{request!r} {found!r}"

    in_house(tmp_path, work)
