"""Who may send inferences by this door: whoever has the deployment's own token (`head`), or may by the server's rules.

The server is asked about every other token, over the connection that it has with the replica; what it says holds for a
few seconds, as it does there. Tokens are known here by a digest that is looked up, so that how long an answer takes
tells nobody how nearly right a guess was.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from http import HTTPStatus

REMEMBERED_S = 5.0
"""How long a revoked token may still be accepted, as in `server.identity`."""
MAX_REMEMBERED = 1000
MAX_ASKED = 100
DIGEST_BYTES = 32


class Access:
    """The tokens that are known, besides the deployment's own.

    Parameters
    ----------
    ask
        Sends a digest and the token behind it to the server, which answers to `learn`.
    """

    def __init__(self, ask: Callable[[bytes, bytes], None]) -> None:
        self._ask = ask
        self._known: dict[bytes, tuple[float, int]] = {}
        self._waiting: dict[bytes, list[Callable[[], None]]] = {}

    def verdict(self, credential: bytes) -> int | None:
        """Return 200 or the status that a token is refused with, None when the server has to be asked."""
        if not credential:
            return HTTPStatus.UNAUTHORIZED
        known = self._known.get(_digest(credential))
        if known is None or known[0] < time.monotonic():
            return None
        return known[1]

    def ask(self, credential: bytes, told: Callable[[], None]) -> bool:
        """Ask the server about a token and call ``told`` when its verdict is known; False when too many are asked."""
        digest = _digest(credential)
        waiting = self._waiting.get(digest)
        if waiting is None:
            if len(self._waiting) >= MAX_ASKED:
                return False
            waiting = self._waiting[digest] = []
            self._ask(digest, credential)
        waiting.append(told)
        return True

    def learn(self, digest: bytes, status: int) -> None:
        """Take the server's verdict on a token."""
        now = time.monotonic()
        if len(self._known) >= MAX_REMEMBERED:
            self._known = {key: value for key, value in self._known.items() if value[0] > now}
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[digest] = (now + REMEMBERED_S, status)
        for told in self._waiting.pop(digest, ()):
            told()


def _digest(credential: bytes) -> bytes:
    return hashlib.sha256(credential).digest()
