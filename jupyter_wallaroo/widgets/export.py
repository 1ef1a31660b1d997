"""Results and log records as files to be downloaded."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.sdk import frames

if TYPE_CHECKING:
    import pyarrow as pa

_FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """What a download is written as."""

    ARROW = "arrow"
    CSV = "csv"


def written(table: pa.Table, form: Format) -> bytes:
    """Return a table as an Arrow IPC file or as CSV."""
    return frames.to_bytes(table) if form is Format.ARROW else to_csv(table)


def to_csv(table: pa.Table) -> bytes:
    """Return a table as CSV in UTF-8 with a line of headings; lists are JSON.

    Notes
    -----
    A text that a spreadsheet would take for a formula gets an apostrophe before it (SECURITY E5); numbers stay numbers.
    """
    output = io.StringIO(newline="")
    writer = csv.writer(output, lineterminator="\r\n")  # as RFC 4180; after "\n" alone, texts with a "\r" stay unquoted
    writer.writerow([_harmless(name) for name in table.column_names])
    for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
        writer.writerow([_csv(value) for value in row])
    return output.getvalue().encode("utf-8", "replace")


def _csv(value: Any) -> Any:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return value
        case datetime():
            return value.isoformat(timespec="milliseconds")
        case list() | dict():
            return json.dumps(value, default=str, ensure_ascii=False)
    return _harmless(str(value))


def _harmless(text: str) -> str:
    return f"'{text}" if text.lstrip(" \n").startswith(_FORMULA_BEGINS) else text
