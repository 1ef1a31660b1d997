"""Assays as they are kept, whichever version of the API made them."""

from __future__ import annotations

from msgspec import Struct

from jupyter_wallaroo.types.drift import Baseline, PathAnalysis, Span, Status, Summarizer
from jupyter_wallaroo.types.iopath import IoPath


class Target(Struct, frozen=True, kw_only=True):
    """A path that is looked at, and the scores above which there is a warning or an alert."""

    path: IoPath
    warning: float | None = None
    alert: float | None = None


class Schedule(Struct, frozen=True, kw_only=True):
    """When windows are analysed: each run looks at the ``width_ms`` before it.

    Runs are at ``first_run_ms`` and every ``interval_ms`` after it or, with ``cron``, whenever that fits, in UTC; none
    is after ``end_ms``.
    """

    first_run_ms: int
    width_ms: int
    interval_ms: int
    cron: str | None = None
    end_ms: int | None = None


class Comparison(Struct, frozen=True, kw_only=True):
    """What is compared with what, and how."""

    targets: list[Target]
    baseline: Baseline
    summarizer: Summarizer
    model_name: str | None = None
    locations: list[str] | None = None


class Definition(Comparison, frozen=True, kw_only=True):
    """What an assay compares, and when."""

    schedule: Schedule


class StoredAssay(Struct, frozen=True, kw_only=True):
    """An assay; ``kept`` is its baseline once that was summarized, ``next_run_ms`` is None when nothing is to come.

    Instants are ISO 8601.
    """

    id: int
    uuid: str
    name: str
    workspace_id: int
    workspace_name: str
    pipeline_id: int
    pipeline_name: str
    active: bool
    status: str
    definition: Definition
    kept: Baseline | None
    next_run_ms: int | None
    last_run_ms: int | None
    created_at: str
    updated_at: str


class StoredAnalysis(Struct, frozen=True, kw_only=True):
    """One window that was analysed, by the label of each path; ``analyzed_at`` is ISO 8601."""

    id: int
    assay_id: int
    span: Span
    status: Status
    analyzed_at: str
    elapsed_ms: int
    paths: dict[str, PathAnalysis]
