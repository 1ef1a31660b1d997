"""How far the answers of a converted model are from those of the original."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

TOLERANCE = 1e-4
"""How far a number of the converted model may be off, relative to the larger of it and one."""
MAX_EXAMPLES = 10


class Incomparable(Exception):
    """Two answers differ in more than their values; says in what."""


class Example(Struct, frozen=True):
    """A value that differs: in which row of which output, from what, to what."""

    row: int
    output: str
    original: object
    converted: object


class Compared(Struct, frozen=True):
    """How an output differs.

    ``largest`` is the largest difference of its numbers, relative to the larger of the original and one; ``changed``
    counts the values that are no such number (labels, whole numbers, truths) and are not the same, of ``labels``.
    """

    output: str
    largest: float = 0.0
    changed: int = 0
    labels: int = 0
    examples: tuple[Example, ...] = ()

    @property
    def is_kept(self) -> bool:
        """Whether the converted model may stand for the original."""
        return not self.changed and self.largest <= TOLERANCE


def compare_all(expected: Mapping[str, Any], got: Mapping[str, Any]) -> list[Compared]:
    """Return how each output of the original differs after conversion.

    Raises
    ------
    Incomparable
        An output is missing, or of another type or shape.
    """
    for output in expected:
        if output not in got:
            raise Incomparable(f"the converted model has no output {output!r}")
    return [compare(output, values, got[output]) for output, values in expected.items()]


def compare(output: str, expected: Any, got: Any) -> Compared:
    """Return how an output differs after conversion; both are anything that numpy takes, rows first.

    Raises
    ------
    Incomparable
        They are of different types or shapes.
    """
    import numpy as np

    try:
        first, second = np.array(expected), np.array(got)
    except ValueError:
        raise Incomparable(f"output {output!r} has lists of different lengths") from None
    if (first.dtype.kind in "fiu") != (second.dtype.kind in "fiu"):
        raise Incomparable(f"output {output!r} has the type {second.dtype} after conversion, {first.dtype} before")
    if first.size == second.size:
        second = second.reshape(first.shape)
    if first.shape != second.shape:
        raise Incomparable(f"output {output!r} has the shape {second.shape} after conversion, {first.shape} before")
    if first.dtype.kind != "f":
        differs = np.asarray(first != second)
        examples = _examples(output, first, second, differs)
        return Compared(output, changed=int(differs.sum()), labels=first.size, examples=examples)
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(first.astype(float) - second.astype(float)) / np.maximum(np.abs(first), 1.0)
    off[(first == second) | (np.isnan(first) & np.isnan(second))] = 0.0
    off = np.where(np.isnan(off), np.inf, off)
    return Compared(
        output, largest=float(off.max(initial=0.0)), examples=_examples(output, first, second, off > TOLERANCE)
    )


def _examples(output: str, first: Any, second: Any, differs: Any) -> tuple[Example, ...]:
    places = list(zip(*differs.nonzero(), strict=True))[:MAX_EXAMPLES]
    return tuple(Example(int(at[0]), output, first[at].item(), second[at].item()) for at in places)
