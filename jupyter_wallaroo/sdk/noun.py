"""What every noun of the client is: what the server said of one thing, and the client to ask for more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client

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
