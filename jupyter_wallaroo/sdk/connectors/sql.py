"""What the SQL connectors share: tables' names, and what a write does to a table that is there."""

from __future__ import annotations

import re
from collections.abc import Callable

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors.connector import Details
from jupyter_wallaroo.sdk.connectors.details import choice, optional

MODES = ("append", "create", "replace")
"""Add to a table that is there · make one that is not there yet · throw away the one that may be there."""

_PART = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')


def mode_of(mode: str) -> str:
    """Return a write's mode, or raise `InvalidRequest`."""
    return choice("mode", mode, MODES)


def statement(source: str, quote: Callable[[str], str]) -> str:
    """Return the SQL of a source: text with a blank in it is SQL already, anything else a table's name.

    Parameters
    ----------
    quote
        Turns a table's name into an identifier.
    """
    text = source.strip()
    if re.search(r"\s", text) and not text.startswith('"'):
        return text
    return f"SELECT * FROM {quote(text)}"  # noqa: S608 the name is quoted


def table_name(details: Details, name: str | None) -> str:
    """Return the table that is meant, that of the details when a source or target names none.

    Raises
    ------
    InvalidRequest
        Neither does.
    """
    found = name if name is not None else optional(details, "table")
    if found is None:
        raise InvalidRequest(
            "No table is named.",
            hint="Give its name, or SQL to read, as the first argument, or add 'table' to the connection's details.",
        )
    return str(found)


def parts(name: str) -> list[str]:
    """Return the parts of a dotted name; in double quotes, dots and blanks belong to a part.

    Examples
    --------
    >>> parts('houses."in.2024"')
    ['houses', 'in.2024']
    """
    text = name.strip()
    found = [match[1].replace('""', '"') if match[1] else match[2] for match in _PART.finditer(text)]
    if not found or ".".join(_PART.sub("p", text).split(".")) != ".".join("p" * len(found)):
        raise InvalidRequest(
            f"{name!r} is not a table's name.", hint='Write it as table, schema.table or schema."table".'
        )
    return found


def quoted(name: str) -> str:
    """Return a dotted name as an SQL identifier."""
    return ".".join(quoted_part(part) for part in parts(name))


def quoted_part(part: str) -> str:
    """Return one part of a name as an SQL identifier."""
    return '"' + part.replace('"', '""') + '"'
