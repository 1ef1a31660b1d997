"""A value that nothing shows by accident (S2-14, SECURITY B4). The standard library only: the client uses it too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

T_co = TypeVar("T_co", covariant=True)

MASK = "*****"
"""What stands wherever a secret would (S2-14)."""


class Secret(Generic[T_co]):
    """Holds a value that only `reveal` gives; every way of showing it gives `MASK`.

    Parameters
    ----------
    value
        What is to stay out of reprs, logs, tracebacks and saved notebooks.

    Examples
    --------
    >>> token = Secret("abc")
    >>> f"{token} {token!r} {token:>10}"
    '***** ***** *****'
    >>> token.reveal()
    'abc'

    Notes
    -----
    The value lies in a closure, so that what walks attributes (debuggers, pretty printers, ``vars``) does not meet it.
    Two secrets are equal only when they are the same object: comparing contents is up to whoever may see them.
    """

    __slots__ = ("_open",)

    def __init__(self, value: T_co) -> None:
        self._open: Callable[[], T_co] = lambda: value

    def reveal(self) -> T_co:
        """Return the value in clear."""
        return self._open()

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return MASK

    def __copy__(self) -> Secret[T_co]:
        return self

    def __deepcopy__(self, memo: object) -> Secret[T_co]:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("A Secret cannot be pickled: pickle what reveal() gives, where that may be written down.")
