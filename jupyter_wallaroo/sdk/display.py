"""Tables as notebooks show them. Whatever comes from users or the server is escaped here (SECURITY E1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import ClassVar, Generic, SupportsIndex, TypeVar, overload

Item = TypeVar("Item")
Cell = object
"""Anything; its ``str`` is shown."""


def facts(rows: Iterable[tuple[str, Cell]]) -> str:
    """Return one thing as a table with a row per fact, as pipelines are shown (S2-23)."""
    lines = "".join(f"<tr><th>{escape(name)}</th> <td>{escape(str(value))}</td></tr>" for name, value in rows)
    return f"<table>{lines}</table>"


def plain_facts(rows: Iterable[tuple[str, Cell]]) -> str:
    """Return one thing as a table without headings, as model versions are shown (S2-22)."""
    lines = "".join(
        f"\n        <tr>\n          <td>{escape(name)}</td>\n          <td>{escape(str(value))}</td>\n        </tr>"
        for name, value in rows
    )
    return f"<table>{lines}\n      </table>"


def fields(rows: Iterable[tuple[str, Cell]]) -> str:
    """Return one thing as a table headed ``Field`` and ``Value``, as connections are shown (S2-13)."""
    head = "\n  <tr>\n    <th>Field</th>\n    <th>Value</th>\n  </tr>"
    lines = "".join(
        f"\n  <tr>\n    <td>{escape(name)}</td><td>{escape(str(value))}</td>\n  </tr>" for name, value in rows
    )
    return f"<table>{head}{lines}\n</table>"


def rows(headings: Sequence[str], lines: Iterable[Sequence[Cell]]) -> str:
    """Return several things as a table with a line per thing."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table><tr>{head}</tr>{body}</table>"


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
            return escape(self.nothing)
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
