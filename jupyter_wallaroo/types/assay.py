"""Assays as the first version of their API has them (contract/rest.md, assays).

A path, a baseline and a window may be said in the form of 2023.2 or of later versions; answers hold both forms' keys.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from jupyter_wallaroo.types.drift import Aggregation, BinMode, Metric, Status

UNIVARIATE = "UnivariateContinuous"


class AssaySummarizer(Struct, frozen=True, kw_only=True):
    """How samples are binned and compared; ``add_outlier_edges`` and ``bin_width`` are 2023.2's."""

    type: str = UNIVARIATE
    bin_mode: BinMode = BinMode.QUANTILE
    aggregation: Aggregation = Aggregation.DENSITY
    metric: Metric = Metric.PSI
    num_bins: int = 5
    bin_weights: list[float] | None = None
    provided_edges: list[float] | None = None
    add_outlier_edges: bool = True


class AssaySummary(Struct, frozen=True, kw_only=True):
    """A sample in brief; the last of ``edges`` is null, instants are ISO 8601."""

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
    start: str | None = None
    end: str | None = None


class AssayWindow(Struct, frozen=True, kw_only=True):
    """Windows of ``width`` every ``interval`` (default: the width) from ``start``; lengths as ``"24 hours"``.

    ``pipeline`` and ``model`` are 2023.2's names of ``pipeline_name`` and ``model_name``.
    """

    width: str
    path: str | None = None
    pipeline_name: str | None = None
    workspace_id: int | None = None
    interval: str | None = None
    model_name: str | None = None
    start: str | None = None
    locations: list[str] | None = None
    pipeline: str | None = None
    model: str | None = None


class SlidingWindow(Struct, frozen=True, kw_only=True):
    """A baseline of ``window.width`` that begins ``offset`` before each window."""

    window: AssayWindow
    offset: str


class CalculatedBaseline(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A baseline that is yet to be summarized: exactly one of these."""

    vector: list[float] | None = None
    fixed_window: AssayWindow | None = None
    sliding_window: SlidingWindow | None = None


class FixedBaseline(Struct, frozen=True, kw_only=True):
    """A stretch of time, as 2023.2 says it."""

    start_at: str
    end_at: str
    pipeline: str | None = None
    model: str | None = None


class AssayBaseline(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What windows are compared with: exactly one of these."""

    static: AssaySummary | None = None
    calculated: CalculatedBaseline | None = None
    fixed: FixedBaseline | None = msgspec.field(name="Fixed", default=None)
    user_provided: dict[str, Any] | None = msgspec.field(name="UserProvided", default=None)


class AssayConfig(Struct, frozen=True, kw_only=True):
    """``assays/create``, ``run_interactive`` and ``run_interactive_baseline``; instants are ISO 8601.

    ``iopath`` is 2023.2's place for ``window.path``.
    """

    name: str
    pipeline_name: str
    baseline: AssayBaseline
    window: AssayWindow
    pipeline_id: int | None = None
    workspace_id: int | None = None
    summarizer: AssaySummarizer = AssaySummarizer()
    alert_threshold: float | None = 0.25
    warning_threshold: float | None = None
    active: bool = True
    run_until: str | None = None
    iopath: str | None = None


class AssayCreated(Struct, frozen=True, kw_only=True):
    """The id of a new assay."""

    assay_id: int


class ListAssays(Struct, frozen=True, kw_only=True):
    """``assays/list``: all, or those of a pipeline or a workspace.

    Beyond the vendor's fields: ``limit``, and ``after``, the ``id`` of the last assay of the page before. Without
    ``limit`` the answer has all.
    """

    pipeline_id: int | None = None
    workspace_id: int | None = None
    workspace_name: str | None = None
    after: int | None = None
    limit: int | None = None


class DriftWindow(Struct, frozen=True, kw_only=True):
    """A stretch of time in which an assay found drift, ISO 8601."""

    start: str
    end: str


class FilterAssays(Struct, frozen=True, kw_only=True):
    """``assays/filter``: those of a pipeline that fit everything said.

    ``name`` is a part of the name; ``drift_window`` asks for a warning or an alert in it; ``locations`` for assays that
    look at one of these. ``sort_by`` is ``name``, or anything else for the order in which they were made.
    """

    workspace_id: int
    pipeline_id: int
    sort_by: str = "created_at"
    name: str | None = None
    active: bool | None = None
    drift_window: DriftWindow | None = None
    locations: list[str] | None = None


class GetAssay(Struct, frozen=True, kw_only=True):
    """``assays/get_assay_by_id``."""

    id: int
    workspace_id: int | None = None
    workspace_name: str | None = None


class Assay(Struct, frozen=True, kw_only=True):
    """One assay.

    ``status`` is ``created`` and, after a run, JSON text with ``run_at`` and ``num_ok``, ``num_warnings``,
    ``num_alerts`` or ``error``.
    """

    id: int
    name: str
    active: bool
    status: str
    alert_threshold: float | None
    warning_threshold: float | None
    pipeline_id: int
    pipeline_name: str
    workspace_id: int
    workspace_name: str
    next_run: str
    last_run: str | None
    last_window_start: str | None
    run_until: str | None
    created_at: str
    updated_at: str
    iopath: str
    baseline: AssayBaseline
    window: AssayWindow
    summarizer: AssaySummarizer


class SetAssayActive(Struct, frozen=True, kw_only=True):
    """``assays/set_active``, and its answer."""

    id: int
    active: bool


class GetAssayResults(Struct, frozen=True, kw_only=True):
    """``assays/get_assay_results``: windows that begin from ``start`` to before ``end``, ISO 8601."""

    assay_id: int
    start: str
    end: str
    workspace_id: int | None = None
    workspace_name: str | None = None


class AssayResult(Struct, frozen=True, kw_only=True):
    """One window compared with its baseline; the ids are null where nothing was kept."""

    window_start: str
    analyzed_at: str
    elapsed_millis: int
    iopath: str
    baseline_summary: AssaySummary
    window_summary: AssaySummary
    alert_threshold: float | None
    warning_threshold: float | None
    score: float
    scores: list[float]
    bin_index: int | None
    summarizer: AssaySummarizer
    status: Status
    id: int | None = None
    assay_id: int | None = None
    pipeline_id: int | None = None
    workspace_id: int | None = None
    workspace_name: str | None = None
    created_at: str | None = None


class SummarizeBaseline(Struct, frozen=True, kw_only=True):
    """``assays/summarize``: a baseline by itself."""

    baseline: CalculatedBaseline
    summarizer: AssaySummarizer = AssaySummarizer()


class GetBaseline(Struct, frozen=True, kw_only=True):
    """``assays/get_baseline``: the oldest records of a stretch of time, ISO 8601, at most ``limit`` (default 1,000)."""

    pipeline_name: str
    locations: list[str] | None = None
    workspace_id: int | None = None
    start: str | None = None
    end: str | None = None
    model_name: str | None = None
    limit: int | None = None
