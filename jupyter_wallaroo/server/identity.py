"""Who is calling, by Jupyter's own rules, asked once per credential and remembered for a few seconds.

Jupyter's identity provider decides. With the default one, every caller with the token gets a new random name each time;
they are all the one owner of this server, so they are one user here. With a Hub or another provider it is that user.
Kernels call with a token of our own (`kernel_access`), which Jupyter knows nothing of, and are the owner.
"""

from __future__ import annotations

import getpass
import os
import time
from dataclasses import dataclass
from inspect import isawaitable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.auth import IdentityProvider, User
    from jupyter_server.base.handlers import JupyterHandler

    from jupyter_wallaroo.server.kernel_access import KernelAccess
    from jupyter_wallaroo.types.user import User as WallarooUser

REMEMBERED_S = 5.0
"""How long a revoked token may still be accepted."""
RENEWED_BEFORE_S = 1.0
"""So long before that the provider is asked again, by one request, while others still go by what it said."""
MAX_REMEMBERED = 1000


@dataclass(slots=True, eq=False)
class Known:
    """Who calls with a credential, and until when that is so in seconds of the monotonic clock."""

    user: User
    until: float


class Identities:
    """Remembers the users of token-authenticated requests, by their ``Authorization`` header.

    Parameters
    ----------
    kernel_access
        Knows the token that kernels call with.
    """

    def __init__(self, kernel_access: KernelAccess) -> None:
        self._kernel_access = kernel_access
        self._known: dict[str, Known] = {}
        self._owner = _owner_name()

    async def authenticate(
        self, handler: JupyterHandler, task_owner: WallarooUser | None = None
    ) -> tuple[User | None, Known | None]:
        """Set the handler's ``current_user`` to whoever is calling.

        Parameters
        ----------
        task_owner
            In whose name a task calls, None where no task does.

        Returns
        -------
        User or None
            Who is calling, None when nobody known is.
        Known or None
            Until when that holds for the ``Authorization`` header alone, None where it has to be asked each time.
        """
        if task_owner is not None:
            return self._act_as(handler, task_owner), None
        header = handler.request.headers.get("Authorization", "")
        now = time.monotonic()
        known = self._known_by(header, handler.identity_provider, now) if header else None
        if known is not None:
            handler._token_authenticated = True  # type: ignore[attr-defined]
            user: User | None = known.user
        else:
            asked = handler.identity_provider.get_user(handler)
            user = await asked if isawaitable(asked) else asked
            if header and user is not None and handler.token_authenticated:
                known = self._remember(header, user, now)
            else:
                self._forget(header)
        handler.current_user = handler._jupyter_current_user = user
        return user, known

    def _act_as(self, handler: JupyterHandler, known: WallarooUser) -> User:
        from jupyter_server.auth import User

        user = User(username=known.username)
        handler._token_authenticated = True  # type: ignore[attr-defined]
        handler.current_user = handler._jupyter_current_user = user
        return user

    def _known_by(self, header: str, provider: IdentityProvider, now: float) -> Known | None:
        known = self._known.get(header)
        if known is not None and now < known.until - RENEWED_BEFORE_S:
            return known
        return Known(self.owner(provider), now + REMEMBERED_S) if self._kernel_access.accepts(header) else None

    def _remember(self, header: str, user: User, now: float) -> Known:
        known = self._known.get(header)
        if known is None:
            self._known = {key: value for key, value in self._known.items() if value.until > now}
            known = Known(user, now)
            if len(self._known) < MAX_REMEMBERED:
                self._known[header] = known
        known.user, known.until = user, now + REMEMBERED_S
        return known

    def _forget(self, header: str) -> None:
        """Let nobody go by a credential any more that was refused."""
        known = self._known.pop(header, None)
        if known is not None:
            known.until = 0.0

    def owner(self, provider: IdentityProvider) -> User:
        """Return the owner of this server, in whose name its kernels call: a Hub's user, or the user of the machine."""
        from jupyter_server.auth import User

        hub_user = "" if _is_jupyters_own(provider) else os.environ.get("JUPYTERHUB_USER", "")
        return User(username=hub_user or self._owner)

    def username(self, provider: IdentityProvider, user: User) -> tuple[str, str]:
        """Return the lasting name of a user, and how to show it."""
        if _is_jupyters_own(provider):
            return self._owner, self._owner
        return user.username, user.display_name or user.username


class Hosts:
    """Remembers what Jupyter says of each ``Host`` header, which depends on nothing else (SECURITY A7)."""

    def __init__(self) -> None:
        self._allowed: set[str] = set()

    def allows(self, handler: JupyterHandler) -> bool:
        """Tell whether the request names this machine."""
        host = handler.request.host
        if host in self._allowed:
            return True
        if not handler.check_host():
            return False
        if len(self._allowed) < MAX_REMEMBERED:
            self._allowed.add(host)
        return True


def _is_jupyters_own(provider: IdentityProvider) -> bool:
    return type(provider).__module__.startswith("jupyter_server.")


def _owner_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "owner"
