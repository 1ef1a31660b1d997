"""The documents that a Haystack pipeline brings for its in-memory document stores: read and checked as plain values.

A document is a text, or what ``Document.to_dict()`` gives: ``content``, perhaps ``id`` and ``embedding``, and ``meta``
as a mapping or as further keys beside.
"""

from __future__ import annotations

from typing import Any

import msgspec

from jupyter_wallaroo.errors import InvalidModel

_OWN = frozenset({"id", "content", "blob", "meta", "score", "embedding", "sparse_embedding"})
_KINDS: dict[str, tuple[type, str]] = {
    "id": (str, "text"),
    "content": (str, "text"),
    "meta": (dict, "a mapping"),
    "embedding": (list, "a list of numbers"),
}


def listed(given: Any, place: str) -> list[dict[str, Any]]:
    """Return documents that a setting lists.

    Raises
    ------
    InvalidModel
        Names the first that is none.
    """
    if given is None:
        return []
    if not isinstance(given, list):
        raise InvalidModel(f"{place} should be a list of documents; got {type(given).__name__}.")
    return [_checked(document, f"{place}[{number}]") for number, document in enumerate(given)]


def read_lines(text: bytes, place: str) -> list[dict[str, Any]]:
    """Return the documents of JSON lines; empty lines are passed over.

    Raises
    ------
    InvalidModel
        Names the first line that is no document.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            document = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidModel(f"{place}, line {number} is not JSON: {str(error)[:200]}.") from None
        found.append(_checked(document, f"{place}, line {number}"))
    return found


def _checked(document: Any, place: str) -> dict[str, Any]:
    if isinstance(document, str):
        return {"content": document}
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise InvalidModel(f"{place} should be a text or a mapping with 'content'; got {str(document)[:60]!r}.")
    for name, (kind, expected) in _KINDS.items():
        if document.get(name) is not None and not isinstance(document[name], kind):
            raise InvalidModel(f"{place}: {name!r} should be {expected}; got {str(document[name])[:60]!r}.")
    if document.get("content") is None:
        raise InvalidModel(f"{place} has no 'content'; it has {sorted(document)[:10]}.")
    beside = sorted(document.keys() - _OWN)
    if document.get("meta") and beside:
        raise InvalidModel(f"{place} has 'meta' and also {beside[:5]}.", hint="Put all of them in 'meta'.")
    return document
