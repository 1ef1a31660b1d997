"""Users."""

from __future__ import annotations

from jupyter_wallaroo.store import users
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.user import QueryUsers, User, UsersById


class UserService:
    """Knows everybody who ever called.

    Parameters
    ----------
    store
        Where users are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, User] = {}

    async def identify(self, username: str, display_name: str) -> User:
        """Return the user whom Jupyter calls ``username``; new ones get an id and a default workspace."""
        known = self._known.get(username)
        if known is None:
            known = self._known[username] = await self._store.write(users.ensure, username, display_name)
        return known

    async def query(self, caller: Caller, request: QueryUsers) -> UsersById:
        """Return users by id."""
        return UsersById(users=await self._store.read(users.by_ids, request.user_ids))
