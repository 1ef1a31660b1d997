"""Who the client says it is: a token of Jupyter's, sent with every call (contract/auth.md, section 4)."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from jupyter_wallaroo.errors import InvalidRequest


class AuthType(StrEnum):
    """The ways to log in that the vendor's client knows; this server offers ``token``."""

    NONE = "none"
    ORCH = "orch"
    SSO = "sso"
    TEST_AUTH = "test_auth"
    TOKEN = "token"  # noqa: S105  a way to log in, not a secret
    USER_PASSWORD = "user_password"  # noqa: S105


class Credentials(Struct, frozen=True, kw_only=True):
    """What the file named by ``WALLAROO_SDK_CREDENTIALS`` holds."""

    token: str
    user_email: str | None = None
    user_id: str | None = None

    def __repr__(self) -> str:
        """Return everything but the token."""
        return f"Credentials(token='*****', user_email={self.user_email!r}, user_id={self.user_id!r})"


class Auth:
    """The credentials of one client.

    Parameters
    ----------
    credentials
        The token and, where known, whose it is.
    """

    auth_type = AuthType.TOKEN

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def auth_header(self) -> dict[str, str]:
        """Return the header that authenticates a request, for any HTTP client (S5-19).

        Examples
        --------
        >>> Auth(Credentials(token="abc")).auth_header()
        {'Authorization': 'Bearer abc'}
        """
        return {"Authorization": f"Bearer {self._credentials.token}"}

    def user_email(self) -> str | None:
        """Return the user's e-mail address, None where nobody said."""
        return self._credentials.user_email

    def user_id(self) -> str | None:
        """Return the user's id, None where nobody said."""
        return self._credentials.user_id

    def __repr__(self) -> str:
        """Return everything but the token."""
        return f"Auth({self._credentials!r})"


def check_auth_type(auth_type: str | AuthType | None) -> None:
    """Refuse a way to log in that this server does not offer.

    Raises
    ------
    InvalidRequest
        Neither None nor ``token``; says what is.
    """
    if auth_type is None or auth_type == AuthType.TOKEN:
        return
    known = str(auth_type) in {str(kind) for kind in AuthType}
    raise InvalidRequest(
        f"auth_type {str(auth_type)!r:.60} is "
        + ("not offered by this server, which takes Jupyter's own token." if known else "unknown."),
        hint="Use auth_type='token', or call Client() without arguments inside Jupyter.",
    )


def read_credentials(path: str) -> Credentials:
    """Return the credentials in a JSON file.

    Raises
    ------
    InvalidRequest
        The file cannot be read or is not ``{"token", "user_email", "user_id"}``; never shows its content.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Credentials)
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except msgspec.MsgspecError:
        reason = 'expected {"token": …, "user_email": …, "user_id": …}'
    raise InvalidRequest(
        f"The credentials file {path!r} (WALLAROO_SDK_CREDENTIALS) cannot be used: {reason}.",
        hint="Inside Jupyter, unset WALLAROO_SDK_CREDENTIALS and call Client() without arguments.",
    )
