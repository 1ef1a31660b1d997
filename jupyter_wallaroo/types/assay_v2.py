"""Assays as the second version of their API has them (contract/rest.md, v2 assays).

What is one of several is an object with one key, its kind, or the kind's bare name.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec
from msgspec import Struct

from jupyter_wallaroo.types.drift import Aggregation, Metric, Status

INFINITY = "INFINITY"
"""The upper edge of a bin without a bound."""


class Thresholds(Struct, frozen=True, kw_only=True):
    """Scores above which there is a warning or an alert."""

    warning: float | None = None
    alert: float | None = None


class DataPath(Struct, frozen=True, kw_only=True):
    """One number of each record: ``field`` as ``out.variable``."""

    field: str
    indexes: list[int] | None = None
    thresholds: Thresholds | None = None


class DataOrigin(Struct, frozen=True, kw_only=True):
    """Which records are looked at; ``model_id`` is the model's name."""

    pipeline_id: int
    pipeline_name: str
    workspace_id: int
    workspace_name: str = ""
    locations: list[str] | None = None
    model_id: str | None = None


class Targeting(Struct, frozen=True, kw_only=True):
    """What is looked at."""

    data_origin: DataOrigin
    iopath: list[DataPath]


class SummaryStatistics(Struct, frozen=True, kw_only=True):
    """A sample's numbers."""

    count: int
    max: float
    mean: float
    median: float
    min: float
    std: float


