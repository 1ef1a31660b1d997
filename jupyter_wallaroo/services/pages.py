"""How long pages of lists are, and where they end (SECURITY D13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store import listings
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.listing import ListNamed

if TYPE_CHECKING:
    from sqlite_utils import Database

T = TypeVar("T")

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


def page_limit(limit: int | None) -> int:
    """Return how many entries a page may have; `DEFAULT_LIMIT` when the request does not say.

    Raises
    ------
    InvalidRequest
        It is not 1 to `MAX_LIMIT`.
    """
    if limit is None:
        return DEFAULT_LIMIT
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidRequest(f"'limit': expected 1 to {MAX_LIMIT} entries; got {limit}.")
    return limit


def cut(found: list[T], limit: int, key: Callable[[T], int]) -> tuple[list[T], int | None]:
    """Return a page of which one entry more was asked for, and the key that the next page is behind, if any."""
    return found[:limit], key(found[limit - 1]) if len(found) > limit else None


async def named_page(
    store: Store,
    workspaces: WorkspaceService,
    request: ListNamed,
    read: Callable[[Database, listings.Asked], list[int]],
) -> tuple[list[int], int | None]:
    """Return the ids of a page of named things, oldest first, and the one that the next page is behind, if any.

    Raises
    ------
    NotFound
        No such workspace.
    InvalidRequest
        A limit that cannot be.
    """
    limit = page_limit(request.limit)
    asked = listings.Asked(
        workspace_id=await workspaces.id_for(request.workspace_id, request.workspace_name),
        name=request.name,
        after=request.after or 0,
        limit=limit + 1,
    )
    return cut(await store.read(read, asked), limit, int)
