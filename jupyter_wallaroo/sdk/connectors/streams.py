"""Files by and by: tables out of one, tables into one, with no more than a part of it in memory.

==========  ==========================================  ======================================
format      read                                        written
==========  ==========================================  ======================================
parquet     some rows of a row group at a time          a row group per table
arrow       mapped into memory, a batch at a time       a batch per table
csv         a block at a time, types by the first one   lines
jsonl       some lines at a time                        lines
json        whole: a list ends only where it ends       elements of the list
==========  ==========================================  ======================================
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Protocol

import msgspec
import pyarrow as pa

from jupyter_wallaroo.sdk.connectors import formats, rows
from jupyter_wallaroo.sdk.connectors.failures import ConnectorError
from jupyter_wallaroo.sdk.connectors.formats import Format
from jupyter_wallaroo.sdk.connectors.plain import plain


def read(file: BinaryIO, chosen: Format, most: int) -> Iterator[pa.Table]:
    """Yield the tables of a file in its order, where the format can with at most ``most`` rows each.

    Parameters
    ----------
    file
        Opened to read bytes, and to seek in for Parquet and Arrow; whoever opened it closes it.

    Raises
    ------
    ConnectorError
        It is not in that format, or its columns change on the way.
    """
    reader = _READERS.get(chosen.name, _whole)
    try:
        yield from map(plain, reader(file, chosen, most))
    except (pa.ArrowException, msgspec.MsgspecError, OSError, ValueError) as error:
        raise ConnectorError(
            f"The file cannot be read as {chosen.name}: {(str(error).splitlines() or [type(error).__name__])[0]}.",
            hint="If it is another format, give it with format=.",
        ) from None


def _whole(file: BinaryIO, chosen: Format, _: int) -> Iterator[pa.Table]:
    yield chosen.decode(file.read())


def _parquet(file: BinaryIO, _: Format, most: int) -> Iterator[pa.Table]:
    from pyarrow import parquet

    with parquet.ParquetFile(file, pre_buffer=False) as opened:
        for batch in opened.iter_batches(batch_size=most):
            yield pa.Table.from_batches([batch])


def _arrow(file: BinaryIO, _: Format, most: int) -> Iterator[pa.Table]:
    is_file = file.read(len(formats.FILE_MAGIC)) == formats.FILE_MAGIC
    file.seek(0)
    name = getattr(file, "name", None)
    source = pa.memory_map(name) if isinstance(name, str) else pa.PythonFile(file, mode="r")
    with source:
        reader = pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)
        batches = map(reader.get_batch, range(reader.num_record_batches)) if is_file else iter(reader)
        for batch in batches:
            for start in range(0, batch.num_rows, most):
                table = pa.Table.from_batches([batch.slice(start, most)])
                table.validate(full=True)  # as `formats` does
                yield table


def _csv(file: BinaryIO, _: Format, __: int) -> Iterator[pa.Table]:
    from pyarrow import csv

    for batch in csv.open_csv(file, convert_options=formats.csv_options()):
        yield rows.text_as_lists(pa.Table.from_batches([batch]))


def _lines(file: BinaryIO, _: Format, most: int) -> Iterator[pa.Table]:
    lines = (line for line in file if line.strip())
    while some := list(itertools.islice(lines, most)):
        yield rows.table_of(map(msgspec.json.decode, some))


_READERS: dict[str, Callable[[BinaryIO, Format, int], Iterator[pa.Table]]] = {
    "parquet": _parquet,
    "arrow": _arrow,
    "csv": _csv,
    "jsonl": _lines,
}


class Writer:
    """Writes tables of one schema into a file, one below the other.

    Parameters
    ----------
    file
        Opened to write bytes; whoever opened it closes it, after `close`.
    chosen
        The format.
    """

    def __init__(self, file: BinaryIO, chosen: Format) -> None:
        self._file = file
        self._chosen = chosen
        self._writer: _TableWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Write a table.

        Raises
        ------
        ConnectorError
            The format cannot hold one of its columns.
        """
        try:
            if self._writer is None:
                self._writer = _WRITERS[self._chosen.name](self._file, table.schema)
            self._writer.write_table(table)
        except (pa.ArrowException, TypeError, NotImplementedError) as error:
            raise formats.unwritable(self._chosen, error) from None

    def close(self) -> None:
        """Write what ends the file; it is whole then, with the tables that were written."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


class _TableWriter(Protocol):
    def write_table(self, table: pa.Table) -> None:
        """Write the next rows."""
        ...

    def close(self) -> None:
        """Write what ends the file."""
        ...


def _to_parquet(file: BinaryIO, schema: pa.Schema) -> Any:
    from pyarrow import parquet

    return parquet.ParquetWriter(file, schema)


class _ToCsv:
    """CSV, nested columns as JSON text."""

    def __init__(self, file: BinaryIO, _: pa.Schema) -> None:
        self._file = file
        self._is_first = True

    def write_table(self, table: pa.Table) -> None:
        """Write the next rows."""
        from pyarrow import csv

        sink = io.BytesIO()
        csv.write_csv(rows.nested_as_text(table), sink, csv.WriteOptions(include_header=self._is_first))
        self._file.write(sink.getvalue())
        self._is_first = False

    def close(self) -> None:
        """Nothing ends CSV."""


class _ToLines:
    """JSON, an object a line."""

    def __init__(self, file: BinaryIO, _: pa.Schema) -> None:
        self._file = file

    def write_table(self, table: pa.Table) -> None:
        """Write the next rows."""
        self._file.write(b"".join(line + b"\n" for line in rows.lines(table)))

    def close(self) -> None:
        """Nothing ends lines."""


class _ToJson:
    """JSON, a list of objects."""

    def __init__(self, file: BinaryIO, _: pa.Schema) -> None:
        self._file = file
        self._between = b"["

    def write_table(self, table: pa.Table) -> None:
        """Write the next rows."""
        for line in rows.lines(table):
            self._file.write(self._between + line)
            self._between = b","

    def close(self) -> None:
        """End the list."""
        self._file.write(b"]" if self._between == b"," else b"[]")


_WRITERS: dict[str, Callable[[BinaryIO, pa.Schema], _TableWriter]] = {
    "parquet": _to_parquet,
    "arrow": pa.ipc.new_file,
    "csv": _ToCsv,
    "jsonl": _ToLines,
    "json": _ToJson,
}
