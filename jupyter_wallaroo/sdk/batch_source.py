"""Where the rows of a batch inference come from: anything that holds or gives tables, cut into chunks."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import connection, frames
from jupyter_wallaroo.sdk.connection import Connection
from jupyter_wallaroo.sdk.object import InferenceInputError

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_wallaroo.sdk.client import Client

CHUNK_BYTES = 8 * 2**20
"""Bytes that a chunk has at most, unless a single row has more.

Half of the 16 MiB up to which a server reads a body that it refuses: so its refusal (413) is heard, not a broken pipe.
"""


@dataclass(frozen=True)
class Source:
    """Tables to be inferred, in their order.

    Parameters
    ----------
    tables
        Of any sizes.
    rows
        How many rows there are in all, None where nobody knows before the end.
    """

    tables: Iterator[pa.Table]
    rows: int | None = None


def source_of(client: Client, given: object, most: int) -> Source:
    """Return rows as a source that is read by and by, at most about ``most`` rows at a time where it can be.

    Parameters
    ----------
    given
        A DataFrame, a pyarrow Table, RecordBatch, RecordBatchReader or Dataset, anything else that gives Arrow (such as
        a polars frame), an iterable of these, a path, a `Connection`, or ``connection:NAME`` or
        ``connection:NAME:SOURCE``.

    Raises
    ------
    TypeError
        It is nothing of these.
    InvalidRequest
        There is no such file.
    """
    if isinstance(given, Connection):
        return Source(given.batches(most=most))
    if isinstance(given, str) and given.startswith(connection.PREFIX):
        name, _, source = given.removeprefix(connection.PREFIX).partition(":")
        return Source(client.get_connection(name).batches(source or None, most=most))
    if isinstance(given, str | Path):
        return _of_file(Path(given).expanduser(), most)
    rows = getattr(given, "shape", (getattr(given, "num_rows", None),))[0]
    tables = _tables(given, most)
    if tables is not None:
        return Source(tables, rows)
    if isinstance(given, Iterable) and not isinstance(given, dict | bytes):
        return Source(_of_many(given, most))
    raise TypeError(
        "infer_batches takes a DataFrame, an Arrow table, reader or dataset, an iterable of these, a path or a "
        f"connection; got {type(given).__module__}.{type(given).__qualname__}."
    )


def _tables(given: Any, most: int) -> Iterator[pa.Table] | None:
    """Return what one thing gives, None when it gives no tables."""
    import pyarrow as pa

    if frames.is_frame(given):
        # by and by: a whole frame as Arrow is as large as the frame
        return (frames.to_table(given.iloc[start : start + most]) for start in range(0, len(given), most))
    if frames.is_table(given):
        return iter([given])
    if isinstance(given, pa.RecordBatch):
        return iter([pa.Table.from_batches([given])])
    if hasattr(given, "__arrow_c_stream__"):
        return (pa.Table.from_batches([batch]) for batch in pa.RecordBatchReader.from_stream(given))
    if hasattr(given, "to_batches"):  # a Dataset; without its read-ahead, which holds 16 batches of 4 files
        return (
            pa.Table.from_batches([batch])
            for batch in given.to_batches(batch_size=most, batch_readahead=1, fragment_readahead=1)
        )
    return None


def _of_many(given: Iterable[object], most: int) -> Iterator[pa.Table]:
    for place, item in enumerate(given):
        tables = _tables(item, most)
        if tables is None:
            raise TypeError(
                f"infer_batches takes an iterable of DataFrames or Arrow tables; item {place} is a "
                f"{type(item).__module__}.{type(item).__qualname__}."
            )
        yield from tables


def _of_file(path: Path, most: int) -> Source:
    from jupyter_wallaroo.sdk.connectors import formats

    if not path.is_file():
        raise InvalidRequest(f"There is no file {str(path)!r}.", hint=f"It was looked for in {Path.cwd()}.")
    chosen = formats.choose(None, path.name)

    def tables() -> Iterator[pa.Table]:
        from jupyter_wallaroo.sdk.connectors import streams

        with path.open("rb") as file:
            yield from streams.read(file, chosen, most)

    if chosen.name != "parquet":
        return Source(tables())
    from pyarrow import ArrowException, parquet

    try:
        return Source(tables(), parquet.read_metadata(path).num_rows)
    except ArrowException:
        return Source(tables())  # whose reading says what is wrong


@dataclass(frozen=True)
class Chunk:
    """Rows that are sent at once: ``first`` is the place of the first of them in the source."""

    first: int
    table: pa.Table

    def __str__(self) -> str:
        """Return which rows they are, counted from 0."""
        last = self.first + self.table.num_rows - 1
        return f"Row {self.first:,}" if last == self.first else f"Rows {self.first:,} to {last:,}"


class Chunks:
    """Tables of any sizes cut, or put together, into chunks; `close` ends the reading.

    Parameters
    ----------
    tables
        To be cut.
    most
        Rows of a chunk; may be made less meanwhile.
    """

    def __init__(self, tables: Iterator[pa.Table], most: int) -> None:
        self.most = most
        self._tables = tables
        self._held: list[pa.Table] = []
        self._next = 0

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        """Return the next chunk."""
        held = self._filled()
        if not held.num_rows:
            raise StopIteration
        part = held.slice(0, self.most)
        if part.nbytes > CHUNK_BYTES:
            part = part.slice(0, max(1, part.num_rows * CHUNK_BYTES // part.nbytes))
        self._held = [held.slice(part.num_rows)]
        chunk = Chunk(self._next, part.combine_chunks())
        self._next += part.num_rows
        return chunk

    def _filled(self) -> pa.Table:
        """Return what is held, at least a chunk unless the source ends."""
        import pyarrow as pa

        rows = sum(table.num_rows for table in self._held)
        size = sum(table.nbytes for table in self._held)
        while rows < self.most and size < CHUNK_BYTES:
            table = next(self._tables, None)
            if table is None:
                break
            self._held.append(table)
            rows += table.num_rows
            size += table.nbytes
        tables = [table for table in self._held if table.num_rows] or self._held[:1] or [pa.table({})]
        try:
            return tables[0] if len(tables) == 1 else pa.concat_tables(tables, promote_options="permissive")
        except pa.ArrowException as error:
            raise InferenceInputError(
                f"The columns of the source change after row {self._next:,}: {str(error)[:200]}.",
                hint="Every part of it has to have columns of the same types.",
            ) from None

    def close(self) -> None:
        """End the reading: files and connections are closed."""
        self._held = []
        if isinstance(self._tables, Generator):
            self._tables.close()
