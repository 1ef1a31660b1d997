"""Every error's HTTP status and the one shape of an error body, whichever door a request came by."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import WallarooError

STATUS: dict[type[WallarooError], HTTPStatus] = {
    errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
    errors.StorageFull: HTTPStatus.INSUFFICIENT_STORAGE,
    WallarooError: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def status_of(error: BaseException | None, default: int) -> int:
    """Return the status of an error by its class, or of the nearest class above it."""
    if not isinstance(error, WallarooError):
        return default
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def body(error: BaseException | None, status: int, request_id: str, said: str = "") -> dict[str, Any]:
    """Return an error as clients of every generation read it.

    ``code`` (the status), ``message``, ``hint``, ``details`` and ``request_id`` are ours; ``msg`` is the control
    plane's older key, ``status``, ``error`` and ``source`` are the engine's (S1-03, contract/inference.md).

    Parameters
    ----------
    error
        What went wrong; of anything but a `WallarooError` nothing is shown.
    status
        Of the answer.
    request_id
        Under which the server's log has more.
    said
        The message where ``error`` is no `WallarooError`; default: what the status means.
    """
    message, hint, details, source = said or _reason(status), "", {}, "platform"
    if isinstance(error, WallarooError):
        message, hint, details = error.message, error.hint, error.details
        source = "engine" if isinstance(error, errors.InvalidInput) else "platform"
    text = f"{message} {hint}".strip()
    return {
        "code": status,
        "message": message,
        "msg": text,
        "hint": hint,
        "details": details,
        "request_id": request_id,
        "status": "error",
        "error": text,
        "source": source,
    }


def _reason(status: int) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "The server failed to answer; its log has the details under the request id."
    return HTTPStatus(status).phrase + "."
