"""Lists of the server, read page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

PAGE_SIZE = 200
"""Entries that are asked for at once: some milliseconds of the server, however long the list is."""


def key_behind(found: list[T], size: int, key: Callable[[T], int]) -> int | None:
    """Return the key that the next page is behind, of a list whose pages are sent without their ``next``.

    Parameters
    ----------
    found, size
        What came, and how many were asked for: fewer are the last.
    key
        Returns the number of an entry that the request goes by.
    """
    return key(found[-1]) if len(found) == size else None


def walk(page: Callable[[int, int | None], tuple[list[T], int | None]], limit: int | None = None) -> Iterator[T]:
    """Yield what is on the pages of a list, each asked for when it is needed.

    Parameters
    ----------
    page
        Called with how many entries are wanted and the ``next`` of the page before (None: the first page); returns the
        entries and the page's own ``next``.
    limit
        The most entries; None: all.
    """
    key: int | None = None
    left = limit
    while left is None or left > 0:
        found, key = page(PAGE_SIZE if left is None else min(PAGE_SIZE, left), key)
        yield from found
        if left is not None:
            left -= len(found)
        if key is None:
            return
