"""Rows of results and log records as the panels' tables show them: text in cells, and which rules a row failed."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from jupyter_wallaroo.widgets import plain

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN_VALUES = 4
"""Values of a list that a cell shows."""

_COUNTS = ("anomaly.count", "check_failures")


class Column(Struct, frozen=True, kw_only=True):
    """A column of a table; numbers stand right."""

    name: str
    is_number: bool


class Row(Struct, frozen=True, kw_only=True):
    """A row; ``failed`` has the rules it failed, "1 rule" where they have no names."""

    cells: list[str]
    failed: list[str]


class Grid(Struct, frozen=True, kw_only=True):
    """Some rows of a table; ``total`` is how many it has, ``first`` the position of the first of these."""

    columns: list[Column]
    rows: list[Row]
    total: int
    first: int = 0


def grid(table: pa.Table, first: int, count: int) -> Grid:
    """Return ``count`` rows of flat results or log records, from ``first`` on; ``metadata.*`` is left out."""
    part = table.slice(first, min(count, max(0, table.num_rows - first)))  # pyarrow's tables without columns overrun
    shown = [name for name in part.column_names if not is_check(name) and not name.startswith("metadata.")]
    columns = [Column(name=name, is_number=_is_number(part.schema.field(name).type)) for name in shown]
    values = [part.column(name).to_pylist() for name in shown]
    rows = [
        Row(cells=[cell(column[number]) for column in values], failed=failed)
        for number, failed in enumerate(_failed(part))
    ]
    return Grid(columns=columns, rows=rows, total=table.num_rows, first=first)


def text(shown: Grid) -> str:
    """Return a grid as text."""
    headings = [*(column.name for column in shown.columns), "anomaly"]
    return plain.table(headings, [[*row.cells, ", ".join(row.failed) or "-"] for row in shown.rows])


def is_check(name: str) -> bool:
    """Tell whether a column says what failed."""
    return name == "check_failures" or name.startswith("anomaly.")


def anomalies(table: pa.Table) -> int:
    """Return how many rows failed a rule."""
    return sum(bool(count) for count in _counts(table))


def _counts(table: pa.Table) -> list[int]:
    name = next((name for name in _COUNTS if name in table.column_names), None)
    return [0] * table.num_rows if name is None else [count or 0 for count in table.column(name).to_pylist()]


def _failed(table: pa.Table) -> list[list[str]]:
    rules = [name for name in table.column_names if name.startswith("anomaly.") and name != "anomaly.count"]
    marks = {name.removeprefix("anomaly."): table.column(name).to_pylist() for name in rules}
    found = []
    for number, count in enumerate(_counts(table)):
        named = [rule for rule, failed in marks.items() if failed[number] is True]
        found.append(named or ([f"{count} rule{'s' if count > 1 else ''}"] if count else []))
    return found


def cell(value: Any) -> str:
    """Return a value as a cell shows it.

    Examples
    --------
    >>> cell([1.0, 2.5, 3.0, 4.0, 5.0])
    '[1, 2.5, 3, 4, … 5 values]'
    """
    return plain.line(_written(value), plain.MAX_CELL)


def _written(value: Any) -> str:
    found = ""
    match value:
        case None:
            pass
        case bool():
            found = "true" if value else "false"
        case float():
            found = f"{value:.6g}"
        case datetime():
            found = value.isoformat(sep=" ", timespec="milliseconds")
        case list():
            shown = [_written(item) for item in value[:SHOWN_VALUES]]
            more = [f"… {len(value):,} values"] if len(value) > SHOWN_VALUES else []
            found = f"[{', '.join(shown + more)}]"
        case dict():
            found = json.dumps(value, default=str, ensure_ascii=False)
        case _:
            found = str(value)
    return found


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
