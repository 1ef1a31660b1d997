"""The nodes of a validation."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

MAX_DEPTH = 32
MAX_NODES = 500

Scalar = bool | int | float | str | None


class Column(Struct, frozen=True, tag="column", array_like=True):
    """A column by its flat name, such as ``out.variable``."""

    path: str


class Place(Struct, frozen=True, tag="place", array_like=True):
    """A column by its position among the inputs (``in``) or outputs (``out``), as the grammar of 2023 names it."""

    group: str
    index: int


class Literal(Struct, frozen=True, tag="literal", array_like=True):
    """A value, or a list of values for ``is_in``."""

    value: Scalar | list[Scalar]


class Operation(Struct, frozen=True, tag="operation", array_like=True):
    """An operation that `engine.validation` has, on what its operands give.

    ``option`` is the decimals of ``round`` (halves away from zero) and ``round_to_even``, the numpy name or ``string``
    of ``cast``, the name of ``field``, whether the pattern of ``contains`` is literal, or the degrees of freedom of
    ``std``.
    """

    name: str
    operands: list[Node]
    option: Any = None


Node = Column | Place | Literal | Operation


class Rule(Struct, frozen=True, array_like=True):
    """A named validation: a row is an anomaly when the tree is true or, with ``holds_when_sane``, when it is false."""

    name: str
    root: Node
    holds_when_sane: bool = False
