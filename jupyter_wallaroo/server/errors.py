"""Errors as Tornado raises them, in the one shape of an error body."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from tornado.web import HTTPError

from jupyter_wallaroo.types import refusal
from jupyter_wallaroo.types.refusal import status_of

__all__ = ["body", "status_of"]


def body(error: BaseException | None, status: int, request_id: str) -> dict[str, Any]:
    """Return an error as clients of every generation read it, see `refusal.body`."""
    said = ""
    if isinstance(error, HTTPError) and error.log_message and status < HTTPStatus.INTERNAL_SERVER_ERROR:
        said = error.log_message % error.args if error.args else error.log_message
    return refusal.body(error, status, request_id, said)
