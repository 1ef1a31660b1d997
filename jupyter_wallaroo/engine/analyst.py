"""Analyses inference records for assays, in a process of its own: a long analysis holds up neither logs nor answers."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from jupyter_wallaroo import errors
from jupyter_wallaroo.engine import drift
from jupyter_wallaroo.engine.drift import Values
from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.engine.process import Handler, ping
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.segments import columns
from jupyter_wallaroo.segments.query import Log
from jupyter_wallaroo.types.drift import (
    Analyses,
    Analyze,
    Baseline,
    PathAnalysis,
    Records,
    Sample,
    SlidingBaseline,
    Span,
    SpanBaseline,
    Summary,
    SummaryBaseline,
    VectorBaseline,
    WindowAnalysis,
)
from jupyter_wallaroo.types.iopath import IoPath

_decode = msgspec.msgpack.Decoder(Analyze).decode
_decode_sample = msgspec.msgpack.Decoder(Sample).decode
_encode = msgspec.msgpack.Encoder().encode


class Analyst:
    """One process for the assays of all pipelines."""

    def __init__(self) -> None:
        self._logs: dict[str, Log] = {}

    def handlers(self) -> dict[int, Handler]:
        """Return what the analyst answers."""
        return {Kind.PING: ping, Kind.ANALYZE: self.analyze, Kind.SAMPLE: self.sample}

    def analyze(self, head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
        """Return `Analyses` in the body, for an `Analyze` that comes there."""
        request = _decode(body)
        drift.check(request.summarizer)
        return b"", _encode(Analysis(request, self._log(request.records)).analyses())

    def sample(self, head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
        """Return the oldest records of a `Sample` as JSON, flat."""
        request = _decode_sample(head)
        held = Held(self._log(request.records), request.records, request.span)
        tables = held.between(request.span)
        rows = [_flat(row) for table in tables for row in table.slice(0, request.limit).to_pylist()]
        rows.sort(key=lambda row: row["time"])
        return b"", msgspec.json.encode(rows[: request.limit])

    def _log(self, records: Records) -> Log:
        return self._logs.setdefault(records.directory, Log(Path(records.directory)))


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Return a nested record with its groups' fields as ``in.tensor`` and so on."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        flat.update(
            {f"{name}.{field}": inner for field, inner in value.items()} if isinstance(value, dict) else {name: value}
        )
    return flat


class Held:
    """The records of a stretch of time, found once, for many looks at parts of it.

    Parameters
    ----------
    log
        Where they lie.
    records
        Which of them count.
    span
        The whole stretch.
    """

    def __init__(self, log: Log, records: Records, span: Span) -> None:
        self._records = records
        self._tables = [(table, table.column("time").to_numpy()) for table in log.between(span.start_ms, span.end_ms)]

    def between(self, span: Span) -> list[pa.Table]:
        """Return the records of a part of it.

        Raises
        ------
        NotFound
            There are records, but none of any model with the name that is asked for; names those there are.
        """
        found = []
        for table, times in self._tables:
            low, high = np.searchsorted(times, (span.start_ms, span.end_ms), "left")
            if low < high:
                found.append(table.slice(low, high - low))
        kept = [chosen for table in found if (chosen := columns.chosen(table, self._records)).num_rows]
        if found and not kept and self._records.model_name is not None:
            known = sorted(set().union(*(columns.model_names(table) for table in found)))
            if self._records.model_name not in known:
                raise errors.not_found("Model", self._records.model_name, known)
        return kept


class Analysis:
    """The work of one request.

    Parameters
    ----------
    request
        What is compared.
    log
        Where the records lie.
    """

    def __init__(self, request: Analyze, log: Log) -> None:
        self._request = request
        self._log = log
        self._held = Held(log, request.records, self._envelope())

    def _envelope(self) -> Span:
        """Return the time in which all windows lie, and the baselines that slide with them."""
        baseline = self._request.baseline
        offset_ms = baseline.offset_ms if isinstance(baseline, SlidingBaseline) else 0
        starts = [span.start_ms - offset_ms for span in self._request.windows]
        return Span(min(starts, default=0), max((span.end_ms for span in self._request.windows), default=0))

    def analyses(self) -> Analyses:
        """Return the baselines, and every window that has records.

        Raises
        ------
        InvalidRequest, NotFound
            The baseline has no records, or a path leads nowhere in them.
        """
        request = self._request
        baselines = {path.label: self._summary(request.baseline, path) for path in request.paths if self._is_fixed}
        if request.given is not None:
            given = np.array(request.given, np.float64)
            compared = {path.label: self._compared(baselines[path.label], given, None) for path in request.paths}
            return Analyses(
                baselines=baselines, windows=[WindowAnalysis(span=Span(0, 0), elapsed_ms=0, paths=compared)]
            )
        windows = [found for span in request.windows if (found := self._window(span, baselines)) is not None]
        return Analyses(baselines=baselines, windows=windows)

    @property
    def _is_fixed(self) -> bool:
        return not isinstance(self._request.baseline, SlidingBaseline)

    def _window(self, span: Span, baselines: dict[str, Summary]) -> WindowAnalysis | None:
        started = time.perf_counter()
        tables = self._held.between(span)
        if not tables:
            return None
        paths: dict[str, PathAnalysis] = {}
        for path in self._request.paths:
            try:
                baseline = baselines.get(path.label) or self._before(span, path)
                paths[path.label] = self._compared(baseline, columns.numbers(tables, path), span)
            except InvalidRequest as error:
                paths[path.label] = PathAnalysis(baseline=baselines.get(path.label), error=str(error))
        return WindowAnalysis(span=span, elapsed_ms=round((time.perf_counter() - started) * 1000), paths=paths)

    def _compared(self, baseline: Summary, values: Values, span: Span | None) -> PathAnalysis:
        summarizer = self._request.summarizer
        window = drift.summarize(values, summarizer, drift.bins_of(baseline))
        return PathAnalysis(
            baseline=baseline,
            window=_dated(window, span) if span is not None else window,
            score=drift.score(baseline, window, summarizer),
        )

    def _before(self, span: Span, path: IoPath) -> Summary:
        sliding = self._request.baseline
        assert isinstance(sliding, SlidingBaseline)
        start_ms = span.start_ms - sliding.offset_ms
        end_ms = start_ms + sliding.width_ms
        return self._of_log(self._held, Span(max(start_ms, sliding.not_before_ms or start_ms), end_ms), path)

    def _summary(self, baseline: Baseline, path: IoPath) -> Summary:
        if isinstance(baseline, SpanBaseline):
            return self._of_log(Held(self._log, self._request.records, baseline.span), baseline.span, path)
        if isinstance(baseline, SummaryBaseline):
            found = baseline.summaries.get(path.label)
            if found is None:
                raise InvalidRequest(f"The baseline has no summary for {path.label!r}.")
            drift.weights(self._request.summarizer, len(drift.bins_of(found).names))
            return found
        assert isinstance(baseline, VectorBaseline)
        return drift.summarize(np.array(baseline.values, np.float64), self._request.summarizer)

    def _of_log(self, held: Held, span: Span, path: IoPath) -> Summary:
        values = columns.numbers(held.between(span), path)
        if not len(values):
            raise InvalidRequest(
                f"The baseline from {_moment(span.start_ms)} to {_moment(span.end_ms)} has no records with numbers in "
                f"{path.label!r}.",
                hint="Choose a time in which the pipeline inferred, or give the baseline as data.",
            )
        return _dated(drift.summarize(values, self._request.summarizer), span)


def _dated(summary: Summary, span: Span) -> Summary:
    return msgspec.structs.replace(summary, start_ms=span.start_ms, end_ms=span.end_ms)


def _moment(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
