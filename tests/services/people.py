"""Several people on one store: callers as Jupyter's identity provider would name them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from jupyter_wallaroo.services.connections import ConnectionService
from jupyter_wallaroo.services.users import UserService
from jupyter_wallaroo.services.workspace_users import WorkspaceUserService
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.store.secrets import Keyring
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.event import Event
from jupyter_wallaroo.types.workspace import CreateWorkspace


class House:
    """The services that know people, workspaces and connections."""

    def __init__(self, directory: Path) -> None:
        self.store = Store(directory)
        self.events: list[Event] = []
        self.key_path = directory / "secrets.key"
        self.users = UserService(self.store)
        self.workspaces = WorkspaceService(self.store)
        self.workspace_users = WorkspaceUserService(self.store, self.workspaces)
        self.connections = ConnectionService(self.store, Keyring(self.key_path), self.workspaces, self.events.append)

    async def call_as(self, name: str) -> Caller:
        return Caller(await self.users.identify(name, name.title()), "http://127.0.0.1/wallaroo/v1/api")

    async def room(self, caller: Caller, name: str) -> int:
        return (await self.workspaces.create(caller, CreateWorkspace(workspace_name=name))).workspace_id


def in_house(directory: Path, work: Callable[[House], Awaitable[None]]) -> None:
    """Run ``work`` with open services that are closed afterwards."""

    async def run() -> None:
        house = House(directory)
        await house.store.open()
        try:
            await work(house)
        finally:
            await house.store.close()

    asyncio.run(run())
