"""The second version's spelling of assays, read and written."""

from __future__ import annotations

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services.assay_config import instant_ms
from jupyter_wallaroo.services.assay_schedule import CRON_INTERVAL_MS
from jupyter_wallaroo.services.assay_status import moment
from jupyter_wallaroo.types import assay_v2 as wire
from jupyter_wallaroo.types import iopath
from jupyter_wallaroo.types.assay_definition import Comparison, Definition, Schedule, StoredAssay, Target
from jupyter_wallaroo.types.drift import (
    Baseline,
    BinMode,
    PathAnalysis,
    SlidingBaseline,
    Span,
    SpanBaseline,
    Summarizer,
    Summary,
    SummaryBaseline,
    VectorBaseline,
)

ANY_PATH = iopath.IoPath("out", "0", (0,))
"""What given values are called where no path is given."""

_UNITS_MS = {"Minute": 60_000, "Hour": 3_600_000, "Day": 86_400_000, "Week": 604_800_000}


def read_targeting(given: wire.Targeting) -> list[Target]:
    """Return the paths that are looked at, with their thresholds."""
    if not given.iopath:
        raise InvalidRequest("'targeting.iopath': expected at least one path.")
    targets = []
    for path in given.iopath:
        thresholds = path.thresholds or wire.Thresholds()
        indexes = "".join(f"[{index}]" for index in path.indexes or [])
        found = iopath.parse(f"{path.field}{indexes}")
        targets.append(Target(path=found, warning=thresholds.warning, alert=thresholds.alert))
    return targets


def read_comparison(
    baseline: wire.BaselineV2, summarizer: wire.SummarizerV2, targeting: wire.Targeting | None
) -> Comparison:
    """Return what is compared with what."""
    origin = targeting.data_origin if targeting is not None else None
    return Comparison(
        targets=[Target(path=ANY_PATH)] if targeting is None else read_targeting(targeting),
        baseline=read_baseline(baseline),
        summarizer=read_summarizer(summarizer),
        model_name=origin.model_id if origin is not None else None,
        locations=origin.locations if origin is not None else None,
    )


def read_definition(given: wire.ScheduleAssay | wire.PreviewAssay) -> Definition:
    """Return what an assay compares, and when."""
    compared = read_comparison(given.baseline, given.summarizer, given.targeting)
    return Definition(
        targets=compared.targets,
        baseline=compared.baseline,
        summarizer=compared.summarizer,
        model_name=compared.model_name,
        locations=compared.locations,
        schedule=_schedule(given.scheduling, given.window.width.seconds * 1000),
    )


def _schedule(given: wire.Scheduling, width_ms: int) -> Schedule:
    frequency = given.run_frequency
    if (frequency.cron is None) == (frequency.simple is None):
        raise InvalidRequest("'scheduling.run_frequency': expected either 'Cron' or 'SimpleRunFrequency'.")
    simple = frequency.simple
    return Schedule(
        first_run_ms=instant_ms("scheduling.first_run", given.first_run),
        width_ms=width_ms,
        interval_ms=CRON_INTERVAL_MS if simple is None else simple.quantity * _UNITS_MS[simple.unit],
        cron=frequency.cron,
        end_ms=None if given.end is None else instant_ms("scheduling.end", given.end),
    )


def read_baseline(given: wire.BaselineV2) -> Baseline:
    """Return what windows are compared with."""
    if given.static is not None:
        return SpanBaseline(read_span("baseline.Static", *given.static))
    if given.rolling is not None:
        width_ms = given.rolling.width.seconds * 1000
        start_ms = instant_ms("baseline.Rolling.start", given.rolling.start)
        return SlidingBaseline(width_ms=width_ms, offset_ms=width_ms, not_before_ms=start_ms)
    if given.vector is not None:
        return VectorBaseline(given.vector)
    if given.summary is not None:
        return SummaryBaseline({iopath.parse(name).label: _summary(item) for name, item in given.summary.items()})
    raise InvalidRequest("'baseline': expected one of 'Static', 'Rolling', 'Vector' and 'Summary'.")


def read_span(field: str, start: str, end: str) -> Span:
    """Return a stretch of time."""
    span = Span(instant_ms(field, start), instant_ms(field, end))
    if span.end_ms <= span.start_ms:
        raise InvalidRequest(f"{field!r}: it ends ({end[:40]}) before it begins ({start[:40]}).")
    return span


def _summary(given: wire.SeriesSummary) -> Summary:
    statistics = given.statistics
    return Summary(
        count=statistics.count,
        min=statistics.min,
        max=statistics.max,
        mean=statistics.mean,
        median=statistics.median,
        std=statistics.std,
        edges=[None if isinstance(edge, str) else edge for edge in given.bins.edges],
        edge_names=given.bins.labels,
        aggregated_values=given.aggregated_values,
        aggregation=given.aggregation,
        start_ms=None if given.start is None else instant_ms("baseline.Summary.start", given.start),
        end_ms=None if given.end is None else instant_ms("baseline.Summary.end", given.end),
    )


def read_summarizer(given: wire.SummarizerV2) -> Summarizer:
    """Return how samples are compared."""
    univariate = given.univariate
    if univariate is None:
        raise InvalidRequest("'summarizer': expected 'UnivariateContinuous'.")
    mode = univariate.bin_mode
    kind, count, edges, separate = BinMode.NONE, 1, None, True
    if isinstance(mode, wire.BinMode):
        if mode.provided is not None:
            kind, count, edges = BinMode.PROVIDED, len(mode.provided) - 1, mode.provided
        elif mode.quantile_with_outliers is not None:
            kind, count = BinMode.QUANTILE, mode.quantile_with_outliers
        elif mode.quantile is not None:
            kind, count, separate = BinMode.QUANTILE, mode.quantile, False
        elif mode.equal is not None:
            kind, count, separate = BinMode.EQUAL, mode.equal, False
        else:
            raise InvalidRequest(
                "'bin_mode': expected 'Equal', 'Quantile', 'QuantileWithExplicitOutliers', 'Provided'."
            )
    return Summarizer(
        bin_mode=kind,
        aggregation=univariate.aggregation,
        metric=univariate.metric,
        num_bins=count,
        bin_weights=univariate.bin_weights,
        provided_edges=edges,
        separate_outliers=separate,
    )


