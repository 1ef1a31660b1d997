"""Users, as the server's Jupyter knows them."""

from __future__ import annotations

from jupyter_wallaroo.types import user as wire


class User:
    """Somebody who has called this server.

    Parameters
    ----------
    facts
        What the server said.
    """

    def __init__(self, facts: wire.User) -> None:
        self._facts = facts

    def id(self) -> str:
        """Return the id (a UUID)."""
        return self._facts.id

    def email(self) -> str:
        """Return the e-mail address or, where Jupyter knows none, the user name."""
        return self._facts.email

    def username(self) -> str:
        """Return the name by which Jupyter knows the user."""
        return self._facts.username

    def enabled(self) -> bool:
        """Tell whether the user may log in."""
        return self._facts.enabled

    def __eq__(self, other: object) -> bool:
        return isinstance(other, User) and other.id() == self.id()

    def __hash__(self) -> int:
        return hash(self.id())

    def __repr__(self) -> str:
        return f"User(id={self.id()!r}, email={self.email()!r}, username={self.username()!r})"
