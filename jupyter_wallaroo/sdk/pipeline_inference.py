"""What can be asked of a pipeline: inferences, and the log of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import inference, inference_log, parallel
from jupyter_wallaroo.sdk.connection import BATCH_ROWS
from jupyter_wallaroo.sdk.direct import Pipe
from jupyter_wallaroo.sdk.inference import DEFAULT_TIMEOUT_S, Fields, Target
from jupyter_wallaroo.sdk.inference_log import Query

if TYPE_CHECKING:
    import httpx
    import pandas as pd
    import pyarrow as pa

    from jupyter_wallaroo.sdk.batch_inference import BatchInference
    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.sdk.inference import Input, Result
    from jupyter_wallaroo.types.pipeline import PipelineState


class Inferring(ABC):
    """A pipeline as those see it who only use it."""

    _client: Client

    @abstractmethod
    def name(self) -> str:
        """Return the pipeline's name."""

    @abstractmethod
    def workspace_id(self) -> int:
        """Return the id of its workspace."""

    @abstractmethod
    def _deployed(self) -> PipelineState:
        """Return its deployment, as last known, or raise `DeploymentError` when there is none."""

    def _target(self) -> Target:
        client, name = self._client, self.name()
        pipe = Pipe(self._deployed().name, name, self.workspace_id())
        return Target(client.api, client.ways, pipe, client.result_style)

    def infer(
        self,
        tensor: Input,
        timeout: float = DEFAULT_TIMEOUT_S,
        dataset: Sequence[str] | None = None,
        dataset_exclude: Sequence[str] | None = None,
        dataset_separator: str | None = None,
    ) -> Result:
        """Return the results for the rows of ``tensor``, in its own type.

        Parameters
        ----------
        tensor
            A DataFrame or Arrow table with a column per input of the model; or a dict or list, sent as plain JSON.
        timeout
            Seconds.
        dataset, dataset_exclude
            Groups (``time``, ``in``, ``out``, ``anomaly``, ``metadata``) or columns to have, or not to have.
        dataset_separator
            What joins group and field in a column's name; default ``.``.

        Returns
        -------
        Result
            For a frame: ``time`` (the same for all rows), ``in.*`` in alphabetical order, ``out.*``, ``check_failures``
            (S2-33 … S2-36).

        Raises
        ------
        InferenceInputError
            The data does not fit the model; names the column.
        InferenceTimeoutError
            It took longer than ``timeout``.
        """
        timeout_s = inference.seconds(timeout)
        return self._target().infer(tensor, Fields(dataset, dataset_exclude, dataset_separator), timeout_s)

    def infer_from_file(  # noqa: PLR0917
        self,
        filename: str | Path,
        data_format: str | None = None,
        timeout: float = DEFAULT_TIMEOUT_S,
        dataset: Sequence[str] | None = None,
        dataset_exclude: Sequence[str] | None = None,
        dataset_separator: str | None = None,
    ) -> Result:
        """Return the results for the data in an Arrow or JSON file; see `infer` and `inference.read_file`."""
        tensor = inference.read_file(Path(filename), data_format)
        return self.infer(tensor, timeout, dataset, dataset_exclude, dataset_separator)

    async def async_infer(  # noqa: PLR0917
        self,
        tensor: Input,
        async_client: httpx.AsyncClient,
        timeout: float = DEFAULT_TIMEOUT_S,
        retries: int | None = None,
        dataset: Sequence[str] | None = None,
        dataset_exclude: Sequence[str] | None = None,
        dataset_separator: str | None = None,
    ) -> Result:
        """Do as `infer` does, in a coroutine and a session that the caller opens and closes.

        Parameters
        ----------
        async_client
            Every call goes through its connections: open one for many calls.
        retries
            How often it is sent in all when it is lost on the way or not answered in time; None, 0 and 1: once. What
            was lost may have been answered, and is in the log twice then.

        Notes
        -----
        A server that answers 429 or 503 is asked again for up to 10 s, as its ``Retry-After`` says, and not counted.
        Nor is the second time that a request is sent, through Jupyter, when its connection straight to an engine was
        cut.
        """
        timeout_s = inference.seconds(timeout)
        fields = Fields(dataset, dataset_exclude, dataset_separator)
        return await self._target().infer_async(
            async_client, tensor, fields, timeout_s, attempts=inference.attempts(retries)
        )

    async def parallel_infer(  # noqa: PLR0917
        self,
        tensor: pd.DataFrame | pa.Table | Sequence[Input] | None = None,
        timeout: float = DEFAULT_TIMEOUT_S,
        num_parallel: int | None = None,
        retries: int | None = None,
        batch_size: int = 1,
        dataset: Sequence[str] | None = None,
        dataset_exclude: Sequence[str] | None = None,
        dataset_separator: str | None = None,
        *,
        tensor_list: Sequence[Input] | None = None,
    ) -> Result:
        """Return the results for a frame or table that is sent in parts, in the order of its rows.

        Parameters
        ----------
        tensor
            Or a list of inputs, whose results come as a list (the form of 2023); the first that fails is raised.
        tensor_list
            What 2023 called such a list.
        timeout
            Seconds for each part.
        num_parallel
            Parts under way at once; default: two per replica.
        retries
            As for `async_infer`, for each part.
        batch_size
            Rows of a part.

        Notes
        -----
        A part that fails has null results, and its reason in the column ``error``, which is there only then. Ending
        the coroutine ends the parts that are under way. For more rows than memory holds there is `infer_batches`.
        """
        if batch_size < 1 or (num_parallel is not None and num_parallel < 1):
            raise InvalidRequest("batch_size and num_parallel: expected at least 1.")
        timeout_s = inference.seconds(timeout)
        fields = Fields(dataset, dataset_exclude, dataset_separator)
        target = self._target()
        at_once = num_parallel or self._at_once()
        attempts = inference.attempts(retries)
        given = tensor if tensor_list is None else list(tensor_list)
        if isinstance(given, list | tuple):
            return await parallel.infer_list(target, given, fields, timeout_s, num_parallel=at_once, attempts=attempts)
        return await parallel.infer_parts(
            target, given, fields, timeout_s, num_parallel=at_once, batch_size=batch_size, attempts=attempts
        )

    def infer_batches(
        self,
        source: object,
        *,
        chunk_rows: int = BATCH_ROWS,
        num_parallel: int | None = None,
        timeout: float = DEFAULT_TIMEOUT_S,
        retries: int | None = None,
        on_error: str = "raise",
        progress: bool = False,
        dataset: Sequence[str] | None = None,
        dataset_exclude: Sequence[str] | None = None,
        dataset_separator: str | None = None,
    ) -> BatchInference:
        """Return the results of any number of rows, read as they come: memory holds some chunks, never the whole.

        Parameters
        ----------
        source
            A DataFrame, a pyarrow Table, RecordBatchReader or Dataset, anything with the Arrow stream interface, an
            iterable of these, the path of a Parquet, Arrow, CSV or JSON lines file, a `Connection`, or
            ``"connection:NAME"`` or ``"connection:NAME:SOURCE"``.
        chunk_rows
            Rows that are sent at once, at most; 8 MiB are never exceeded, and less go where the server takes less.
        num_parallel
            Chunks under way at once; default: two per replica.
        timeout
            Seconds for each chunk.
        retries
            As for `async_infer`, for each chunk.
        on_error
            ``raise``: the first rows that fail raise, and are named. ``keep``: rows that fail stay, with nulls and
            their reason in the column ``error``, which is always there then; the others of a chunk have results.
        progress
            Whether to show a bar, outside of notebooks a line.
        dataset, dataset_exclude, dataset_separator
            As for `infer`.

        Returns
        -------
        BatchInference
            Iterates `pyarrow.RecordBatch` in the order of the source, once; with ``to_table``, ``to_pandas``,
            ``to_reader`` and ``write``. Nothing is read or sent before it is asked.

        Examples
        --------
        >>> pipeline.infer_batches("rows.parquet").write("results.parquet")  # doctest: +SKIP
        2000000
        >>> for batch in pipeline.infer_batches(frame, dataset=["out"]):  # doctest: +SKIP
        ...     print(batch.num_rows)
        """
        if chunk_rows < 1 or (num_parallel is not None and num_parallel < 1):
            raise InvalidRequest("chunk_rows and num_parallel: expected at least 1.")
        from jupyter_wallaroo.sdk import progress as showing
        from jupyter_wallaroo.sdk.batch_inference import BatchInference
        from jupyter_wallaroo.sdk.batch_sending import OnError, Way
        from jupyter_wallaroo.sdk.batch_source import source_of

        way = Way(
            self._target(),
            Fields(dataset, dataset_exclude, dataset_separator),
            inference.seconds(timeout),
            inference.attempts(retries),
            OnError.of(on_error),
        )
        return BatchInference(
            self._client,
            source_of(self._client, source, chunk_rows),
            way,
            chunk_rows=chunk_rows,
            at_once=num_parallel or self._at_once(),
            make=showing.here() if progress else None,
        )

    def _at_once(self) -> int:
        """Return how many requests keep every replica busy: one that it works on, one that is on its way."""
        return 2 * self._deployed().maximum_replicas

    def logs(  # noqa: PLR0917
        self,
        limit: int | None = None,
        start_datetime: datetime | None = None,
        end_datetime: datetime | None = None,
        valid: bool | None = None,  # noqa: FBT001  the vendor's signature
        dataset: Sequence[str] | None = None,
        dataset_exclude: Sequence[str] | None = None,
        dataset_separator: str | None = None,
        arrow: bool = False,  # noqa: FBT001, FBT002  the vendor's signature
    ) -> Result:
        """Return inference records as a frame (``arrow``: as a table), newest first unless times are given.

        Without a limit or times, the newest 100 come, and a warning when there are more.

        Parameters
        ----------
        limit
            The most records.
        start_datetime, end_datetime
            From (inclusive) and to (exclusive), aware or in local time.
        valid
            True: only records that passed every validation, False: only those that failed any, None: all.
        dataset, dataset_exclude, dataset_separator
            As for `infer`.
        """
        fields = Fields(dataset, dataset_exclude, dataset_separator)
        query = Query(self.name(), self.workspace_id(), limit, start_datetime, end_datetime, fields, valid)
        found, _ = inference_log.read(self._client.api, query, self._client.result_style, arrow=arrow)
        return found

    def export_logs(  # noqa: PLR0917
        self,
        directory: str | Path = inference_log.DEFAULT_DIRECTORY,
        file_prefix: str | None = None,
        data_size_limit: str | None = "100 MB",
        limit: int | None = None,
        start_datetime: datetime | None = None,
        end_datetime: datetime | None = None,
        valid: bool | None = None,  # noqa: FBT001  the vendor's signature
        dataset: Sequence[str] | None = None,
        dataset_exclude: Sequence[str] | None = None,
        dataset_separator: str | None = None,
        arrow: bool = False,  # noqa: FBT001, FBT002  the vendor's signature
    ) -> list[Path]:
        """Write inference records to files ``{file_prefix}-1.json`` (``.arrow``), …, and return their paths.

        Parameters
        ----------
        directory, file_prefix
            Where, and how the files' names begin; default: ``logs``, the pipeline's name.
        data_size_limit
            About how much, as ``"100 MB"``; None: no limit.
        limit, start_datetime, end_datetime, valid, dataset, dataset_exclude, dataset_separator
            As for `logs`; without a limit all records are written.
        arrow
            Whether the files are Arrow, in place of a JSON record per line.
        """
        fields = Fields(dataset, dataset_exclude, dataset_separator)
        written, _ = inference_log.export(
            self._client.api,
            Query(self.name(), self.workspace_id(), limit, start_datetime, end_datetime, fields, valid),
            self._client.result_style,
            directory=Path(directory),
            prefix=file_prefix or self.name(),
            max_bytes=inference_log.size_bytes(data_size_limit),
            arrow=arrow,
        )
        return written
