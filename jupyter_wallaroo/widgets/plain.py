"""Text of other people's as panels show it: nothing invisible, nothing that turns what stands beside it around."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

MAX_CELL = 200
"""Characters of a cell."""

_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Controls, marks and overrides of direction, invisible characters; joiners stay, which scripts and emoji need."""


def line(text: str, limit: int | None = None) -> str:
    r"""Return a text on one line in which everything invisible is written as its escape.

    Examples
    --------
    >>> print(line("a\x1b[31m\u202eb"))
    a\x1b[31m\u202eb
    """
    shown = text if limit is None or len(text) <= limit else text[: limit - 1] + "…"
    return _HIDDEN.sub(lambda found: _escape(found[0]), shown)


def _escape(character: str) -> str:
    code = ord(character)
    if character in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def lines(text: str) -> list[str]:
    """Return a text of several lines, each as `line` has it."""
    return [line(part) for part in text.split("\n")]


def tidy(value: Any) -> Any:
    """Return a JSON value with every text as `line` has it, and null where a number is not finite."""
    if isinstance(value, str):
        return line(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {line(name): tidy(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(item) for item in value]
    return value


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as text in columns.

    Examples
    --------
    >>> print(table(["name", "status"], [["engine-1", "Running"]]))
    name      status
    engine-1  Running
    """
    cells = [[line(cell, MAX_CELL) for cell in row] for row in (headings, *rows)]
    widths = [max(len(row[number]) for row in cells) for number in range(len(headings))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )
