"""Data as people hold it ⇄ Arrow as the wire takes it: frames into tables, answers into frames.

pandas and pyarrow are imported only when there is data: a client that only looks around needs neither.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeGuard

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.object import InferenceInputError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MAX_SHOWN = 200
SEPARATOR = "."


class ResultStyle(StrEnum):
    """How results say what failed (A14): ``check_failures``, as the seeds, or ``anomaly.count``, as since 2024."""

    CHECK_FAILURES = "2023"
    ANOMALY_COUNT = "2024"

    @classmethod
    def of(cls, text: str) -> ResultStyle:
        """Return the style called ``text``, or raise `InvalidRequest` naming those there are."""
        try:
            return cls(text)
        except ValueError:
            raise InvalidRequest(f"result_style: expected '2023' or '2024'; got {text!r:.40}.") from None


def is_frame(value: object) -> TypeGuard[pd.DataFrame]:
    """Tell whether ``value`` is a pandas DataFrame; nobody has one where pandas was never imported."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def is_table(value: object) -> TypeGuard[pa.Table]:
    """Tell whether ``value`` is a pyarrow Table."""
    pyarrow = sys.modules.get("pyarrow")
    return pyarrow is not None and isinstance(value, pyarrow.Table)


def to_table(frame: pd.DataFrame) -> pa.Table:
    """Return a frame's columns as an Arrow table; its index is left behind.

    Cells may be numbers, booleans, text, instants, lists or arrays of any depth. NaN stays NaN, None is null.

    Raises
    ------
    InferenceInputError
        A column without a name of text, a name twice, or a column of mixed types; says which.
    """
    import pyarrow as pa

    names = list(frame.columns)
    for name in names:
        if not isinstance(name, str):
            raise InferenceInputError(
                f"Column {name!r:.60} of the DataFrame has no name of text, but one of type {type(name).__name__}.",
                hint="Name the columns as the model's inputs, for example frame.columns = ['tensor'].",
            )
    if len(set(names)) != len(names):
        raise InferenceInputError(f"The DataFrame has a column twice: {names!r:.{MAX_SHOWN}}.")
    return pa.table([_array(name, frame[name]) for name in names], names=names)


def _array(name: str, series: pd.Series[Any]) -> pa.Array | pa.ChunkedArray:
    import numpy as np
    import pyarrow as pa

    try:
        if isinstance(series.dtype, np.dtype) and series.dtype.kind in "fiub":
            return pa.array(series.to_numpy())
        if series.dtype == object and any(hasattr(cell, "tolist") for cell in series):
            return pa.array([cell.tolist() if hasattr(cell, "tolist") else cell for cell in series])
        return pa.array(series) if series.dtype != object else pa.array(series.tolist())
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise InferenceInputError(
            f"Column {name!r} of the DataFrame cannot be sent: {str(error)[:MAX_SHOWN]}.",
            hint="Every cell of a column has to be of the same type.",
        ) from None


def to_bytes(table: pa.Table) -> bytes:
    """Return a table as an Arrow IPC file."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    body: bytes = sink.getvalue().to_pybytes()
    return body


def from_bytes(body: bytes) -> pa.Table:
    """Return the table in an Arrow IPC file."""
    import pyarrow as pa

    return pa.ipc.open_file(body).read_all()


def styled(table: pa.Table, style: ResultStyle, separator: str = SEPARATOR) -> pa.Table:
    """Return a flat answer with its instants as such, and what failed said in ``style``.

    In the older style a count column ``check_failures`` (int8) stands where ``anomaly.count`` did, which stays only
    when the pipeline has rules of its own (``anomaly.<rule>``).
    """
    import pyarrow as pa

    if "time" in table.column_names:
        at = table.column_names.index("time")
        table = table.set_column(at, "time", table.column("time").cast(pa.timestamp("ms")))
    prefix = f"anomaly{separator}"
    count = f"{prefix}count"
    if style is ResultStyle.ANOMALY_COUNT or count not in table.column_names:
        return table
    at = table.column_names.index(count)
    failures = table.column(count).cast(pa.int8())
    has_rules = any(name.startswith(prefix) and name != count for name in table.column_names)
    kept = table if has_rules else table.remove_column(at)
    return kept.add_column(at, "check_failures", failures)


def to_records(table: pa.Table) -> list[dict[str, Any]]:
    """Return a table's rows as records that JSON can hold; ``time`` is in ms since the epoch."""
    import pyarrow as pa

    if "time" in table.column_names and pa.types.is_timestamp(table.column("time").type):
        at = table.column_names.index("time")
        table = table.set_column(at, "time", table.column("time").cast(pa.int64()))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def to_frame(table: pa.Table) -> pd.DataFrame:
    """Return a table as a frame of plain types (S5-25).

    ``time`` is ``datetime64[ms]``, ``check_failures`` ``int64``; numbers keep their type; lists are Python lists whose
    float32 are the exact same numbers (S5-24).
    """
    import pandas as pd
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name == "time" and column.type == pa.timestamp("ms"):
            columns[name] = column.to_numpy()
        elif name == "check_failures" and pa.types.is_integer(column.type):
            columns[name] = column.cast(pa.int64()).to_pandas()
        elif pa.types.is_nested(column.type):
            columns[name] = pd.Series(column.to_pylist(), dtype=object)
        else:
            columns[name] = column.to_pandas()
    return pd.DataFrame(columns, columns=table.column_names)
