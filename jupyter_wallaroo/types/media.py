"""The formats of request and answer bodies, and which of them a request means (contract/inference.md)."""

from __future__ import annotations

import re
from functools import lru_cache

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.types.plan import MediaType

ARROW_TYPES = ("application/vnd.apache.arrow.file", "application/vnd.apache.arrow.stream")

ANSWER_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}
"""Of every answer: data, never a page (SECURITY E2)."""


@lru_cache(maxsize=256)
def negotiate(content_type: str, accept: str) -> tuple[MediaType, MediaType]:
    """Return the formats of the body and of the answer.

    An answer is Arrow when asked for, records for records, and the legacy list for everything else.

    Raises
    ------
    InvalidRequest
        The body is of a type that is not read.
    """
    kind, _, parameters = content_type.lower().partition(";")
    kind = kind.strip()
    accept = accept.lower()
    if kind in ARROW_TYPES:
        content = MediaType.ARROW
    elif kind in ("application/json", ""):
        is_records = re.search(r"format\s*=\s*\"?pandas-records", parameters) is not None
        content = MediaType.RECORDS if is_records else MediaType.TENSORS
    else:
        raise InvalidRequest(
            f"Bodies of type {kind[:60]!r} are not read here; expected application/json or {MediaType.ARROW.value}."
        )
    if any(arrow in accept for arrow in ARROW_TYPES):
        return content, MediaType.ARROW
    if content is MediaType.RECORDS or "pandas-records" in accept:
        return content, MediaType.RECORDS
    return content, MediaType.TENSORS
