"""The tokens that runs of tasks call with: each run has its own, for as long as it runs and for one workspace."""

from __future__ import annotations

import hashlib
import secrets

from msgspec import Struct

from jupyter_wallaroo.secret import Secret
from jupyter_wallaroo.types.user import User

TOKEN_BYTES = 32


class TaskGrant(Struct, frozen=True, kw_only=True):
    """What a run may do: whatever ``user`` may in one workspace."""

    user: User
    workspace_id: int


class TaskTokens:
    """The tokens that are good now; none of them outlives this process."""

    def __init__(self) -> None:
        self._grants: dict[bytes, TaskGrant] = {}

    def issue(self, grant: TaskGrant) -> Secret[str]:
        """Return a new token."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._grants[_digest(token)] = grant
        return Secret(token)

    def revoke(self, token: Secret[str]) -> None:
        """Take a token back; more than once is fine."""
        self._grants.pop(_digest(token.reveal()), None)

    def find(self, authorization: str) -> TaskGrant | None:
        """Return what an ``Authorization`` header's token is good for, None when it is none of ours."""
        scheme, _, token = authorization.partition(" ")
        if not self._grants or scheme.lower() not in ("bearer", "token"):
            return None
        return self._grants.get(_digest(token.strip()))


def _digest(token: str) -> bytes:
    """Return what a token is known by: looking that up tells nobody how nearly right a guess was."""
    return hashlib.sha256(token.encode(errors="replace")).digest()
