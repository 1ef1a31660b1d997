"""Tables as notebooks show them. Whatever comes from users or the server is escaped here (SECURITY E1)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any, ClassVar, Generic, SupportsIndex, TypeVar, overload

Item = TypeVar("Item")
Cell = object
"""Anything; its ``str`` is shown."""


def visible(value: Cell) -> str:
    r"""Return a value as text that says what it holds: control characters and marks of direction as their escapes.

    Examples
    --------
    >>> print(visible("a\x1b[2J\u202eb"))
    a\x1b[2J\u202eb
    """
    text = str(value)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def visible_lines(text: str) -> str:
    """Return a text of several lines, each as `visible` has it."""
    return "\n".join(visible(line) for line in text.split("\n"))


def cell(value: Cell) -> str:
    """Return a value as HTML that shows it and does nothing."""
    return escape(visible(value))


def facts(rows: Iterable[tuple[str, Cell]]) -> str:
    """Return one thing as a table with a row per fact, as pipelines are shown (S2-23)."""
    lines = "".join(f"<tr><th>{cell(name)}</th> <td>{cell(value)}</td></tr>" for name, value in rows)
    return f"<table>{lines}</table>"


def plain_facts(rows: Iterable[tuple[str, Cell]]) -> str:
    """Return one thing as a table without headings, as model versions are shown (S2-22)."""
    lines = "".join(
        f"\n        <tr>\n          <td>{cell(name)}</td>\n          <td>{cell(value)}</td>\n        </tr>"
        for name, value in rows
    )
    return f"<table>{lines}\n      </table>"


def fields(rows: Iterable[tuple[str, Cell]]) -> str:
    """Return one thing as a table headed ``Field`` and ``Value``, as connections are shown (S2-13)."""
    head = "\n  <tr>\n    <th>Field</th>\n    <th>Value</th>\n  </tr>"
    lines = "".join(f"\n  <tr>\n    <td>{cell(name)}</td><td>{cell(value)}</td>\n  </tr>" for name, value in rows)
    return f"<table>{head}{lines}\n</table>"


def rows(headings: Sequence[str], lines: Iterable[Sequence[Cell]]) -> str:
    """Return several things as a table with a line per thing."""
    head = "".join(f"<th>{cell(heading)}</th>" for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{cell(item)}</td>" for item in line) + "</tr>" for line in lines)
    return f"<table><tr>{head}</tr>{body}</table>"


def text_facts(rows: Iterable[tuple[str, Cell]]) -> str:
    """Return one thing as lines of text, a line per fact."""
    shown = [(visible(name), visible(value)) for name, value in rows]
    width = max((_width(name) for name, _ in shown), default=0)
    return "\n".join(f"{_padded(name, width)}  {value}".rstrip() for name, value in shown)


def text_rows(headings: Sequence[str], lines: Iterable[Sequence[Cell]]) -> str:
    """Return several things as lines of text under headings, in columns.

    Examples
    --------
    >>> print(text_rows(["name", "rows"], [["a", 1], ["long", 20]]))
    NAME  ROWS
    a        1
    long    20
    """
    given = [list(line) for line in lines]
    shown = [[visible(heading.upper()) for heading in headings], *([visible(item) for item in line] for line in given)]
    widths = [max(_width(line[place]) for line in shown) for place in range(len(headings))]
    right = [
        bool(given) and all(isinstance(line[place], int | float) for line in given) for place in range(len(headings))
    ]
    return "\n".join(
        "  ".join(_padded(*item) for item in zip(line, widths, right, strict=True)).rstrip() for line in shown
    )


def _padded(text: str, width: int, right: bool = False) -> str:  # noqa: FBT001, FBT002
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(bool(unicodedata.combining(char)) for char in text)


def pretty(printer: Any, rows: Iterable[tuple[str, Cell]], inside: str) -> None:
    """Answer IPython's pretty printer: with lines of text for what stands alone, with ``inside`` within others."""
    printer.text(text_facts(rows) if printer.indentation == 0 else inside)


class Listing(list[Item], Generic[Item]):
    """A list that notebooks show as a table; in every other respect a list.

    Subclasses say the headings, the text for none, and the line of an item.
    """

    headings: ClassVar[tuple[str, ...]]
    nothing: ClassVar[str]

    def line(self, item: Item) -> Sequence[Cell]:
        """Return the cells of one item, one per heading."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        if not self:
            return cell(self.nothing)
        return rows(self.headings, [self.line(item) for item in self])

    @overload
    def __getitem__(self, index: SupportsIndex) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Listing[Item]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Item | Listing[Item]:
        """Return an item, or some of them as the same kind of listing."""
        found = super().__getitem__(index)
        return type(self)(found) if isinstance(index, slice) else found  # type: ignore[arg-type, return-value]


def moment(text: str) -> datetime:
    """Return an instant of the wire as an aware datetime."""
    return datetime.fromisoformat(text)


def short_moment(instant: datetime) -> str:
    """Return an instant as model versions show it: ``2023-05-Oct 16:22:07`` (S2-22)."""
    return instant.strftime("%Y-%d-%b %H:%M:%S")
