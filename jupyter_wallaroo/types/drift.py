"""How samples are compared: the words that both versions of the assays' API and our own processes use.

Times are in ms since the epoch, spans include their start and exclude their end.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from jupyter_wallaroo.types.iopath import IoPath


class BinMode(StrEnum):
    """How the range of the baseline is cut into bins."""

    NONE = "None"
    EQUAL = "Equal"
    QUANTILE = "Quantile"
    PROVIDED = "Provided"


class Aggregation(StrEnum):
    """What stands for a sample: the share of it in each bin, the running total of those, or the bins' edges."""

    DENSITY = "Density"
    CUMULATIVE = "Cumulative"
    EDGES = "Edges"


class Metric(StrEnum):
    """How two samples are scored, 0 for equal ones; `engine.drift` has the formulas."""

    PSI = "PSI"
    MAXDIFF = "MaxDiff"
    SUMDIFF = "SumDiff"


class Status(StrEnum):
    """What a score means."""

    OK = "Ok"
    WARNING = "Warning"
    ALERT = "Alert"
    BASELINE_RUN = "BaselineRun"


class Summarizer(Struct, frozen=True, kw_only=True):
    """How samples are binned and compared; the defaults are the tutorials'.

    ``provided_edges`` holds the upper edges of the bins, before them the lower edge of the first where it is said.
    ``bin_weights`` has one weight per bin, those of outliers included. Without ``separate_outliers`` the first and
    the last bin have no outer bound, so that there are as many bins as asked for.
    """

    bin_mode: BinMode = BinMode.QUANTILE
    aggregation: Aggregation = Aggregation.DENSITY
    metric: Metric = Metric.PSI
    num_bins: int = 5
    bin_weights: list[float] | None = None
    provided_edges: list[float] | None = None
    separate_outliers: bool = True


class Summary(Struct, frozen=True, kw_only=True):
    """A sample in brief; ``std`` is that of a sample (n - 1).

    ``edges`` are the upper edges of the bins (of the left outliers: what they are below); the last is None where
    the bin has no bound.
    """

    count: int
    min: float
    max: float
    mean: float
    median: float
    std: float
    edges: list[float | None]
    edge_names: list[str]
    aggregated_values: list[float]
    aggregation: Aggregation
    start_ms: int | None = None
    end_ms: int | None = None


class Score(Struct, frozen=True, kw_only=True):
    """How far a window is from its baseline; ``bin_index`` is the bin that decided (MaxDiff)."""

    score: float
    scores: list[float]
    bin_index: int | None = None


class Span(Struct, frozen=True, array_like=True):
    """A stretch of time."""

    start_ms: int
    end_ms: int


class SpanBaseline(Struct, frozen=True, tag="span"):
    """The records of one stretch of time."""

    span: Span


class SlidingBaseline(Struct, frozen=True, tag="sliding"):
    """The records of ``width_ms`` that begin ``offset_ms`` before each window, none from before ``not_before_ms``."""

    width_ms: int
    offset_ms: int
    not_before_ms: int | None = None


class VectorBaseline(Struct, frozen=True, tag="vector"):
    """Given values."""

    values: list[float]


class SummaryBaseline(Struct, frozen=True, tag="summary"):
    """What was made of a sample before, by the label of each path."""

    summaries: dict[str, Summary]


Baseline = SpanBaseline | SlidingBaseline | VectorBaseline | SummaryBaseline


class Records(Struct, frozen=True, kw_only=True):
    """Which records count: those of one log, of the model that answered last, of these engine processes."""

    directory: str
    model_name: str | None = None
    locations: list[str] | None = None


class Analyze(Struct, frozen=True, kw_only=True):
    """What the analyst is asked: windows against a baseline. ``given`` is one window's sample in place of spans."""

    records: Records
    paths: list[IoPath]
    baseline: Baseline
    summarizer: Summarizer
    windows: list[Span] = []
    given: list[float] | None = None


class PathAnalysis(Struct, frozen=True, kw_only=True):
    """One path in one window; ``error`` says why there is no score."""

    baseline: Summary | None = None
    window: Summary | None = None
    score: Score | None = None
    error: str | None = None


class WindowAnalysis(Struct, frozen=True, kw_only=True):
    """One window that has records, by the label of each path."""

    span: Span
    elapsed_ms: int
    paths: dict[str, PathAnalysis]


class Analyses(Struct, frozen=True, kw_only=True):
    """The analyst's answer: baselines that are the same for all windows, and the windows that have records."""

    baselines: dict[str, Summary]
    windows: list[WindowAnalysis]


class Sample(Struct, frozen=True, kw_only=True):
    """The oldest records of a stretch of time, of the paths' fields or (none given) of all."""

    records: Records
    span: Span
    limit: int
