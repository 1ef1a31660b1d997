"""Users: whoever Jupyter's identity provider says is calling."""

from __future__ import annotations

from msgspec import Struct


class User(Struct, frozen=True, kw_only=True):
    """One user in the shape the vendor's client reads from ``users/query``."""

    id: str
    username: str
    email: str
    enabled: bool = True
    firstName: str = ""
    lastName: str = ""
    createdTimestamp: int = 0
    """Milliseconds since the epoch."""


class QueryUsers(Struct, frozen=True, kw_only=True):
    """``users/query``: every user, or those with the given ids."""

    user_ids: list[str] | None = None


class UsersById(Struct, frozen=True, kw_only=True):
    """Users by their id."""

    users: dict[str, User]
