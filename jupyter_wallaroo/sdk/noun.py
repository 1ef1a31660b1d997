"""What nouns of the client are: what the server said of one thing, and the client to ask for more."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from jupyter_wallaroo.sdk import display

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.types import orchestration, task

Facts = TypeVar("Facts")
"""The struct of the wire."""


class Noun(Generic[Facts]):
    """One thing of the server.

    Parameters
    ----------
    client
        Through whom the server is asked.
    facts
        What the server said.
    """

    def __init__(self, client: Client, facts: Facts) -> None:
        self._client = client
        self._facts = facts

    @property
    def client(self) -> Client:
        """The client through whom the server is asked."""
        return self._client


Keeping = TypeVar("Keeping", "orchestration.Orchestration", "task.Task")
"""What the server says of a thing that it keeps in a workspace."""


class Kept(Noun[Keeping]):
    """Something that the server keeps in a workspace: an orchestration, a task. The same UUID is the same thing."""

    def id(self) -> str:
        """Return its UUID."""
        return self._facts.id

    def name(self) -> str | None:
        """Return its name, None where it was given none."""
        return self._facts.name

    def workspace_id(self) -> int:
        """Return the id of the workspace it is in."""
        return self._facts.workspace_id

    def workspace_name(self) -> str:
        """Return the name of the workspace it is in."""
        return self._facts.workspace_name

    def created_at(self) -> datetime:
        """Return when it was made."""
        return display.moment(self._facts.created_at)

    def updated_at(self) -> datetime:
        """Return when it was changed last."""
        return display.moment(self._facts.updated_at)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and other.id() == self.id()

    def __hash__(self) -> int:
        return hash(self.id())
