"""What verbs return beside the client's own objects: tables and facts, as text and as HTML, and as plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from jupyter_wallaroo.sdk import display

Item = TypeVar("Item")
Columns = Mapping[str, Callable[[Item], object]]


class Shown:
    """Something with a text and an HTML form; subclasses say both."""

    def text(self) -> str:
        """Return it as lines of text."""
        raise NotImplementedError

    def html(self) -> str:
        """Return it as HTML."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return self.text()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001  IPython's signature
        printer.text(self.text())

    def _repr_html_(self) -> str:
        return self.html()


class Table(Shown, list[Item], Generic[Item]):
    """A list of things that shows a line for each.

    Parameters
    ----------
    items
        The things.
    columns
        By heading, what is shown of one.
    nothing
        What is shown for none.
    """

    def __init__(self, items: Iterable[Item], columns: Columns[Item], nothing: str) -> None:
        super().__init__(items)
        self._headings = list(columns)
        self._lines = [[cell(item) for cell in columns.values()] for item in self]
        self._nothing = nothing

    def text(self) -> str:
        """Return a line per thing under headings."""
        return display.text_rows(self._headings, self._lines) if self._lines else display.visible(self._nothing)

    def html(self) -> str:
        """Return a table with a line per thing."""
        return display.rows(self._headings, self._lines) if self._lines else f"<p>{display.cell(self._nothing)}</p>"


class Facts(Shown, dict[str, Any]):
    """Facts by name, shown a line each under a title."""

    def __init__(self, title: str, facts: Mapping[str, object]) -> None:
        super().__init__(facts)
        self.title = title

    def text(self) -> str:
        """Return the title and a line per fact."""
        return f"{display.visible(self.title)}\n{display.text_facts(self.items())}".lstrip("\n")

    def html(self) -> str:
        """Return the title and a table of the facts."""
        return f"{_heading(self.title)}{display.facts(self.items())}"


class Sections(Shown):
    """Several results below each other.

    Parameters
    ----------
    title
        What stands above all.
    parts
        Results, by names that Python finds them by.
    """

    def __init__(self, title: str, parts: Sequence[tuple[str, Shown]]) -> None:
        self.title = title
        self.parts = list(parts)

    def __getitem__(self, name: str) -> Shown:
        """Return the result with a name."""
        return dict(self.parts)[name]

    def text(self) -> str:
        """Return all, with an empty line between."""
        return "\n\n".join([display.visible(self.title), *(part.text() for _, part in self.parts)])

    def html(self) -> str:
        """Return all below each other."""
        return _heading(self.title) + "".join(part.html() for _, part in self.parts)


def _heading(title: str) -> str:
    return f"<p><b>{display.cell(title)}</b></p>" if title else ""


def brief(value: object) -> str:
    """Return what was put into a variable, in a few words."""
    kind = type(value).__name__
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and len(shape) == 2:
        return f"{kind} with {shape[0]} rows and {shape[1]} columns"
    return f"{kind} of {len(value)}" if isinstance(value, list) else kind
