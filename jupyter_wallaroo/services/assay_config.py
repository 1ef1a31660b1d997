"""The first version's spelling of assays, read and written."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services.assay_status import moment
from jupyter_wallaroo.types import assay as wire
from jupyter_wallaroo.types import iopath
from jupyter_wallaroo.types.assay_definition import Definition, Schedule, Target
from jupyter_wallaroo.types.drift import (
    Baseline,
    SlidingBaseline,
    Span,
    SpanBaseline,
    Summarizer,
    Summary,
    SummaryBaseline,
    VectorBaseline,
)

DEFAULT_PATH = "output 0 0"

_UNITS_MS = {"millisecond": 1, "second": 1000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_UNITS_MS["week"] = 7 * _UNITS_MS["day"]
_LENGTH = re.compile(r"(\d{1,9})\s*([a-z]+?)s?")


def read(config: wire.AssayConfig, now_ms: int) -> Definition:
    """Return what a configuration of the first version defines.

    Parameters
    ----------
    config
        As it came.
    now_ms
        When windows begin that have neither a start nor a baseline that ends.

    Raises
    ------
    InvalidRequest
        Names the field, what was expected and what was got.
    """
    window = config.window
    path = iopath.parse(window.path or config.iopath or DEFAULT_PATH)
    summarizer = read_summarizer(config.summarizer)
    baseline, ends_ms = read_baseline(config, path, now_ms)
    width_ms = length_ms("window.width", window.width)
    interval_ms = width_ms if window.interval is None else length_ms("window.interval", window.interval)
    start_ms = ends_ms if window.start is None else instant_ms("window.start", window.start)
    schedule = Schedule(
        first_run_ms=start_ms + width_ms,
        width_ms=width_ms,
        interval_ms=interval_ms,
        end_ms=None if config.run_until is None else instant_ms("run_until", config.run_until),
    )
    return Definition(
        targets=[Target(path=path, warning=config.warning_threshold, alert=config.alert_threshold)],
        baseline=baseline,
        summarizer=summarizer,
        schedule=schedule,
        model_name=window.model_name or window.model,
        locations=window.locations,
    )


def read_summarizer(given: wire.AssaySummarizer) -> Summarizer:
    """Return how samples are compared."""
    if given.type != wire.UNIVARIATE:
        raise InvalidRequest(f"'summarizer.type': expected {wire.UNIVARIATE!r}; got {given.type!r:.60}.")
    return Summarizer(
        bin_mode=given.bin_mode,
        aggregation=given.aggregation,
        metric=given.metric,
        num_bins=given.num_bins,
        bin_weights=given.bin_weights,
        provided_edges=given.provided_edges,
        separate_outliers=given.add_outlier_edges,
    )


def read_baseline(config: wire.AssayConfig, path: iopath.IoPath, now_ms: int) -> tuple[Baseline, int]:
    """Return a baseline, and when it ends: there windows begin that do not say."""
    given = config.baseline
    if given.fixed is not None:
        _check_pipeline(config, given.fixed.pipeline)
        start_ms = instant_ms("baseline.Fixed.start_at", given.fixed.start_at)
        span = _span(start_ms, instant_ms("baseline.Fixed.end_at", given.fixed.end_at))
        return SpanBaseline(span), span.end_ms
    if given.static is not None:
        summary = read_summary(given.static)
        return SummaryBaseline({path.label: summary}), summary.end_ms or now_ms
    if given.calculated is None:
        raise InvalidRequest(
            "'baseline': expected 'static' or 'calculated', or 'Fixed' as in 2023.2.",
            hint='The server fetches no data: send values as {"calculated": {"vector": […]}}.',
        )
    if given.calculated.fixed_window is not None:
        _check_pipeline(config, given.calculated.fixed_window.pipeline_name)
    return read_calculated(given.calculated, now_ms)


def read_calculated(given: wire.CalculatedBaseline, now_ms: int) -> tuple[Baseline, int]:
    """Return a baseline that is yet to be summarized, and when it ends."""
    if given.vector is not None:
        return VectorBaseline(given.vector), now_ms
    if given.fixed_window is not None:
        window = given.fixed_window
        if window.start is None:
            raise InvalidRequest("'baseline.fixed_window.start': expected an instant; it is missing.")
        start_ms = instant_ms("baseline.fixed_window.start", window.start)
        span = _span(start_ms, start_ms + length_ms("baseline.fixed_window.width", window.width))
        return SpanBaseline(span), span.end_ms
    if given.sliding_window is not None:
        sliding = given.sliding_window
        width_ms = length_ms("baseline.sliding_window.window.width", sliding.window.width)
        offset_ms = length_ms("baseline.sliding_window.offset", sliding.offset)
        return SlidingBaseline(width_ms=width_ms, offset_ms=offset_ms), now_ms
    raise InvalidRequest("'baseline': expected one of 'vector', 'fixed_window' and 'sliding_window'.")


def _span(start_ms: int, end_ms: int) -> Span:
    if end_ms <= start_ms:
        raise InvalidRequest(f"The baseline ends ({moment(end_ms)}) before it begins ({moment(start_ms)}).")
    return Span(start_ms, end_ms)


def _check_pipeline(config: wire.AssayConfig, name: str | None) -> None:
    if name is not None and name != config.pipeline_name:
        raise InvalidRequest(
            f"The baseline is of pipeline {name[:100]!r}: expected the assay's own, {config.pipeline_name[:100]!r}.",
            hint="Summarize the other pipeline's records with assays/summarize and send the result as 'static'.",
        )


def read_summary(given: wire.AssaySummary) -> Summary:
    """Return a summary that was sent."""
    facts = msgspec.structs.asdict(given)
    start, end = facts.pop("start"), facts.pop("end")
    return Summary(
        **facts,
        start_ms=None if start is None else instant_ms("baseline.static.start", start),
        end_ms=None if end is None else instant_ms("baseline.static.end", end),
    )


def show_summary(summary: Summary) -> wire.AssaySummary:
    """Return a summary as it is sent."""
    facts = msgspec.structs.asdict(summary)
    start_ms, end_ms = facts.pop("start_ms"), facts.pop("end_ms")
    return wire.AssaySummary(
        **facts,
        start=None if start_ms is None else moment(start_ms),
        end=None if end_ms is None else moment(end_ms),
    )


def show_summarizer(summarizer: Summarizer) -> wire.AssaySummarizer:
    """Return how samples are compared, as it is sent."""
    return wire.AssaySummarizer(
        bin_mode=summarizer.bin_mode,
        aggregation=summarizer.aggregation,
        metric=summarizer.metric,
        num_bins=summarizer.num_bins,
        bin_weights=summarizer.bin_weights,
        provided_edges=summarizer.provided_edges,
        add_outlier_edges=summarizer.separate_outliers,
    )


def show_window(definition: Definition, pipeline_name: str, workspace_id: int) -> wire.AssayWindow:
    """Return the windows of an assay, as they are sent."""
    schedule = definition.schedule
    return wire.AssayWindow(
        width=length(schedule.width_ms),
        interval=length(schedule.interval_ms),
        start=moment(schedule.first_run_ms - schedule.width_ms),
        path=definition.targets[0].path.words,
        pipeline_name=pipeline_name,
        pipeline=pipeline_name,
        workspace_id=workspace_id,
        model_name=definition.model_name,
        model=definition.model_name,
        locations=definition.locations,
    )


def show_baseline(definition: Definition, window: wire.AssayWindow) -> wire.AssayBaseline:
    """Return a baseline, as it is sent; of a stretch of time in both forms."""
    baseline = definition.baseline
    if isinstance(baseline, SummaryBaseline):
        summary = baseline.summaries[definition.targets[0].path.label]
        return wire.AssayBaseline(static=show_summary(summary))
    if isinstance(baseline, VectorBaseline):
        return wire.AssayBaseline(calculated=wire.CalculatedBaseline(vector=baseline.values))
    if isinstance(baseline, SpanBaseline):
        span = baseline.span
        start, width = moment(span.start_ms), length(span.end_ms - span.start_ms)
        fixed_window = msgspec.structs.replace(window, start=start, width=width, interval=None)
        return wire.AssayBaseline(
            calculated=wire.CalculatedBaseline(fixed_window=fixed_window),
            fixed=wire.FixedBaseline(
                start_at=start, end_at=moment(span.end_ms), pipeline=window.pipeline_name, model=window.model_name
            ),
        )
    sliding = msgspec.structs.replace(window, start=None, width=length(baseline.width_ms), interval=None)
    return wire.AssayBaseline(
        calculated=wire.CalculatedBaseline(
            sliding_window=wire.SlidingWindow(window=sliding, offset=length(baseline.offset_ms))
        )
    )


def length_ms(field: str, text: str) -> int:
    """Return a length such as ``"24 hours"`` in ms."""
    match = _LENGTH.fullmatch(text.strip().lower())
    if match is None or match[2] not in _UNITS_MS:
        raise InvalidRequest(f"{field!r}: expected a length such as '24 hours' or '1 minutes'; got {text!r:.40}.")
    return int(match[1]) * _UNITS_MS[match[2]]


def length(length_ms: int) -> str:
    """Return a length in ms as text: ``"24 hours"``."""
    unit = next(name for name in ("hour", "minute", "second", "millisecond") if length_ms % _UNITS_MS[name] == 0)
    return f"{length_ms // _UNITS_MS[unit]} {unit}s"


def instant_ms(field: str, text: str) -> int:
    """Return an instant in ISO 8601, in UTC where it does not say, in ms since the epoch."""
    try:
        given = datetime.fromisoformat(text)
        return round((given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"{field!r}: expected an ISO 8601 instant such as 2026-11-21T10:00:00+00:00; got {text!r:.40}."
        ) from None
