"""The first version of the assays' API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

import msgspec

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services import assay_config, assay_status
from jupyter_wallaroo.services.analysis import AnalysisService
from jupyter_wallaroo.services.assays import AssayService
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store.assays import Asked
from jupyter_wallaroo.types import assay as wire
from jupyter_wallaroo.types import iopath
from jupyter_wallaroo.types.assay_definition import Comparison, Definition, StoredAnalysis, StoredAssay, Target
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.drift import PathAnalysis, Span, Status, WindowAnalysis
from jupyter_wallaroo.types.listing import Page
from jupyter_wallaroo.types.names import instant, now

DEFAULT_RECORDS = 1000
MAX_RECORDS = 10_000
_END_OF_TIME_MS = 2**53
_encode = msgspec.json.encode


class AssayV1Service:
    """Answers the routes of ``v1/api/assays``.

    Parameters
    ----------
    assays, analysis, workspaces
        Do the work.
    """

    def __init__(self, assays: AssayService, analysis: AnalysisService, workspaces: WorkspaceService) -> None:
        self._assays = assays
        self._analysis = analysis
        self._workspaces = workspaces

    async def create(self, caller: Caller, request: wire.AssayConfig) -> wire.AssayCreated:
        """Make an assay."""
        pipeline = await self._assays.pipeline(request.workspace_id, request.pipeline_id, request.pipeline_name)
        definition = assay_config.read(request, self._assays.now_ms())
        made = await self._assays.create(caller, request.name, pipeline, definition, active=request.active)
        return wire.AssayCreated(assay_id=made.id)

    async def list_assays(self, caller: Caller, request: wire.ListAssays) -> Page[wire.Assay]:
        """Return a page of assays, oldest first."""
        workspace_id = await self._workspaces.id_for(request.workspace_id, request.workspace_name)
        asked = Asked(workspace_id=workspace_id, pipeline_id=request.pipeline_id, after=request.after)
        return await self._assays.page(asked, request.limit, _shown)

    async def filter(self, caller: Caller, request: wire.FilterAssays) -> list[wire.Assay]:
        """Return the assays of a pipeline that fit."""
        asked = Asked(workspace_id=request.workspace_id, pipeline_id=request.pipeline_id, active=request.active)
        wanted = []
        for assay in await self._assays.every(asked):
            places = set(assay.definition.locations or [])
            if request.name is not None and request.name.casefold() not in assay.name.casefold():
                continue
            if request.locations and places and not places & set(request.locations):
                continue
            if request.drift_window is None or await self._has_drifted(assay, request.drift_window):
                wanted.append(assay)
        if request.sort_by == "name":
            wanted.sort(key=lambda assay: assay.name.casefold())
        return [_shown(assay) for assay in wanted]

    async def _has_drifted(self, assay: StoredAssay, given: wire.DriftWindow) -> bool:
        start_ms = assay_config.instant_ms("drift_window.start", given.start)
        span = Span(start_ms, assay_config.instant_ms("drift_window.end", given.end))
        return any(result.status is not Status.OK for result in await self._assays.results(assay, span))

    async def get(self, caller: Caller, request: wire.GetAssay) -> wire.Assay:
        """Return one assay."""
        return _shown(await self._assays.require(request.id))

    async def set_active(self, caller: Caller, request: wire.SetAssayActive) -> wire.SetAssayActive:
        """Begin or end an assay's runs."""
        await self._assays.set_active(await self._assays.require(request.id), active=request.active)
        return request

    async def results(self, caller: Caller, request: wire.GetAssayResults) -> msgspec.Raw:
        """Return what an assay found, as a JSON list of `AssayResult`; a window that had no score is left out."""
        assay = await self._assays.require(request.assay_id)
        start_ms = assay_config.instant_ms("start", request.start)
        span = Span(start_ms, assay_config.instant_ms("end", request.end))
        found = await self._assays.results(assay, span)
        return await asyncio.to_thread(lambda: _joined(_stored(assay, item) for item in found))

    async def run_interactive(self, caller: Caller, request: wire.AssayConfig) -> msgspec.Raw:
        """Compare all windows at once, keeping nothing; return a JSON list of `AssayResult`.

        Raises
        ------
        InvalidRequest
            In some window the path leads nowhere.
        """
        pipeline = await self._assays.pipeline(request.workspace_id, request.pipeline_id, request.pipeline_name)
        definition = assay_config.read(request, self._assays.now_ms())
        found = await self._assays.interactive(pipeline, definition)
        for window in found.windows:
            for analysis in window.paths.values():
                if analysis.error is not None:
                    raise InvalidRequest(f"Window {assay_status.moment(window.span.start_ms)}: {analysis.error}")
        return await asyncio.to_thread(lambda: _joined(_fleeting(definition, window) for window in found.windows))

    async def run_interactive_baseline(self, caller: Caller, request: wire.AssayConfig) -> wire.AssayResult:
        """Return a baseline compared with itself."""
        pipeline = await self._assays.pipeline(request.workspace_id, request.pipeline_id, request.pipeline_name)
        definition = assay_config.read(request, self._assays.now_ms())
        found = await self._analysis.analyze(pipeline.id, definition, [])
        target = definition.targets[0]
        summary = found.baselines.get(target.path.label)
        if summary is None:
            raise InvalidRequest("A sliding baseline is another one for each window: there is none to look at.")
        shown = assay_config.show_summary(summary)
        return wire.AssayResult(
            window_start=assay_status.moment(summary.start_ms or self._assays.now_ms()),
            analyzed_at=instant(now()),
            elapsed_millis=0,
            iopath=target.path.words,
            baseline_summary=shown,
            window_summary=shown,
            alert_threshold=target.alert,
            warning_threshold=target.warning,
            score=0.0,
            scores=[0.0] * len(shown.edges),
            bin_index=None,
            summarizer=request.summarizer,
            status=Status.BASELINE_RUN,
        )

    async def summarize(self, caller: Caller, request: wire.SummarizeBaseline) -> wire.AssaySummary:
        """Summarize a baseline by itself."""
        baseline, _ = assay_config.read_calculated(request.baseline, self._assays.now_ms())
        window = request.baseline.fixed_window
        pipeline_id = 0
        if window is not None:
            name = window.pipeline_name or window.pipeline
            pipeline_id = (await self._assays.pipeline(window.workspace_id, None, name)).id
        path = iopath.parse((window.path if window is not None else None) or assay_config.DEFAULT_PATH)
        comparison = Comparison(
            targets=[Target(path=path)],
            baseline=baseline,
            summarizer=assay_config.read_summarizer(request.summarizer),
            model_name=window.model_name if window is not None else None,
            locations=window.locations if window is not None else None,
        )
        summary = (await self._analysis.analyze(pipeline_id, comparison, [])).baselines.get(path.label)
        if summary is None:
            raise InvalidRequest("A sliding baseline is another one for each window: there is none to summarize.")
        return assay_config.show_summary(summary)

    async def get_baseline(self, caller: Caller, request: wire.GetBaseline) -> msgspec.Raw:
        """Return the records of a stretch of time, as a JSON list of flat objects."""
        pipeline = await self._assays.pipeline(request.workspace_id, None, request.pipeline_name)
        limit = DEFAULT_RECORDS if request.limit is None else request.limit
        if not 1 <= limit <= MAX_RECORDS:
            raise InvalidRequest(f"'limit': expected 1 to {MAX_RECORDS} records; got {limit}.")
        start_ms = 0 if request.start is None else assay_config.instant_ms("start", request.start)
        end_ms = _END_OF_TIME_MS if request.end is None else assay_config.instant_ms("end", request.end)
        body = await self._analysis.sample(
            pipeline.id, Span(start_ms, end_ms), limit, model_name=request.model_name, locations=request.locations
        )
        return msgspec.Raw(body)


