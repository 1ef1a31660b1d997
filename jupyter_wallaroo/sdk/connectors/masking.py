"""Takes a connection's details out of a text that somebody else wrote.

No rule says which keys are secret: every text in the details of at least four characters goes, in any form in which
drivers repeat it (SECURITY B4).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

MASK = "*****"

MIN_LENGTH = 4
"""Shorter texts stay: masking every ``a`` would leave no sentence."""

_PRODUCTS = ("PostgreSQL", "BigQuery", "DuckDB", "SQLite")
"""Words of drivers' sentences that stay where they stand alone: a user called ``postgres`` is no part of them."""

_VALUE = re.compile(r"""=\s*["']?([^\s"'&;,]+)""")


def masked(text: str, *secrets: Any) -> str:
    """Return the text without anything that is in ``secrets``, which are JSON values of any depth.

    Examples
    --------
    >>> masked("no such user: dataperson", {"login": [{"user": "dataperson"}]})
    'no such user: *****'
    """
    forms = {
        form for secret in secrets for leaf in _leaves(secret) for piece in _pieces(leaf) for form in _forms(piece)
    }
    wanted = {form.casefold() for form in forms if len(form) >= MIN_LENGTH}
    if not wanted:
        return text
    kept = [word for word in _PRODUCTS if word.casefold() not in wanted]
    patterns = [(len(form), re.escape(form)) for form in wanted] + [(len(word), rf"(?-i:\b{word}\b)") for word in kept]
    longest_first = "|".join(pattern for _, pattern in sorted(patterns, reverse=True))

    def hide(found: re.Match[str]) -> str:
        return found[0] if found[0] in kept else MASK

    return re.sub(longest_first, hide, text, flags=re.IGNORECASE)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        if value.lstrip().startswith(("{", "[")):
            try:
                yield from _leaves(json.loads(value))
            except (ValueError, RecursionError):
                return
    elif isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)


def _pieces(leaf: str) -> Iterator[str]:
    """Yield a text, its lines, and what is secret in it when it is a URL or holds ``key=value``."""
    yield leaf
    yield from (line.strip() for line in leaf.splitlines())
    yield from _VALUE.findall(leaf)
    if "://" in leaf:
        yield from url_secrets(leaf)
        path = urlsplit(leaf).path if _is_url(leaf) else ""
        yield from (path, path.rpartition("/")[0] + "/")


def url_secrets(url: str) -> Iterator[str]:
    """Yield the user, password and query values of a URL, as written and decoded."""
    if not _is_url(url):
        return
    parts = urlsplit(url)
    credentials = parts.netloc.rpartition("@")[0]
    for piece in (credentials, *credentials.split(":", 1), *(value for _, value in parse_qsl(parts.query))):
        yield piece
        yield unquote(piece)


def _is_url(text: str) -> bool:
    try:
        return bool(urlsplit(text).netloc)
    except ValueError:
        return False


def _forms(piece: str) -> Iterator[str]:
    """Yield a text as it is, URL-encoded, and escaped as ``repr`` and JSON do."""
    yield piece
    yield from (quote(piece), quote(piece, safe=""), quote_plus(piece))
    yield from (repr(piece)[1:-1], json.dumps(piece)[1:-1], json.dumps(piece, ensure_ascii=False)[1:-1])
