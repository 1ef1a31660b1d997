"""Which value of an inference an assay looks at, as people write it and as programs do."""

from __future__ import annotations

import re

from msgspec import Struct

from jupyter_wallaroo.errors import InvalidRequest

MAX_LENGTH = 300
MAX_INDEX_DIGITS = 9

_GROUPS = {"in": "in", "input": "in", "inputs": "in", "out": "out", "output": "out", "outputs": "out"}
_WORDS = re.compile(r"(\w+)\s+(\S(?:.*?\S)??)((?:\s+\d+)*)")
_BRACKETS = re.compile(r"([A-Za-z]\w*)\.(.+?)((?:\[\d+\])*)")
_DOTS = re.compile(r"([A-Za-z]\w*)\.(.+?)((?:\.\d+)*)")
_NUMBER = re.compile(rf"\d{{1,{MAX_INDEX_DIGITS}}}")
_TOO_LONG = re.compile(rf"\d{{{MAX_INDEX_DIGITS + 1}}}")


class IoPath(Struct, frozen=True):
    """One number of each record.

    Parameters
    ----------
    group
        ``in``, ``out``, or ``out_<model>`` for a challenger.
    field
        The field's name or, where no field has such a name, its position from 0.
    indexes
        Where in the field's list the number is, from 0, outermost first; none where there is but one number.
    """

    group: str
    field: str
    indexes: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        """The path as v2 names it, e.g. ``out.variable.0``; `parse` reads it back."""
        return ".".join([self.group, self.field, *map(str, self.indexes)])

    @property
    def words(self) -> str:
        """The path as v1 names it, e.g. ``output variable 0``."""
        group = {"in": "input", "out": "output"}.get(self.group, self.group)
        return " ".join([group, self.field, *map(str, self.indexes)])


def parse(text: str) -> IoPath:
    """Return the path that ``text`` means.

    Parameters
    ----------
    text
        ``"output variable 0"`` (v1), ``"out.variable[0]"``, ``"out.variable.0"`` (v2); by position ``"output 0 0"``.

    Raises
    ------
    InvalidRequest
        It is none of these; shows how one is written.

    Examples
    --------
    >>> parse("output variable 0") == parse("out.variable[0]") == parse("out.variable.0")
    True
    >>> parse("input tensor 3").label
    'in.tensor.3'
    """
    stripped = text.strip()
    if len(stripped) > MAX_LENGTH or _TOO_LONG.search(stripped):
        raise _unreadable(text)
    dotted = _BRACKETS.fullmatch(stripped) if stripped.endswith("]") else _DOTS.fullmatch(stripped)
    found = dotted or _WORDS.fullmatch(stripped)
    if found is None:
        raise _unreadable(text)
    group = _GROUPS.get(found[1].lower(), found[1])
    if group not in ("in", "out") and not group.startswith("out_"):
        raise _unreadable(text)
    return IoPath(group, found[2], tuple(int(number) for number in _NUMBER.findall(found[3] or "")))


def _unreadable(text: str) -> InvalidRequest:
    return InvalidRequest(
        f"{text[:60]!r} leads to no input or output: expected 'input <field> <index>' or 'output <field> <index>'.",
        hint="For the first value of the output field 'variable' write 'output variable 0' or 'out.variable[0]'.",
    )
