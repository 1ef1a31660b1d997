"""The one rule for names that people choose (SECURITY D6), and how instants are written."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

from jupyter_wallaroo.errors import InvalidRequest

MAX_NAME_LENGTH = 100
MAX_DEPLOY_ID_LENGTH = 63
MAX_DIGITS = 18
"""Digits of a number in a header, an address or a name that is read at all; more than any of ours has."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]*")
_DEPLOY_ID = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def check_name(kind: str, name: str) -> str:
    """Return ``name`` in its stored form (NFC), or say what is wrong with it.

    Parameters
    ----------
    kind
        What the name is for, as the sentence should say it: "workspace", "model", "pipeline".
    name
        1 to 100 letters, digits, spaces, ``.``, ``_`` or ``-``; the first is a letter or digit.

    Raises
    ------
    InvalidRequest
        Names the kind, the rule and what was got.
    """
    stored = unicodedata.normalize("NFC", name)
    if len(stored) <= MAX_NAME_LENGTH and _NAME.fullmatch(stored) and not stored.endswith(" "):
        return stored
    article = "an" if kind[0] in "aeiou" else "a"
    shown = stored if len(stored) <= 40 else stored[:40] + "…"
    raise InvalidRequest(
        f"{shown!r} cannot be the name of {article} {kind}: expected 1 to {MAX_NAME_LENGTH} letters, digits, spaces, "
        f"'.', '_' or '-', starting with a letter or digit; got {len(stored)} characters.",
        hint=f"Choose another {kind} name.",
    )


def check_deploy_id(deploy_id: str) -> str:
    """Return ``deploy_id`` when it can stand in a URL (A3), else raise `InvalidRequest`."""
    if len(deploy_id) <= MAX_DEPLOY_ID_LENGTH and _DEPLOY_ID.fullmatch(deploy_id):
        return deploy_id
    raise InvalidRequest(
        f"'deploy_id' is {deploy_id[:40]!r}: expected 1 to {MAX_DEPLOY_ID_LENGTH} letters, digits, '.', '_' or '-', "
        "starting and ending with a letter or digit.",
        hint="The pipeline's own name in lower case with '-' for spaces is a good deploy_id.",
    )


def deploy_id_of(name: str) -> str:
    """Return a valid deploy id made of a pipeline's name, which may hold spaces.

    Examples
    --------
    >>> deploy_id_of("House prices (2)")
    'house-prices-2'
    """
    reduced = re.sub(r"[^a-z0-9._-]+", "-", name.lower())[:MAX_DEPLOY_ID_LENGTH].strip("._-")
    return reduced or "pipeline"


def moment(field: str, text: str) -> datetime:
    """Return the instant that ``text`` names in ISO 8601, in UTC where it does not say.

    Raises
    ------
    InvalidRequest
        It names none; says in which ``field``.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(
            f"{field!r}: expected an ISO 8601 instant such as 2026-11-21T10:00:00+00:00; got {text!r:.40}."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def now() -> datetime:
    """Return the present instant, aware, in UTC."""
    return datetime.now(UTC)


def instant(moment: datetime) -> str:
    """Return an aware ``moment`` as the wire shows it, e.g. ``2023-10-05T20:25:45.560874+00:00`` (S2-15)."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def instant_of(epoch_ms: int) -> str:
    """Return an instant given in ms since the epoch as the wire shows it."""
    return instant(datetime.fromtimestamp(epoch_ms / 1000, UTC))
