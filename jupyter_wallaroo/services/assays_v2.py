"""The second version of the assays' API."""

from __future__ import annotations

import asyncio
import uuid

import msgspec

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services import assay_config, assay_config_v2, assay_schedule, assay_status
from jupyter_wallaroo.services.analysis import AnalysisService
from jupyter_wallaroo.services.assays import AssayService
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store.assays import Asked
from jupyter_wallaroo.types import assay_v2 as wire
from jupyter_wallaroo.types.assay_definition import StoredAnalysis, StoredAssay
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.config import Nothing
from jupyter_wallaroo.types.drift import Span
from jupyter_wallaroo.types.listing import Page
from jupyter_wallaroo.types.names import instant, now
from jupyter_wallaroo.types.pipeline import Pipeline

_END_OF_TIME_MS = 2**53


class AssayV2Service:
    """Answers the routes of ``v2/api/assays``.

    Parameters
    ----------
    assays, analysis, workspaces
        Do the work.
    """

    def __init__(self, assays: AssayService, analysis: AnalysisService, workspaces: WorkspaceService) -> None:
        self._assays = assays
        self._analysis = analysis
        self._workspaces = workspaces

    async def schedule(self, caller: Caller, request: wire.ScheduleAssay) -> str:
        """Make an assay and return its UUID."""
        pipeline = await self._pipeline(request.targeting)
        definition = assay_config_v2.read_definition(request)
        return (await self._assays.create(caller, request.name, pipeline, definition, active=True)).uuid

    async def _pipeline(self, targeting: wire.Targeting) -> Pipeline:
        origin = targeting.data_origin
        return await self._assays.pipeline(origin.workspace_id, origin.pipeline_id, origin.pipeline_name)

    async def list_assays(self, caller: Caller, request: wire.ListAssaysV2) -> Page[wire.AssayV2]:
        """Return a page of assays, oldest first."""
        active = {wire.ActiveFilter.ACTIVE_ONLY: True, wire.ActiveFilter.INACTIVE_ONLY: False}.get(request.active)
        asked = Asked(
            workspace_id=request.workspace_id, pipeline_name=request.pipeline_name, active=active, after=request.after
        )
        return await self._assays.page(asked, request.limit, assay_config_v2.show_assay)

    async def get(self, caller: Caller, request: wire.GetAssayV2) -> wire.AssayV2:
        """Return one assay."""
        return assay_config_v2.show_assay(await self._assays.require_uuid(request.id))

    async def next_run(self, caller: Caller, request: wire.GetNextRun) -> wire.NextRun:
        """Return when an assay ran, and when it runs; an assay that is not active does not."""
        assay = await self._assays.require_uuid(request.assay_id)
        next_ms = assay.next_run_ms if assay.active else None
        return wire.NextRun(
            last_run=None if assay.last_run_ms is None else assay_status.moment(assay.last_run_ms),
            next_run=None if next_ms is None else assay_status.moment(next_ms),
        )

    async def set_active(self, caller: Caller, request: wire.SetAssayV2Active) -> Nothing:
        """Begin or end an assay's runs."""
        await self._assays.set_active(await self._assays.require_uuid(request.assay_id), active=request.active)
        return Nothing()

    async def results(self, caller: Caller, request: wire.GetAssayV2Results) -> msgspec.Raw:
        """Return what an assay found, as a JSON list of `AssayResultV2`."""
        assay = await self._assays.require_uuid(request.id)
        start_ms = 0 if request.start is None else assay_config.instant_ms("start", request.start)
        end_ms = _END_OF_TIME_MS if request.end is None else assay_config.instant_ms("end", request.end)
        found = await self._assays.results(assay, Span(start_ms, end_ms))
        return await asyncio.to_thread(_joined, assay, found)

    async def preview(self, caller: Caller, request: wire.PreviewAssay) -> msgspec.Raw:
        """Compare all windows of a time at once, keeping nothing; return a JSON list of `AssayResultV2`."""
        pipeline = await self._pipeline(request.targeting)
        workspace = await self._workspaces.require(request.targeting.data_origin.workspace_id)
        definition = assay_config_v2.read_definition(request)
        span = assay_config_v2.read_span("preview_start", request.preview_start, request.preview_end)
        first_ms = assay_schedule.next_run(definition.schedule, span.start_ms - 1)
        schedule = msgspec.structs.replace(
            definition.schedule, first_run_ms=span.end_ms + 1 if first_ms is None else first_ms, end_ms=span.end_ms
        )
        definition = msgspec.structs.replace(definition, schedule=schedule)
        found = await self._assays.interactive(pipeline, definition)
        nobody = StoredAssay(
            id=0,
            uuid=str(uuid.UUID(int=0)),
            name="",
            workspace_id=workspace.id,
            workspace_name=workspace.name,
            pipeline_id=pipeline.id,
            pipeline_name=pipeline.name,
            active=False,
            status="",
            definition=definition,
            kept=None,
            next_run_ms=None,
            last_run_ms=None,
            created_at="",
            updated_at="",
        )
        at = instant(now())
        windows = [
            StoredAnalysis(
                id=number,
                assay_id=0,
                span=window.span,
                status=assay_status.of_window(definition, window),
                analyzed_at=at,
                elapsed_ms=window.elapsed_ms,
                paths=window.paths,
            )
            for number, window in enumerate(found.windows)
        ]
        return await asyncio.to_thread(_joined, nobody, windows)

    async def preview_baseline_binning(
        self, caller: Caller, request: wire.PreviewBinning
    ) -> dict[str, wire.SeriesSummary]:
        """Return the summary of a baseline by itself, by the label of each path."""
        comparison = assay_config_v2.read_comparison(request.baseline, request.summarizer, request.targeting)
        if request.targeting is None and request.baseline.static is not None:
            raise InvalidRequest("'targeting': it says whose records are meant; it is missing.")
        pipeline_id = (await self._pipeline(request.targeting)).id if request.targeting is not None else 0
        found = await self._analysis.analyze(pipeline_id, comparison, [])
        summarizer = comparison.summarizer
        return {label: assay_config_v2.show_summary(label, item, summarizer) for label, item in found.baselines.items()}

    async def score(self, caller: Caller, request: wire.ScoreAssay) -> wire.Scores:
        """Return the scores of one window, by the label of each path."""
        pipeline = await self._pipeline(request.targeting)
        comparison = assay_config_v2.read_comparison(request.baseline, request.summarizer, request.targeting)
        if request.window.raw is not None:
            found = await self._analysis.analyze(pipeline.id, comparison, [], given=request.window.raw)
        elif request.window.stored is not None:
            span = assay_config_v2.read_span("window.Stored", *request.window.stored)
            found = await self._analysis.analyze(pipeline.id, comparison, [span])
        else:
            raise InvalidRequest("'window': expected 'Raw' with values, or 'Stored' with a start and an end.")
        if not found.windows:
            return {target.path.label: "The window has no records." for target in comparison.targets}
        return assay_config_v2.show_scores(found.windows[0].paths)


def _joined(assay: StoredAssay, found: list[StoredAnalysis]) -> msgspec.Raw:
    """Return results as one JSON list, coded one by one: a long list must not hold the interpreter."""
    parts = (msgspec.json.encode(_result(assay, item)) for item in found)
    return msgspec.Raw(b"[" + b",".join(parts) + b"]")


def _result(assay: StoredAssay, found: StoredAnalysis) -> wire.AssayResultV2:
    first = assay.definition.targets[0]
    return wire.AssayResultV2(
        id=found.id,
        assay_id=assay.uuid,
        pipeline_id=assay.pipeline_id,
        workspace_id=assay.workspace_id,
        workspace_name=assay.workspace_name,
        analyzed_at=found.analyzed_at,
        created_at=found.analyzed_at,
        updated_at=found.analyzed_at,
        elapsed_millis=found.elapsed_ms,
        window_start=assay_status.moment(found.span.start_ms),
        window_end=assay_status.moment(found.span.end_ms),
        status=found.status,
        scores=assay_config_v2.show_scores(found.paths),
        summaries=assay_config_v2.show_window_summaries(found.paths, assay.definition.summarizer),
        alert_threshold=first.alert,
        warning_threshold=first.warning,
    )
