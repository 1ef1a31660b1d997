"""What lets ``wallaroo.Client()`` without arguments work in every kernel that this server starts (S2-39).

The vendor's client reads three environment variables and a file (contract/auth.md, sections 1 and 3). Kernels inherit
the server's environment, so the variables are set there while the server runs. The file holds a token of our own: it is
made anew at each start, opens our routes only, as the owner of the server, and is worthless when the server stops.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import MutableMapping
from pathlib import Path

from jupyter_wallaroo.secret import Secret
from jupyter_wallaroo.store import private_file
from jupyter_wallaroo.types.user import User

FILE_NAME = "kernel_access.json"
URL, AUTH_TYPE, CREDENTIALS = "WALLAROO_URL", "WALLAROO_SDK_AUTH_TYPE", "WALLAROO_SDK_CREDENTIALS"
TOKEN_BYTES = 32


class KernelAccess:
    """The token that kernels call with, and where they find it.

    Parameters
    ----------
    environment
        What kernels inherit.

    Notes
    -----
    What the operator has set is left alone. When that is the address of another server, nothing at all is set: our
    token must not be sent there. What a server of ours left in the environment from which this one was started, as a
    terminal in JupyterLab has it, is no operator's wish and is replaced.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._token = Secret(secrets.token_urlsafe(TOKEN_BYTES))
        self._path: Path | None = None
        self._is_granted = False
        self._replaced: dict[str, tuple[str | None, str]] = {}

    def announce(self, url: str, directory: Path) -> bool:
        """Tell kernels that start from now on where the server is; False when the operator chose another.

        Parameters
        ----------
        url
            What the client takes for its server: the address that ``/v1/api`` follows, without a slash at the end.
        directory
            Where `grant` will put the file.
        """
        inherited = Path(self._environment.get(CREDENTIALS, "")).name == FILE_NAME
        if URL in self._environment and not inherited:
            return False
        self._path = directory / FILE_NAME
        for name, value in ((URL, url), (AUTH_TYPE, "token"), (CREDENTIALS, str(self._path))):
            if inherited or name not in self._environment:
                self._replaced[name] = (self._environment.get(name), value)
                self._environment[name] = value
        return True

    def grant(self, owner: User) -> None:
        """Write the token where kernels were told it is, and accept it from now on; it waits for the disk.

        Parameters
        ----------
        owner
            Whom the token stands for.

        Raises
        ------
        StorageFull
            The file could not be written.
        """
        if self._path is not None:
            said = {"token": self._token.reveal(), "user_email": owner.email, "user_id": owner.id}
            private_file.write(self._path, json.dumps(said).encode())
            self._is_granted = True

    def accepts(self, authorization: str) -> bool:
        """Tell whether an ``Authorization`` header carries the token, in a time that does not depend on how nearly."""
        scheme, _, token = authorization.partition(" ")
        wanted = self._token.reveal().encode()
        return self._is_granted and scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), wanted)

    def withdraw(self) -> None:
        """Accept the token no more, remove the file and put the environment back; more than once is fine."""
        for name, (before, ours) in self._replaced.items():
            if self._environment.get(name) == ours:
                if before is None:
                    del self._environment[name]
                else:
                    self._environment[name] = before
        self._replaced = {}
        if self._is_granted and self._path is not None:
            self._path.unlink(missing_ok=True)
        self._is_granted = False
