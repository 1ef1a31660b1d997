"""What can go wrong, as one tree.

::

    WallarooError
    ├── InvalidRequest (ValueError)        the request itself is wrong
    │   ├── InvalidInput                   the data sent to a pipeline does not fit its model
    │   └── InvalidUpload                  an uploaded file, or what it needs installed, cannot be taken
    │       └── InvalidModel               it is not a model that can be run
    ├── Unauthenticated (PermissionError)  nobody is known to be calling
    ├── Forbidden (PermissionError)        somebody is calling who may not
    ├── NotFound (LookupError)             the thing does not exist; says what does
    ├── Conflict                           the thing exists already, or changed meanwhile
    ├── TooLarge                           a body over the limit, refused before it is read
    ├── Unavailable                        a state that passes; try again after ``retry_after_s``
    ├── DeadlineExceeded (TimeoutError)    the time limit of a request passed
    ├── StorageFull (OSError)              nothing can be written
    └── EngineFailure                      an engine process died or broke its own rules

The tree knows neither HTTP nor IPython: `types/refusal.py` gives each class its status. ``code`` is the name
under which an error travels between our processes (see `to_wire` and `from_wire`).
"""

from __future__ import annotations

import bisect
import difflib
import re
from collections.abc import Iterable
from typing import Any, ClassVar

Details = dict[str, Any]

MAX_SHOWN = 100
"""Characters of a name that a message repeats."""
MAX_COMPARED = 300
"""How many names are compared with one that is wrong."""


class WallarooError(Exception):
    """An error with a sentence for the reader, the next step, and facts for a program.

    Parameters
    ----------
    message
        One sentence that names the thing, what was expected and what was got.
    hint
        The next step, or "" when there is none.
    details
        JSON-able facts.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, hint: str = "", details: Details | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: Details = details or {}

    def __str__(self) -> str:
        """Return the sentence and the next step: what a traceback shows has both."""
        end = "" if not self.hint or self.message.endswith((".", "!", "?", "…", ":")) else "."
        return f"{self.message}{end} {self.hint}".strip()

    def to_wire(self) -> Details:
        """Return the error as a plain mapping that `from_wire` turns back into the same class."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "details": self.details}


class InvalidRequest(WallarooError, ValueError):
    """The request is wrong in itself and will be as wrong when it is sent again."""

    code = "invalid_request"


class InvalidInput(InvalidRequest):
    """The data sent to a pipeline does not fit what its first model expects."""

    code = "invalid_input"


class InvalidUpload(InvalidRequest):
    """An uploaded file is not what it should be, or what it needs cannot be installed."""

    code = "invalid_upload"


class InvalidModel(InvalidUpload):
    """An uploaded file is not a model this server can run."""

    code = "invalid_model"


class Unauthenticated(WallarooError, PermissionError):
    """No valid credential came with the request."""

    code = "unauthenticated"


class Forbidden(WallarooError, PermissionError):
    """The caller is known and may not do this."""

    code = "forbidden"


class NotFound(WallarooError, LookupError):
    """The named thing does not exist."""

    code = "not_found"


class Conflict(WallarooError):
    """The named thing exists already, or is not what the caller believes."""

    code = "conflict"


class TooLarge(WallarooError):
    """A body is over its limit; it was not read."""

    code = "too_large"


class Unavailable(WallarooError):
    """A state that passes by itself.

    Parameters
    ----------
    retry_after_s
        When to try again, in seconds.
    """

    code = "unavailable"

    def __init__(self, message: str, *, hint: str = "", details: Details | None = None, retry_after_s: int = 1) -> None:
        super().__init__(message, hint=hint, details=details)
        self.retry_after_s = retry_after_s

    def to_wire(self) -> Details:
        """Return the error as a plain mapping, with when to try again."""
        return {**super().to_wire(), "retry_after_s": self.retry_after_s}


class DeadlineExceeded(WallarooError, TimeoutError):
    """A request took longer than its time limit."""

    code = "deadline_exceeded"


class StorageFull(WallarooError, OSError):
    """The disk that holds the data directory has no room; nothing was written."""

    code = "storage_full"


class EngineFailure(WallarooError):
    """An engine process died, or answered something it never should."""

    code = "engine_failure"


def _tree(root: type[WallarooError]) -> Iterable[type[WallarooError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


_BY_CODE = {cls.code: cls for cls in _tree(WallarooError)}


def from_wire(wire: Details) -> WallarooError:
    """Return the error that `WallarooError.to_wire` described; an unknown code gives the root class."""
    cls = _BY_CODE.get(wire.get("code", ""), WallarooError)
    error = cls(wire.get("message", ""), hint=wire.get("hint", ""), details=wire.get("details"))
    if isinstance(error, Unavailable):
        error.retry_after_s = wire.get("retry_after_s", 1)
    return error


def without_paths(text: str) -> str:
    """Return a text of somebody else's with only the last part of each path of this machine (SECURITY B6).

    Examples
    --------
    >>> without_paths("No such file: '/home/ada/weights.bin'")
    "No such file: 'weights.bin'"
    """
    return re.sub(r"(/[^\s/'\"]+)+/([^\s/'\"]+)", r"\2", text)


def not_found(kind: str, name: object, known: Iterable[str] = ()) -> NotFound:
    """Return a `NotFound` that names the thing and the nearest names that do exist.

    Examples
    --------
    >>> print(not_found("Pipeline", "hause", ["house", "fraud"]).hint)
    Did you mean 'house'?
    """
    name = name if isinstance(name, int) else str(name)[:MAX_SHOWN]
    details = {"kind": kind, "name": str(name)}
    return NotFound(f"{kind} {name!r} does not exist.", hint=nearest(str(name), known), details=details)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a sentence with the names nearest to one that is wrong, or with those there are.

    Of very many only those are compared that are near in the alphabet, which begin alike.

    Examples
    --------
    >>> nearest("shado", ["split", "shadow"])
    "Did you mean 'shadow'?"
    """
    names = list(known)
    compared = names
    if len(names) > MAX_COMPARED:  # comparing takes 30 µs a name, and a server may have ten thousand
        compared = sorted(names)
        at = bisect.bisect(compared, name)
        compared = compared[max(at - MAX_COMPARED // 2, 0) : at + MAX_COMPARED // 2]
    close = difflib.get_close_matches(name, compared, n=3, cutoff=0.5)
    if close:
        return "Did you mean " + " or ".join(repr(item) for item in close) + "?"
    if not names:
        return ""
    shown = ", ".join(repr(item) for item in names[:10])
    return f"There are: {shown}{' …' if len(names) > 10 else ''}."
