"""The formats of files and bodies: bytes ⇄ tables.

==========  ==================================  =================================================================
format      suffix                              what it is
==========  ==================================  =================================================================
json        .json                               pandas records, a list of objects (also ``.df.json``)
jsonl       .jsonl, .ndjson                     one object a line
csv         .csv                                with a header line; lists as JSON text, as pandas writes them
parquet     .parquet, .pq
arrow       .arrow, .feather, .ipc, .arrows     Arrow IPC; file and stream are told apart, files are written
==========  ==================================  =================================================================

JSON and CSV carry no types: whole numbers come back as int64, others as float64, and JSON's times stay text.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pyarrow as pa

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors import rows
from jupyter_wallaroo.sdk.connectors.failures import ConnectorError
from jupyter_wallaroo.sdk.connectors.plain import plain

if TYPE_CHECKING:
    from pyarrow import csv

FILE_MAGIC = b"ARROW1"


class Format(NamedTuple):
    """A format.

    Attributes
    ----------
    name
        As the option ``format`` has it.
    suffixes
        Of file names, in lower case.
    content_types
        The first is sent, all are understood.
    decode, encode
        Bytes to a table and back.
    """

    name: str
    suffixes: tuple[str, ...]
    content_types: tuple[str, ...]
    decode: Callable[[bytes], pa.Table]
    encode: Callable[[pa.Table], bytes]


def _from_json(data: bytes) -> pa.Table:
    found = msgspec.json.decode(data)
    if not isinstance(found, list):
        raise ConnectorError(
            f"Expected pandas records, a JSON list of objects; got {type(found).__name__}.",
            hint='DataFrame.to_json(orient="records") writes them.',
        )
    return rows.table_of(found)


def _to_json(table: pa.Table) -> bytes:
    return b"[" + b",".join(rows.lines(table)) + b"]"


def _from_lines(data: bytes) -> pa.Table:
    return rows.table_of(msgspec.json.decode(line) for line in data.splitlines() if line.strip())


def _to_lines(table: pa.Table) -> bytes:
    return b"".join(line + b"\n" for line in rows.lines(table))


def _from_csv(data: bytes) -> pa.Table:
    from pyarrow import csv

    return rows.text_as_lists(csv.read_csv(io.BytesIO(data), convert_options=csv_options()))


def csv_options() -> csv.ConvertOptions:
    """Return how CSV is read: a text that is missing is null, "" in quotes the empty text, as write_csv writes them."""
    from pyarrow import csv

    return csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)


def _to_csv(table: pa.Table) -> bytes:
    from pyarrow import csv

    sink = io.BytesIO()
    csv.write_csv(rows.nested_as_text(table), sink)
    return sink.getvalue()


def _from_parquet(data: bytes) -> pa.Table:
    from pyarrow import parquet

    return parquet.read_table(pa.BufferReader(data))


def _to_parquet(table: pa.Table) -> bytes:
    from pyarrow import parquet

    sink = io.BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue()


def _from_arrow(data: bytes) -> pa.Table:
    source = pa.BufferReader(data)
    reader = pa.ipc.open_file(source) if data.startswith(FILE_MAGIC) else pa.ipc.open_stream(source)
    table = reader.read_all()
    table.validate(full=True)  # what was damaged must not reach code that trusts it (SECURITY D5)
    return table


def _to_arrow(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


FORMATS = (
    Format("json", (".json",), ("application/json",), _from_json, _to_json),
    Format("jsonl", (".jsonl", ".ndjson"), ("application/x-ndjson", "application/jsonl"), _from_lines, _to_lines),
    Format("csv", (".csv",), ("text/csv", "application/csv"), _from_csv, _to_csv),
    Format("parquet", (".parquet", ".pq"), ("application/vnd.apache.parquet",), _from_parquet, _to_parquet),
    Format(
        "arrow",
        (".arrow", ".feather", ".ipc", ".arrows"),
        ("application/vnd.apache.arrow.file", "application/vnd.apache.arrow.stream"),
        _from_arrow,
        _to_arrow,
    ),
)


def choose(wanted: str | None, path: str, content_type: str = "") -> Format:
    """Return the format that is asked for, else that of the path's suffix, else that of a content type.

    Raises
    ------
    InvalidRequest
        None of them is known.
    """
    if wanted is not None:
        found = next((item for item in FORMATS if item.name == wanted.lower()), None)
    else:
        kind = content_type.partition(";")[0].strip().lower()
        by_suffix = (item for item in FORMATS if path.lower().endswith(item.suffixes))
        found = next(by_suffix, None) or next((item for item in FORMATS if kind in item.content_types), None)
    if found is None:
        told = (
            f"format={wanted!r} is not known"
            if wanted is not None
            else "Neither suffix nor content type says the format"
        )
        raise InvalidRequest(f"{told}.", hint=f"Give format= one of {', '.join(item.name for item in FORMATS)}.")
    return found


def decode(data: bytes, chosen: Format) -> pa.Table:
    """Return the table in some bytes.

    Raises
    ------
    ConnectorError
        They are not in that format.
    """
    try:
        return plain(chosen.decode(data))
    except (pa.ArrowException, msgspec.MsgspecError, OSError, ValueError) as error:
        raise ConnectorError(
            f"{len(data)} bytes are not {chosen.name}: {str(error).splitlines()[0]}.",
            hint="If it is another format, give it with format=.",
        ) from None


def encode(table: pa.Table, chosen: Format) -> bytes:
    """Return the table as bytes.

    Raises
    ------
    ConnectorError
        The format cannot hold one of its columns.
    """
    try:
        return chosen.encode(table)
    except (pa.ArrowException, TypeError, NotImplementedError) as error:
        raise unwritable(chosen, error) from None


def unwritable(chosen: Format, error: Exception) -> ConnectorError:
    """Return the error that a format cannot hold what is to be written."""
    return ConnectorError(
        f"The table cannot be written as {chosen.name}: {str(error).splitlines()[0]}.",
        hint="Arrow and Parquet hold every column type.",
    )
