"""JSON as we accept it: strict UTF-8, no NaN, no duplicate keys, bounded depth (SECURITY D4)."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from jupyter_wallaroo.errors import InvalidRequest

MAX_DEPTH = 64

Buffer = bytes | bytearray | memoryview


def decode(body: Buffer) -> Any:
    """Return the value in ``body``; the fast path for bulk data.

    Raises
    ------
    InvalidRequest
        Empty, not UTF-8, not JSON (NaN and Infinity are not), or nested too deep to read.

    Notes
    -----
    Depth and duplicate keys are left to the caller: see `check_depth` and `check_duplicates`.
    """
    if not body:
        raise InvalidRequest("The request body is empty: expected JSON.", hint="Send a JSON document as the body.")
    try:
        return msgspec.json.decode(body)
    except RecursionError:
        raise InvalidRequest(f"The JSON body is nested too deep: at most {MAX_DEPTH} levels are read.") from None
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The request body is not valid UTF-8 (byte {error.start} of a text).") from None
    except msgspec.DecodeError as error:
        raise InvalidRequest(_complaint(bytes(body), error), hint=_hint(bytes(body))) from None


def _complaint(body: bytes, error: msgspec.DecodeError) -> str:
    try:
        body.decode()
    except UnicodeDecodeError as encoding:
        return f"The request body is not valid UTF-8 (byte {encoding.start})."
    return f"The request body is not valid JSON: {str(error).replace('JSON is malformed: ', '').rstrip('.')}."


def _hint(body: bytes) -> str:
    return "NaN and Infinity are not JSON numbers." if b"NaN" in body or b"Infinity" in body else ""


def decode_document(body: Buffer) -> Any:
    """Return the value in ``body``, a small document, with every check."""
    value = decode(body)
    check_depth(value)
    check_duplicates(body)
    return value


def check_depth(value: Any) -> None:
    """Refuse a value nested deeper than `MAX_DEPTH`."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        containers = [item for item in level if isinstance(item, (dict, list))]
        if not containers:
            return
        level = [child for item in containers for child in (item.values() if isinstance(item, dict) else item)]
    raise InvalidRequest(f"The JSON body is nested deeper than {MAX_DEPTH} levels, the most that is read.")


def check_duplicates(body: Buffer) -> None:
    """Refuse a body in which an object has the same key twice."""

    def pairs(items: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in items:
            if key in seen:
                raise InvalidRequest(f"The JSON body has the key {key[:60]!r} twice in one object.")
            seen.add(key)

    try:
        json.loads(bytes(body), object_pairs_hook=pairs)
    except RecursionError:
        raise InvalidRequest(f"The JSON body is nested too deep: at most {MAX_DEPTH} levels are read.") from None
