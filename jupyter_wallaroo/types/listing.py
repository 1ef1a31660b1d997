"""Pages of lists, as they are asked for and passed on."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class ListNamed(Struct, frozen=True, kw_only=True):
    """What is asked of a list of named things: those of one workspace (id or name), or of all.

    Beyond the vendor's fields: ``name``, only those called so; ``after`` and ``limit``, a page: ``after`` is the
    ``next`` of the page before. Without ``limit`` the answer has all, on the way while they are read.
    """

    workspace_id: int | None = None
    workspace_name: str | None = None
    name: str | None = None
    after: int | None = None
    limit: int | None = None


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """A page of a list whose answer is nothing but its entries, as the vendor's clients want it.

    ``next`` is what the page behind it is asked for with, None behind the last one. It is not sent: it is a number that
    the last entry has, and a page with fewer entries than were asked for is the last.
    """

    entries: list[T]
    next: int | None
