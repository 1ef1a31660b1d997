"""What a connector is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

Details = Mapping[str, Any]
"""The details of a connection: any JSON object."""


class Connector(Protocol):
    """Reads tables from one kind of place and writes them to it; keeps nothing between two calls.

    Notes
    -----
    ``*args`` only tells mypy that an implementation may name its options; options are passed by name, and
    `guarded.Guarded` refuses those an implementation does not name.

    A connector may also have ``batches(details, source, most, **options)``, which yields what `read` returns in tables
    of about ``most`` rows, and holds no more of it; and ``ADDS = True`` when every write adds to what is there.
    """

    def read(self, details: Details, source: str | None = None, *args: Any, **options: Any) -> pa.Table:
        """Return what ``source`` names, None meaning what the details themselves name."""
        ...

    def write(self, details: Details, table: pa.Table, target: str | None = None, *args: Any, **options: Any) -> int:
        """Write the table to ``target``, None meaning what the details themselves name, and return the rows written."""
        ...