def _shown(assay: StoredAssay) -> wire.Assay:
    definition, schedule = assay.definition, assay.definition.schedule
    target = definition.targets[0]
    window = assay_config.show_window(definition, assay.pipeline_name, assay.workspace_id)
    last_ms = assay.last_run_ms
    next_ms = assay.next_run_ms or schedule.end_ms
    return wire.Assay(
        id=assay.id,
        name=assay.name,
        active=assay.active,
        status=assay.status,
        alert_threshold=target.alert,
        warning_threshold=target.warning,
        pipeline_id=assay.pipeline_id,
        pipeline_name=assay.pipeline_name,
        workspace_id=assay.workspace_id,
        workspace_name=assay.workspace_name,
        next_run="" if next_ms is None else assay_status.moment(next_ms),
        last_run=None if last_ms is None else assay_status.moment(last_ms),
        last_window_start=None,
        run_until=None if schedule.end_ms is None else assay_status.moment(schedule.end_ms),
        created_at=assay.created_at,
        updated_at=assay.updated_at,
        iopath=target.path.words,
        baseline=assay_config.show_baseline(definition, window),
        window=window,
        summarizer=assay_config.show_summarizer(definition.summarizer),
    )


def _joined(results: Iterable[Iterable[wire.AssayResult]]) -> msgspec.Raw:
    """Return results as one JSON list, coded one by one: a long list must not hold the interpreter."""
    return msgspec.Raw(b"[" + b",".join(_encode(item) for group in results for item in group) + b"]")


def _fleeting(definition: Definition, window: WindowAnalysis) -> Iterator[wire.AssayResult]:
    analyzed_at = instant(now())
    for target in definition.targets:
        found = window.paths[target.path.label]
        if found.score is not None:
            yield _result(definition, target, found, window.span, analyzed_at, window.elapsed_ms)


def _stored(assay: StoredAssay, stored: StoredAnalysis) -> Iterator[wire.AssayResult]:
    for target in assay.definition.targets:
        found = stored.paths[target.path.label]
        if found.score is not None:
            shown = _result(assay.definition, target, found, stored.span, stored.analyzed_at, stored.elapsed_ms)
            yield msgspec.structs.replace(
                shown,
                id=stored.id,
                assay_id=assay.id,
                pipeline_id=assay.pipeline_id,
                workspace_id=assay.workspace_id,
                workspace_name=assay.workspace_name,
                created_at=stored.analyzed_at,
            )


def _result(  # noqa: PLR0917  the facts of one result
    definition: Definition, target: Target, found: PathAnalysis, span: Span, analyzed_at: str, elapsed_ms: int
) -> wire.AssayResult:
    assert found.score is not None and found.baseline is not None and found.window is not None
    return wire.AssayResult(
        window_start=assay_status.moment(span.start_ms),
        analyzed_at=analyzed_at,
        elapsed_millis=elapsed_ms,
        iopath=target.path.words,
        baseline_summary=assay_config.show_summary(found.baseline),
        window_summary=assay_config.show_summary(found.window),
        alert_threshold=target.alert,
        warning_threshold=target.warning,
        score=found.score.score,
        scores=found.score.scores,
        bin_index=found.score.bin_index,
        summarizer=assay_config.show_summarizer(definition.summarizer),
        status=assay_status.of(found.score.score, target.warning, target.alert),
    )
