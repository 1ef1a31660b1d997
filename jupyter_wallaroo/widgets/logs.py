"""The log panel: inference records read in pages of Arrow, filtered, counted, compared."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta, Struct

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import frames, inference_log
from jupyter_wallaroo.sdk.frames import ResultStyle
from jupyter_wallaroo.sdk.inference import Fields
from jupyter_wallaroo.sdk.inference_log import Query
from jupyter_wallaroo.types.inference_log import PageStatus
from jupyter_wallaroo.widgets import assets, cells, export, histogram, plain
from jupyter_wallaroo.widgets.cells import Grid
from jupyter_wallaroo.widgets.export import Format
from jupyter_wallaroo.widgets.histogram import Histogram, Series
from jupyter_wallaroo.widgets.panel import Answer, Panel

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_wallaroo.sdk.pipeline import Pipeline
    from jupyter_wallaroo.widgets.work import Work

SHOWN_ROWS = 50
VERSION = "metadata.pipeline_version"

Limit = Annotated[int, Meta(ge=1, le=100_000)]


class Which(StrEnum):
    """Which records, by their validations."""

    ALL = "all"
    PASSED = "passed"
    FAILED = "failed"


_VALID = {Which.ALL: None, Which.PASSED: True, Which.FAILED: False}


class _Ask(Struct, frozen=True, kw_only=True, tag_field="verb"):
    """What the browser may ask."""


class Read(_Ask, frozen=True, kw_only=True, tag="read"):
    """The newest records of a time; times are ISO 8601 or empty."""

    start: str = ""
    end: str = ""
    which: Which = Which.ALL
    limit: Limit = 1000


class More(_Ask, frozen=True, kw_only=True, tag="more"):
    """As many records again, older ones."""


class Page(_Ask, frozen=True, kw_only=True, tag="page"):
    """Rows of the records that were read."""

    first: int


class Count(_Ask, frozen=True, kw_only=True, tag="count"):
    """The histogram of a series, of all records or compared: two versions, or two series (champion, challenger)."""

    series: int
    other_series: int | None = None
    versions: tuple[int, int] | None = None


class Download(_Ask, frozen=True, kw_only=True, tag="download"):
    """The records that were read, as a file."""

    format: Format


class Records(Struct, frozen=True, kw_only=True):
    """What was read: ``has_more`` tells whether there are older ones; ``versions`` are the first digits of UUIDs."""

    pipeline: str
    grid: Grid
    anomalies: int
    has_more: bool
    series: list[str]
    versions: list[str]
    oldest: str
    newest: str


class LogPanel(Panel):
    """Looks into a pipeline's log.

    Parameters
    ----------
    pipeline
        Whose.
    """

    _esm = assets.module("logs")
    _css = assets.style()
    asks: ClassVar[Any] = Read | More | Page | Count | Download

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = copy.copy(pipeline)  # refreshed by our threads, while the caller's stays as it is
        self._reading: _Reading | None = None
        super().__init__()

    def answer(self, ask: Any, work: Work) -> Answer:
        """Return the answer to one of `asks`."""
        match ask:
            case Read():
                reading = _Reading(self._pipeline, ask)
                reading.read(ask.limit, work)
                self._reading = reading
                return Answer(value=self._records(reading))
            case More():
                reading = self._present()
                reading.read(reading.limit, work)
                return Answer(value=self._records(reading))
            case Page(first=first):
                return Answer(value=cells.grid(self._present().table, max(0, first), SHOWN_ROWS))
            case Count():
                return Answer(value=_counted(self._present().table, ask))
            case Download(format=chosen):
                return Answer(buffers=[export.written(self._present().table, chosen)])
        raise AssertionError(f"{ask} is one of the above")

    def facts_text(self) -> str:
        """Return the newest records as text."""
        reading = self._reading
        if reading is None:
            reading = _Reading(self._pipeline, Read())
            reading.read(10, None)
        grid = cells.grid(reading.table, 0, 10)
        head = plain.line(
            f"Log: pipeline {self._pipeline.name()}: {grid.total:,} records read, "
            f"{cells.anomalies(reading.table):,} with an anomaly{'; there are older ones' if reading.has_more else ''}"
        )
        return f"{head}\n\n{cells.text(grid)}" if grid.total else head

    def _present(self) -> _Reading:
        if self._reading is None:
            raise InvalidRequest("No records were read yet.", hint="Press Read.")
        return self._reading

    def _records(self, reading: _Reading) -> Records:
        table = reading.table
        times = table.column("time") if "time" in table.column_names else []
        return Records(
            pipeline=self._pipeline.name(),
            grid=cells.grid(table, 0, SHOWN_ROWS),
            anomalies=cells.anomalies(table),
            has_more=reading.has_more,
            series=[item.label for item in histogram.series(table)],
            versions=[version[:8] for version in _versions(table)],
            oldest=cells.cell(times[-1].as_py()) if len(times) else "",
            newest=cells.cell(times[0].as_py()) if len(times) else "",
        )


class _Reading:
    """Records that are read on from where the last page ended."""

    def __init__(self, pipeline: Pipeline, ask: Read) -> None:
        import pyarrow as pa

        query = Query(
            pipeline.name(),
            pipeline.workspace_id(),
            None,
            _instant("From", ask.start),
            _instant("To", ask.end),
            Fields(["*", "metadata"]),
            _VALID[ask.which],
            newest_first=True,
        )
        self.limit = ask.limit
        self.table: pa.Table = pa.table({})
        self.has_more = True
        self._pages: Iterator[tuple[pa.Table, PageStatus]] = inference_log.pages(pipeline.client.api, query)

    def read(self, count: int, work: Work | None) -> None:
        """Read at least ``count`` further records, where there are as many."""
        import pyarrow as pa

        found: list[pa.Table] = []
        rows = 0
        for table, status in self._pages:
            self.has_more = status is not PageStatus.ALL
            if table.num_rows:
                found.append(frames.styled(table, ResultStyle.ANOMALY_COUNT))
            rows += table.num_rows
            if work is not None:
                work.progress(min(rows, count), count, "records")
            if rows >= count:
                break
        else:
            self.has_more = False
        tables = [table for table in (self.table, *found) if table.num_rows]
        self.table = pa.concat_tables(tables, promote_options="permissive") if tables else self.table


def _instant(field: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise InvalidRequest(f"{field}: expected a time such as 2026-11-21T13:00; got {text!r:.40}.") from None


def _versions(table: pa.Table) -> list[str]:
    """Return the UUIDs of the pipeline versions that answered, the newest record's first."""
    return [] if VERSION not in table.column_names else table.column(VERSION).drop_null().unique().to_pylist()


def _counted(table: pa.Table, ask: Count) -> Histogram:
    chosen = _at(histogram.series(table), ask.series)
    if ask.versions is not None:
        groups = [_of_version(table, chosen, number) for number in ask.versions]
    elif ask.other_series is not None:
        other = _at(histogram.series(table), ask.other_series)
        groups = [(item.label, histogram.values(table, item)) for item in (chosen, other)]
    else:
        groups = [("all records", histogram.values(table, chosen))]
    return histogram.histogram(chosen.label, groups)


def _of_version(table: pa.Table, chosen: Series, number: int) -> tuple[str, Any]:
    import pyarrow.compute as pc

    version = _at(_versions(table), number)
    part = table.filter(pc.equal(table.column(VERSION), version))
    return f"version {version[:8]}", histogram.values(part, chosen)


def _at(found: list[Any], number: int) -> Any:
    if not 0 <= number < len(found):
        raise InvalidRequest("The records changed meanwhile.", hint="Choose again.")
    return found[number]
