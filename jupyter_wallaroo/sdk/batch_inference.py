"""Inference of more rows than memory holds: read in chunks, sent several at a time, given back in their order.

::

    source ─► Chunks ─► Sending (a thread's loop, one session) ─► one schema ─► batches ─► whoever reads, or a sink

Whoever reads sets the pace: what is read ahead, under way and answered is never more than one chunk for each request at
once, and one. Nothing is kept for a later try: what was interrupted begins anew.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.sdk import batch_sink, frames, waiting
from jupyter_wallaroo.sdk.batch_sending import OnError, Sending, Sent, Way
from jupyter_wallaroo.sdk.batch_source import Chunk, Chunks, Source
from jupyter_wallaroo.sdk.object import InferenceError, InferenceInputError
from jupyter_wallaroo.sdk.parallel import ERROR

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    import pandas as pd
    import pyarrow as pa

    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.sdk.connection import Connection
    from jupyter_wallaroo.sdk.waiting import Shown

STEP_S = 1.0
"""The least time between two signs of life where nobody knows how many rows there are."""


class BatchInference:
    """The results of many rows, as they come: an iterator of `pyarrow.RecordBatch`, to be read once.

    Parameters
    ----------
    client
        Finds connections that are named.
    source
        The rows.
    way
        How they are sent.
    chunk_rows
        Rows that are sent at once, at most.
    at_once
        Requests under way at a time.
    make
        Shows the progress, None for what `waiting.shown_by` was asked for.

    Notes
    -----
    Nothing is read or sent before the first batch is asked for. `close`, or the end of a ``with`` block, ends what is
    under way; so does reading to the end. It has the Arrow stream interface: ``polars.from_arrow(result)``, or
    ``SELECT … FROM result`` in DuckDB, read it as it comes.
    """

    def __init__(
        self,
        client: Client,
        source: Source,
        way: Way,
        *,
        chunk_rows: int,
        at_once: int,
        make: Callable[[], Shown] | None,
    ) -> None:
        self._client = client
        self._way = way
        self._at_once = at_once
        self._total = source.rows
        self._chunks = Chunks(source.tables, chunk_rows)
        self._make = make or waiting.chosen()
        self._schema: pa.Schema | None = None
        self._batches = self._run()
        self.rows_done = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self

    def __next__(self) -> pa.RecordBatch:
        """Return the results of the next rows, in the order of the source."""
        batch = next(self._batches)
        self.rows_done += batch.num_rows
        return batch

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End what is under way and the reading of the source; more than once is fine."""
        self._batches.close()
        self._chunks.close()

    def to_reader(self) -> pa.RecordBatchReader:
        """Return the results that are still to come as a `pyarrow.RecordBatchReader`."""
        import pyarrow as pa

        first = next(self, None)
        if first is None:
            return pa.RecordBatchReader.from_batches(self._schema or pa.schema([]), [])

        def batches() -> Iterator[pa.RecordBatch]:
            yield first
            yield from self

        return pa.RecordBatchReader.from_batches(first.schema, batches())

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the results as an Arrow stream (Arrow's PyCapsule interface)."""
        return self.to_reader().__arrow_c_stream__(requested_schema)

    def to_table(self) -> pa.Table:
        """Return all results that are still to come as a table; it has to fit into memory."""
        with self:
            return self.to_reader().read_all()

    def to_pandas(self) -> pd.DataFrame:
        """Return all results that are still to come as a frame like that of `infer`; it has to fit into memory."""
        return frames.to_frame(self.to_table())

    def write(self, target: str | Path | Connection, name: str | None = None, **options: Any) -> int:
        """Write the results as they come, and return how many rows that were.

        Parameters
        ----------
        target
            A path whose suffix says the format (.parquet, .arrow, .csv, .jsonl, .json), a `Connection`, or
            ``connection:NAME`` or ``connection:NAME:TARGET``.
        name
            What is meant at a connection: a table, a file, a topic; default: what its details say.
        options
            As the connector documents them; ``mode`` (append, create, replace) is for the first rows, the others
            are appended.

        Raises
        ------
        WallarooError
            As reading raises it. What had come until then is written: a file is whole, with the rows that it has.

        Notes
        -----
        Files appear when they are complete, or as far as they came when this fails or is interrupted. At places whose
        write replaces what is there (FILE, S3, HTTP) the results are put down in a file of this machine first.
        """
        import pyarrow as pa

        with self, batch_sink.sink_of(self._client, target, name, options) as sink:
            try:
                for batch in self:
                    sink.add(pa.Table.from_batches([batch]))
            except BaseException as error:
                error.add_note(f"{sink.rows:,} rows of results were ready and are kept in {sink}.")
                raise
        return sink.rows

    # ---------------------------------------------------------------- the way of a chunk

    def _run(self) -> Generator[pa.RecordBatch]:
        under_way: deque[tuple[Chunk, Future[Sent]]] = deque()
        with self._shown() as advance, contextlib.closing(Sending(self._way, self._at_once)) as sending:

            def fill() -> None:
                while len(under_way) < self._at_once and (chunk := next(self._chunks, None)) is not None:
                    under_way.append((chunk, sending.send(chunk)))

            fill()
            if not under_way:
                raise InferenceInputError("The source has no rows: there is nothing to infer.")
            failed: list[pa.Table] = []
            while under_way:
                chunk, future = under_way.popleft()
                sent = future.result()
                self._adapt(sent)
                fill()
                failed += sent.tables
                if self._knows_schema(failed):
                    for table in failed:
                        yield from self._fitted(table, chunk)
                    failed = []
                advance(chunk)
            if failed:
                self._schema = failed[0].schema
            for table in failed:
                yield from self._fitted(table, chunk)

    @contextlib.contextmanager
    def _shown(self) -> Iterator[Callable[[Chunk], None]]:
        total = self._total
        drawn = time.monotonic()
        with waiting.progress("Inferring rows" if total is None else f"Inferring {total:,} rows", self._make) as step:

            def advance(chunk: Chunk) -> None:
                nonlocal drawn
                if total:
                    step(min(1.0, (chunk.first + chunk.table.num_rows) / total))
                elif time.monotonic() - drawn >= STEP_S:
                    drawn = time.monotonic()
                    step(None)

            yield advance

    def _adapt(self, sent: Sent) -> None:
        """Have the chunks from here on no larger than the server takes, and say so."""
        if sent.too_large and sent.largest < self._chunks.most:
            self._chunks.most = max(1, sent.largest)
            warnings.warn(f"{sent.too_large} From here on {self._chunks.most:,} rows go at once.", stacklevel=5)

    def _knows_schema(self, tables: list[pa.Table]) -> bool:
        """Tell whether it is known what the results look like, by these tables at the latest.

        Raises
        ------
        InferenceError
            Everything failed so far, and more than is under way at a time.
        """
        import pyarrow as pa

        if self._schema is not None:
            return True
        good = next((table for table in tables if ERROR not in table.column_names), None)
        if good is None:
            rows = sum(table.num_rows for table in tables)
            if rows > self._at_once * self._chunks.most:
                raise InferenceError(f"The first {rows:,} rows all failed: {tables[0].column(ERROR)[0].as_py()}")
            return False
        fields = [field.with_nullable(True) for field in good.schema]
        if self._way.on_error is OnError.KEEP:
            fields.append(pa.field(ERROR, pa.string()))
        self._schema = pa.schema(fields)
        return True

    def _fitted(self, table: pa.Table, chunk: Chunk) -> Iterator[pa.RecordBatch]:
        """Yield a table in the columns that the first results had."""
        import pyarrow as pa

        assert self._schema is not None
        is_failed = ERROR in table.column_names
        strange = set(self._schema.names) ^ set(table.column_names) - {ERROR}
        if strange - {ERROR} and not is_failed:
            raise _changed(chunk, f"the columns {sorted(strange)!r:.200} are not both there and in those before")
        columns = []
        for field in self._schema:
            if field.name not in table.column_names:
                columns.append(pa.nulls(table.num_rows, field.type))
                continue
            column = table.column(field.name)
            try:
                columns.append(column.cast(field.type))
            except pa.ArrowException:
                if not is_failed:
                    raise _changed(
                        chunk, f"column {field.name!r} is {column.type}, before it was {field.type}"
                    ) from None
                columns.append(pa.nulls(table.num_rows, field.type))
        yield from pa.table(columns, schema=self._schema).combine_chunks().to_batches()


def _changed(chunk: Chunk, how: str) -> InferenceInputError:
    return InferenceInputError(
        f"{chunk}: {how}.", hint="Give every column one type in the whole source, for example by a schema."
    )
