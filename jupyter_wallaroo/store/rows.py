"""What all noun modules do to rows: fetch one, fetch many, write one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_wallaroo.types.names import instant, now

if TYPE_CHECKING:
    from sqlite_utils import Database

RowValues = dict[str, Any]

AMONG = "IN (SELECT value FROM json_each(:ids))"
"""The condition that a column is one of `ids`."""


def query(db: Database, sql: str, parameters: Mapping[str, object] | None = None) -> Iterator[RowValues]:
    """Yield rows as mappings; ``sql`` is a constant of ours, values are bound (SECURITY D7)."""
    yield from db.query(sql, dict(parameters or {}))


def first(db: Database, sql: str, parameters: Mapping[str, object] | None = None) -> RowValues | None:
    """Return the first row, or None."""
    return next(query(db, sql, parameters), None)


def insert(db: Database, table: str, values: RowValues) -> int:
    """Insert one row and return its integer key."""
    key = db.table(table).insert(values).last_pk
    return key if isinstance(key, int) else 0


def update(db: Database, table: str, key: int | str, values: RowValues) -> None:
    """Change columns of the row with ``key``."""
    db.table(table).update(key, values)


def where(conditions: Mapping[str, object]) -> str:
    """Return the clause of those conditions, constants of ours, that have something to be compared with.

    One that has not is left out, not bound to be passed over: SQLite then takes the index of another one.
    """
    held = [condition for condition, value in conditions.items() if value is not None]
    return f" WHERE {' AND '.join(held)}" if held else ""


def ids(keys: Iterable[int]) -> dict[str, str]:
    """Return what `AMONG` is bound to: any number of ids is one value."""
    return {"ids": msgspec.json.encode(list(keys)).decode()}


def present() -> str:
    """Return the present instant as it is stored."""
    return instant(now())


def name_key(name: str) -> str:
    """Return what makes two names the same: they differ in more than case (SECURITY D6)."""
    return name.casefold()
