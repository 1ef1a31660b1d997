"""Tables put down on this machine's disk first, so that whoever takes them slowly holds up no database file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import pyarrow as pa


def spooled(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield tables after all of them were read, with no more than one of them in memory.

    A file of SQLite cannot be written, one of DuckDB not even opened, while somebody reads it: results could not go to
    where the rows come from.
    """
    with tempfile.TemporaryFile(prefix="wallaroo-") as file:
        for table in tables:
            with pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table)
        end = file.tell()
        file.seek(0)
        while file.tell() < end:
            with pa.ipc.open_stream(file) as reader:
                yield reader.read_all()
