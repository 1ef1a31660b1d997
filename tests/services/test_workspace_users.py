"""Who may add and remove whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_wallaroo.errors import Forbidden, InvalidRequest, NotFound
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.workspace import AddWorkspaceUser, ListWorkspaceUsers, RemoveWorkspaceUser
from tests.services.people import House, in_house


async def users(house: House, caller: Caller, workspace_id: int) -> list[tuple[str, str]]:
    found = await house.workspace_users.list_users(caller, ListWorkspaceUsers(workspace_id=workspace_id))
    return [(user.email, user.user_type.value) for user in found.users]


def test_owners_add_and_remove_collaborators_leave(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        ann, ben, eve = [await house.call_as(name) for name in ("ann", "ben", "eve")]
        room = await house.room(ann, "room")

        async def add(caller: Caller, **who: Any) -> None:
            await house.workspace_users.add_user(caller, AddWorkspaceUser(workspace_id=room, **who))

        async def remove(caller: Caller, **who: Any) -> int:
            request = RemoveWorkspaceUser(workspace_id=room, **who)
            return (await house.workspace_users.remove_user(caller, request)).affected_rows

        assert await users(house, eve, room) == [("ann", "OWNER")]
        await add(ann, email="ben")
        assert await users(house, eve, room) == [("ann", "OWNER"), ("ben", "COLLABORATOR")]
        with pytest.raises(Forbidden, match="'ben' is not an owner of workspace 'room'"):
            await add(ben, email="eve")
        with pytest.raises(Forbidden, match="'eve' is not an owner"):
            await add(eve, email="eve", user_type="owner")
        await add(ann, user_id=ben.user.id, email="ben", user_type="owner")
        await add(ben, user_id=eve.user.id, user_type="Collaborator")
        assert await users(house, eve, room) == [("ann", "OWNER"), ("ben", "OWNER"), ("eve", "COLLABORATOR")]
        with pytest.raises(Forbidden):
            await remove(eve, email="ben")
        assert await remove(eve, user_id=eve.user.id) == 1
        assert await remove(eve, user_id=eve.user.id) == 0
        assert await remove(ann, email="ben") == 1
        assert await users(house, ann, room) == [("ann", "OWNER")]

    in_house(tmp_path, work)


def test_the_creator_stays_an_owner(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        ann = await house.call_as("ann")
        room = await house.room(ann, "room")
        for call in (
            house.workspace_users.remove_user(ann, RemoveWorkspaceUser(workspace_id=room, email="ann")),
            house.workspace_users.add_user(ann, AddWorkspaceUser(workspace_id=room, email="ann")),
        ):
            with pytest.raises(InvalidRequest, match="'ann' made workspace 'room' and stays its owner"):
                await call
        await house.workspace_users.add_user(ann, AddWorkspaceUser(workspace_id=room, email="ann", user_type="OWNER"))
        assert await users(house, ann, room) == [("ann", "OWNER")]

    in_house(tmp_path, work)


@pytest.mark.parametrize(
    ("who", "error", "said"),
    [
        ({}, InvalidRequest, "'email' or the 'user_id'"),
        ({"email": "bem"}, NotFound, "User 'bem' does not exist"),
        ({"user_id": "bem"}, NotFound, "User 'bem' does not exist"),
        ({"email": "ben", "user_type": "boss"}, InvalidRequest, "expected owner or collaborator; got 'boss'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, who: dict[str, str], error: type[Exception], said: str) -> None:
    async def work(house: House) -> None:
        ann, _ = [await house.call_as(name) for name in ("ann", "ben")]
        with pytest.raises(error, match=said) as caught:
            await house.workspace_users.add_user(ann, AddWorkspaceUser(workspace_id=1, **who))
        if error is NotFound:
            assert getattr(caught.value, "hint", "") == "Did you mean 'ben'?"
        assert await users(house, ann, 1) == [("ann", "OWNER")]

    in_house(tmp_path, work)


def test_an_address_and_an_id_must_be_of_one_user(tmp_path: Path) -> None:
    """The vendor's client sends both."""

    async def work(house: House) -> None:
        ann, ben = [await house.call_as(name) for name in ("ann", "ben")]
        request = AddWorkspaceUser(workspace_id=1, email="ann", user_id=ben.user.id)
        with pytest.raises(InvalidRequest, match=r"'email' is 'ann', but user .* is 'ben'"):
            await house.workspace_users.add_user(ann, request)

    in_house(tmp_path, work)
