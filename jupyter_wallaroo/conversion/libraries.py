"""Libraries that an extra brings, and what other people's code says when it fails."""

from __future__ import annotations

import importlib
from types import ModuleType

from jupyter_wallaroo.errors import InvalidModel, without_paths

MAX_REASON = 300


def need(library: str, extra: str, label: str) -> ModuleType:
    """Return an imported library, or say which extra brings it.

    Raises
    ------
    InvalidModel
        It is not installed, or cannot be imported.
    """
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise InvalidModel(
            f"{label} needs the library {library!r}, which cannot be imported here ({said(error)}).",
            hint=f"pip install 'jupyter-wallaroo[{extra}]', or name the library in the model's requirements.",
        ) from None


def said(error: BaseException) -> str:
    """Return what an error of somebody else's code says, in one line, without paths of this machine."""
    try:
        text = without_paths(" ".join(str(error).split()))
    except Exception:  # noqa: BLE001  even saying it is somebody else's code
        text = ""
    return f"{type(error).__name__}: {text[:MAX_REASON]}" if text else f"{type(error).__name__}."
