"""How long pages of lists are (SECURITY D13)."""

from __future__ import annotations

from jupyter_wallaroo.errors import InvalidRequest

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


def key_page(found: list[int], limit: int) -> tuple[list[int], int | None]:
    """Return the keys of a page of which one key more was asked for, and what the next page is behind, if any."""
    return found[:limit], found[limit - 1] if len(found) > limit else None


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