def show_mode(summarizer: Summarizer) -> wire.BinModeOrNone:
    """Return how bins are cut, as it is sent."""
    count = summarizer.num_bins
    if summarizer.bin_mode is BinMode.NONE:
        return "None"
    if summarizer.bin_mode is BinMode.PROVIDED:
        return wire.BinMode(provided=summarizer.provided_edges)
    if summarizer.bin_mode is BinMode.EQUAL:
        return wire.BinMode(equal=count)
    return wire.BinMode(quantile_with_outliers=count) if summarizer.separate_outliers else wire.BinMode(quantile=count)


def show_summary(label: str, summary: Summary, summarizer: Summarizer) -> wire.SeriesSummary:
    """Return a summary as it is sent."""
    return wire.SeriesSummary(
        aggregated_values=summary.aggregated_values,
        aggregation=summary.aggregation,
        bins=wire.Bins(
            edges=[wire.INFINITY if edge is None else edge for edge in summary.edges],
            labels=summary.edge_names,
            mode=show_mode(summarizer),
        ),
        name=label,
        statistics=wire.SummaryStatistics(
            count=summary.count,
            max=summary.max,
            mean=summary.mean,
            median=summary.median,
            min=summary.min,
            std=summary.std,
        ),
        start=None if summary.start_ms is None else moment(summary.start_ms),
        end=None if summary.end_ms is None else moment(summary.end_ms),
    )


def show_scores(paths: dict[str, PathAnalysis]) -> wire.Scores:
    """Return the scores of a window, as they are sent."""
    scores: wire.Scores = {}
    for label, found in paths.items():
        score = found.score
        scores[label] = (
            found.error or ""
            if score is None
            else wire.ScoreData(score=score.score, scores=score.scores, bin_index=score.bin_index)
        )
    return scores


def show_window_summaries(paths: dict[str, PathAnalysis], summarizer: Summarizer) -> dict[str, wire.SeriesSummary]:
    """Return the summaries of a window, as they are sent."""
    return {
        label: show_summary(label, found.window, summarizer)
        for label, found in paths.items()
        if found.window is not None
    }


def show_assay(assay: StoredAssay) -> wire.AssayV2:
    """Return an assay, as it is sent."""
    definition, schedule = assay.definition, assay.definition.schedule
    summarizer = definition.summarizer
    frequency = wire.RunFrequency(cron=schedule.cron) if schedule.cron else _frequency(schedule.interval_ms)
    return wire.AssayV2(
        id=assay.uuid,
        number=assay.id,
        name=assay.name,
        active=assay.active,
        created_at=assay.created_at,
        updated_at=assay.updated_at,
        baseline=_show_baseline(definition),
        scheduling=wire.Scheduling(
            first_run=moment(schedule.first_run_ms),
            run_frequency=frequency,
            end=None if schedule.end_ms is None else moment(schedule.end_ms),
        ),
        summarizer=wire.SummarizerV2(
            univariate=wire.UnivariateContinuous(
                aggregation=summarizer.aggregation,
                bin_mode=show_mode(summarizer),
                metric=summarizer.metric,
                bin_weights=summarizer.bin_weights,
            )
        ),
        targeting=wire.Targeting(
            data_origin=wire.DataOrigin(
                pipeline_id=assay.pipeline_id,
                pipeline_name=assay.pipeline_name,
                workspace_id=assay.workspace_id,
                workspace_name=assay.workspace_name,
                locations=definition.locations,
                model_id=definition.model_name,
            ),
            iopath=[_show_path(target) for target in definition.targets],
        ),
        window=wire.RollingWindow(width=wire.Length(seconds=schedule.width_ms // 1000)),
    )


def _frequency(interval_ms: int) -> wire.RunFrequency:
    """Return an interval in the largest unit that fits; one of seconds, which v2 has not, as the next minute."""
    unit = next((name for name in ("Week", "Day", "Hour", "Minute") if interval_ms % _UNITS_MS[name] == 0), "Minute")
    quantity = max(1, interval_ms // _UNITS_MS[unit])
    return wire.RunFrequency(simple=wire.Interval(quantity=quantity, unit=wire.IntervalUnit(unit)))


def _show_path(target: Target) -> wire.DataPath:
    return wire.DataPath(
        field=f"{target.path.group}.{target.path.field}",
        indexes=list(target.path.indexes),
        thresholds=wire.Thresholds(warning=target.warning, alert=target.alert),
    )


def _show_baseline(definition: Definition) -> wire.BaselineV2:
    baseline = definition.baseline
    if isinstance(baseline, SpanBaseline):
        return wire.BaselineV2(static=(moment(baseline.span.start_ms), moment(baseline.span.end_ms)))
    if isinstance(baseline, SlidingBaseline):
        start_ms = baseline.not_before_ms or 0
        width = wire.Length(seconds=baseline.width_ms // 1000)
        return wire.BaselineV2(rolling=wire.RollingBaseline(start=moment(start_ms), width=width))
    if isinstance(baseline, VectorBaseline):
        return wire.BaselineV2(vector=baseline.values)
    summaries = baseline.summaries.items()
    return wire.BaselineV2(
        summary={label: show_summary(label, item, definition.summarizer) for label, item in summaries}
    )
