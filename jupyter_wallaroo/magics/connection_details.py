"""Details of a connection without a secret in the notebook: what is asked, what is refused, what comes from elsewhere.

Notebooks are saved and shared, so a secret that is typed into one is refused, not warned about: by the name of its key,
or because it is an address with a password. In its place stands nothing (it is asked for), ``?``, or ``$NAME`` for a
variable of the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from jupyter_wallaroo.magics.usage import usage

ASKED: dict[str, tuple[str, ...]] = {
    "POSTGRES": ("password",),
    "POSTGRESQL": ("password",),
    "S3": ("key", "secret"),
}
"""By type, the secrets that are asked for where nobody said them; Enter leaves one out."""

_SECRET = re.compile(
    r"(?i)(passw|passphrase|pwd|secret|token|credential|private|api_?key|access_?key|account_?key|sas$)"
)
_S3_KEY = re.compile(r"(?i)(^|_)key$")
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
ASK = "?"

Asker = Callable[[str], str]


def is_secret(key: str) -> bool:
    """Tell whether a key is one whose value belongs into no notebook.

    Examples
    --------
    >>> [is_secret(key) for key in ("password", "aws_secret_access_key", "host", "bucket")]
    [True, True, False, False]
    """
    return bool(_SECRET.search(key) or _S3_KEY.search(key))


def parse(words: list[str]) -> dict[str, Any]:
    """Return ``KEY=VALUE`` words as details; a value that is JSON is taken as such."""
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise usage(f"{word[:60]!r}: expected KEY=VALUE, as host=db.example.org.")
        found[key] = _json(value)
    return found


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return text


def completed(details: Mapping[str, Any], ask: Asker) -> dict[str, Any]:
    """Return details with every secret in its place.

    Raises
    ------
    UsageError
        A secret stands there in clear, or a variable of the environment is not set; never shows the value.
    """
    return {key: _complete(value, key, ask) for key, value in details.items()}


def _complete(value: Any, place: str, ask: Asker) -> Any:
    if isinstance(value, dict):
        return {key: _complete(item, f"{place}.{key}", ask) for key, item in value.items()}
    if isinstance(value, list):
        return [_complete(item, f"{place}[{number}]", ask) for number, item in enumerate(value)]
    is_said_secret = is_secret(place.rpartition(".")[2])
    if value == ASK or (value is None and is_said_secret):
        return ask(place)
    if isinstance(value, str):
        if found := _VARIABLE.fullmatch(value):
            return variable(found[1], place)
        if is_said_secret or _has_password(value):
            raise usage(
                f"{place!r} is a secret, and this notebook is saved: it was not sent.",
                f"Delete it here, and write {place}=? to be asked, or {place}=$NAME for a variable of the environment.",
            )
    return value


def variable(name: str, place: str) -> str:
    """Return the value of a variable of the environment."""
    value = os.environ.get(name)
    if value is None:
        raise usage(f"{place!r}: the variable {name!r} is not set in the environment of this kernel.")
    return value


def _has_password(text: str) -> bool:
    try:
        return bool(urlsplit(text).password)
    except ValueError:
        return False