class BinMode(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How bins are cut: exactly one of these.

    ``Equal`` and ``Quantile`` bins have no outer bounds, so that there are as many as asked for;
    ``QuantileWithExplicitOutliers`` has two more. ``Provided`` edges begin with the lower edge of the first bin.
    """

    equal: int | None = msgspec.field(name="Equal", default=None)
    quantile: int | None = msgspec.field(name="Quantile", default=None)
    quantile_with_outliers: int | None = msgspec.field(name="QuantileWithExplicitOutliers", default=None)
    provided: list[float] | None = msgspec.field(name="Provided", default=None)


BinModeOrNone = BinMode | Literal["None"]


class Bins(Struct, frozen=True, kw_only=True):
    """Bins with their upper edges; the last edge is ``INFINITY``."""

    edges: list[float | str]
    labels: list[str]
    mode: BinModeOrNone


class SeriesSummary(Struct, frozen=True, kw_only=True):
    """A sample in brief; instants are ISO 8601."""

    aggregated_values: list[float]
    aggregation: Aggregation
    bins: Bins
    name: str
    statistics: SummaryStatistics
    start: str | None = None
    end: str | None = None


class Length(Struct, frozen=True, kw_only=True):
    """A length of time."""

    seconds: int


class RollingBaseline(Struct, frozen=True, kw_only=True):
    """The records of ``width`` before each window, none from before ``start``."""

    start: str
    width: Length


class BaselineV2(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What windows are compared with: exactly one of these; ``Static`` is a stretch of time."""

    summary: dict[str, SeriesSummary] | None = msgspec.field(name="Summary", default=None)
    static: tuple[str, str] | None = msgspec.field(name="Static", default=None)
    rolling: RollingBaseline | None = msgspec.field(name="Rolling", default=None)
    vector: list[float] | None = msgspec.field(name="Vector", default=None)


class UnivariateContinuous(Struct, frozen=True, kw_only=True):
    """How samples are binned and compared."""

    aggregation: Aggregation
    bin_mode: BinModeOrNone
    metric: Metric
    bin_weights: list[float] | None = None


class SummarizerV2(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How samples are compared; of several variables at once it is not known how."""

    univariate: UnivariateContinuous | None = msgspec.field(name="UnivariateContinuous", default=None)


class IntervalUnit(StrEnum):
    """Units of how often an assay runs."""

    MINUTE = "Minute"
    HOUR = "Hour"
    DAY = "Day"
    WEEK = "Week"


class Interval(Struct, frozen=True, kw_only=True):
    """How often an assay runs."""

    quantity: int
    unit: IntervalUnit


class RunFrequency(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When an assay runs after its first time: a cron expression, in UTC, or a length of time."""

    cron: str | None = msgspec.field(name="Cron", default=None)
    simple: Interval | None = msgspec.field(name="SimpleRunFrequency", default=None)


class Scheduling(Struct, frozen=True, kw_only=True):
    """When an assay runs, ISO 8601; each run looks at the window before it."""

    first_run: str
    run_frequency: RunFrequency
    end: str | None = None


class RollingWindow(Struct, frozen=True, kw_only=True):
    """How long windows are."""

    width: Length


class ScheduleAssay(Struct, frozen=True, kw_only=True):
    """``v2 assays/schedule``; the answer is the assay's UUID, a bare text."""

    name: str
    baseline: BaselineV2
    scheduling: Scheduling
    summarizer: SummarizerV2
    targeting: Targeting
    window: RollingWindow


class AssayV2(ScheduleAssay, frozen=True, kw_only=True):
    """One assay; instants are ISO 8601. ``number`` is its id in the first version of the API."""

    id: str
    number: int
    active: bool
    created_at: str
    updated_at: str


class ActiveFilter(StrEnum):
    """Which assays are listed."""

    ACTIVE_ONLY = "ActiveOnly"
    INACTIVE_ONLY = "InactiveOnly"
    ALL = "All"


class ListAssaysV2(Struct, frozen=True, kw_only=True):
    """``v2 assays/get``.

    Beyond the vendor's fields: ``limit``, and ``after``, the ``number`` of the last assay of the page before. Without
    ``limit`` the answer has all.
    """

    active: ActiveFilter = ActiveFilter.ALL
    pipeline_name: str | None = None
    workspace_id: int | None = None
    after: int | None = None
    limit: int | None = None


class GetAssayV2(Struct, frozen=True, kw_only=True):
    """``v2 assays/get/:id``, a path that is meant as it stands."""

    id: str


class GetNextRun(Struct, frozen=True, kw_only=True):
    """``v2 assays/get_next_run``."""

    assay_id: str


class NextRun(Struct, frozen=True, kw_only=True):
    """When an assay ran and runs, ISO 8601."""

    last_run: str | None
    next_run: str | None


class SetAssayV2Active(Struct, frozen=True, kw_only=True):
    """``v2 assays/set_active``."""

    assay_id: str
    active: bool


class GetAssayV2Results(Struct, frozen=True, kw_only=True):
    """``v2 assays/get_results``: windows that begin from ``start`` to before ``end``, ISO 8601."""

    id: str
    start: str | None = None
    end: str | None = None
    workspace_id: int | None = None


class ScoreData(Struct, frozen=True, kw_only=True):
    """How far a window is from its baseline."""

    score: float
    scores: list[float]
    bin_index: int | None = None


Scores = dict[str, ScoreData | str]
"""By the label of each path: its score, or why there is none."""


class AssayResultV2(Struct, frozen=True, kw_only=True):
    """One window, with every path; the thresholds are the first path's."""

    id: int
    assay_id: str
    pipeline_id: int
    workspace_id: int
    workspace_name: str
    analyzed_at: str
    created_at: str
    updated_at: str
    elapsed_millis: int
    window_start: str
    window_end: str
    status: Status
    scores: Scores
    summaries: dict[str, SeriesSummary]
    alert_threshold: float | None = None
    warning_threshold: float | None = None


class PreviewAssay(Struct, frozen=True, kw_only=True):
    """``v2 assays/preview``: runs from ``preview_start`` to ``preview_end``, nothing is kept; the answer is a list."""

    baseline: BaselineV2
    preview_start: str
    preview_end: str
    scheduling: Scheduling
    summarizer: SummarizerV2
    targeting: Targeting
    window: RollingWindow


class PreviewBinning(Struct, frozen=True, kw_only=True):
    """``v2 assays/preview_baseline_binning``; given values need no targeting."""

    baseline: BaselineV2
    summarizer: SummarizerV2
    targeting: Targeting | None = None


class ScoredWindow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A window by itself: its values, or the stretch of time in which they are."""

    raw: list[float] | None = msgspec.field(name="Raw", default=None)
    stored: tuple[str, str] | None = msgspec.field(name="Stored", default=None)


class ScoreAssay(Struct, frozen=True, kw_only=True):
    """``v2 assays/score``: one window, nothing is kept; the answer is `Scores`."""

    baseline: BaselineV2
    summarizer: SummarizerV2
    targeting: Targeting
    window: ScoredWindow
