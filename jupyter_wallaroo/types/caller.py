"""Who is calling, and how they reached us."""

from __future__ import annotations

from msgspec import Struct

from jupyter_wallaroo.types.user import User


class Caller(Struct, frozen=True):
    """A known user; ``api_url`` is the absolute URL that ``/v1/api`` follows, as this caller sees it.

    ``only_workspace_id`` is the one workspace that a task's token opens, None for everybody else.
    """

    user: User
    api_url: str
    only_workspace_id: int | None = None
