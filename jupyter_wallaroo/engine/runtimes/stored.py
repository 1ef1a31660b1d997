"""The stored file of a model, read only when it is the one that was uploaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

from jupyter_wallaroo.errors import InvalidModel
from jupyter_wallaroo.types.plan import PlannedModel

_PART_BYTES = 2**20


def read_pinned(model: PlannedModel) -> bytes:
    """Return the bytes of a model's file.

    Raises
    ------
    InvalidModel
        It cannot be read, or does not have the SHA-256 that the plan says.
    """
    try:
        body = Path(model.path).read_bytes()
    except OSError as error:
        raise _unreadable(model, error) from None
    if hashlib.sha256(body).hexdigest() != model.file_sha:
        raise _damaged(model)
    return body


def check_pinned(model: PlannedModel) -> Path:
    """Return the path of a model's file, checked as `read_pinned` does without holding it in memory."""
    digest = hashlib.sha256()
    try:
        with open(model.path, "rb") as file:
            while part := file.read(_PART_BYTES):
                digest.update(part)
    except OSError as error:
        raise _unreadable(model, error) from None
    if digest.hexdigest() != model.file_sha:
        raise _damaged(model)
    return Path(model.path)


def _unreadable(model: PlannedModel, error: OSError) -> InvalidModel:
    return InvalidModel(
        f"The stored file of model {model.name!r} (version {model.version}) cannot be read: {error.strerror}.",
        hint="Upload the model again.",
    )


def _damaged(model: PlannedModel) -> InvalidModel:
    return InvalidModel(
        f"The stored file of model {model.name!r} (version {model.version}) is damaged: its SHA-256 is not "
        f"{model.file_sha}.",
        hint="Upload the model again.",
    )
