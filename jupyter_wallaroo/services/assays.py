"""Assays: made, found, set active; what both versions of the API are a spelling of."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import TypeVar

import msgspec

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import Conflict, InvalidRequest
from jupyter_wallaroo.services import assay_schedule
from jupyter_wallaroo.services.analysis import AnalysisService
from jupyter_wallaroo.services.assay_runner import SETTLE_MS
from jupyter_wallaroo.services.clock import Clock
from jupyter_wallaroo.services.pages import cut, page_limit
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store import assays, pipelines
from jupyter_wallaroo.store.assays import Asked, NewAssay
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.assay_definition import Definition, StoredAnalysis, StoredAssay
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.drift import Analyses, Baseline, SlidingBaseline, Span, SpanBaseline, SummaryBaseline
from jupyter_wallaroo.types.event import AssayAction, AssayChanged, Notify
from jupyter_wallaroo.types.listing import Page
from jupyter_wallaroo.types.names import check_name
from jupyter_wallaroo.types.pipeline import Pipeline

Shown = TypeVar("Shown")

MAX_INTERACTIVE = 5_000
MAX_RESULTS = 50_000


class AssayService:
    """Keeps assays.

    Parameters
    ----------
    store
        Where they are kept.
    workspaces, analysis
        Find what an assay belongs to; compare.
    clock
        Says what time it is.
    wake
        Called when what is due has changed.
    notify
        Told of every change.
    """

    def __init__(
        self,
        *,
        store: Store,
        workspaces: WorkspaceService,
        analysis: AnalysisService,
        clock: Clock,
        wake: Callable[[], None],
        notify: Notify,
    ) -> None:
        self._store = store
        self._workspaces = workspaces
        self._analysis = analysis
        self._clock = clock
        self._wake = wake
        self._notify = notify

    def now_ms(self) -> int:
        """Return the present instant."""
        return self._clock.now_ms()

    async def create(
        self, caller: Caller, name: str, pipeline: Pipeline, definition: Definition, *, active: bool
    ) -> StoredAssay:
        """Make an assay, which runs at once where windows are over already.

        Raises
        ------
        Conflict
            The name is taken.
        InvalidRequest, NotFound
            Its baseline is over and has no records, or a path leads nowhere in it; the schedule cannot be kept.
        """
        name = check_name("assay", name)
        now_ms = self._clock.now_ms()
        assay_schedule.check(definition.schedule, now_ms)
        new = NewAssay(
            uuid=str(uuid.uuid4()),
            name=name,
            pipeline_id=pipeline.id,
            active=active,
            definition=definition,
            kept=await self._kept(pipeline, definition, now_ms),
            next_run_ms=assay_schedule.next_run(definition.schedule, None),
            created_by=caller.user.id,
        )
        key = await self._store.write(assays.insert, new)
        if key is None:
            raise Conflict(f"An assay named {name!r} exists already.", hint="Choose another name.")
        self._wake()
        made = await self.require(key)
        self._notify(AssayChanged.of(made, AssayAction.CREATED))
        return made

    async def _kept(self, pipeline: Pipeline, definition: Definition, now_ms: int) -> Baseline | None:
        """Return the summary of a baseline that is complete, which also says whether it can be one."""
        baseline = definition.baseline
        if isinstance(baseline, SlidingBaseline):
            return None
        if isinstance(baseline, SpanBaseline) and baseline.span.end_ms > now_ms - SETTLE_MS:
            return None
        found = await self._analysis.analyze(pipeline.id, definition, [])
        return SummaryBaseline(found.baselines)

    async def require(self, assay_id: int) -> StoredAssay:
        """Return an assay by its number, or raise `NotFound`."""
        found = await self._store.read(assays.get, assay_id)
        if found is None:
            raise errors.not_found("Assay", assay_id, await self._store.read(assays.names))
        return found

    async def require_uuid(self, text: str) -> StoredAssay:
        """Return an assay by its UUID, or raise `NotFound`."""
        found = await self._store.read(assays.by_uuid, text.lower())
        if found is None:
            raise errors.not_found("Assay", text)
        return found

    async def every(self, asked: Asked) -> list[StoredAssay]:
        """Return assays, oldest first."""
        return await self._store.read(assays.every, asked)

    async def page(self, asked: Asked, limit: int | None, show: Callable[[StoredAssay], Shown]) -> Page[Shown]:
        """Return a page of assays as ``show`` shows each, oldest first; ``limit`` is what the request says.

        Raises
        ------
        InvalidRequest
            A limit that cannot be.
        """
        most = page_limit(limit)
        read = await self.every(msgspec.structs.replace(asked, limit=most + 1))
        found, following = cut(read, most, lambda assay: assay.id)
        return Page(entries=await asyncio.to_thread(lambda: [show(assay) for assay in found]), next=following)

    async def set_active(self, assay: StoredAssay, *, active: bool) -> None:
        """Begin or end an assay's runs; windows that end while it is not active are never analysed."""
        if active == assay.active:
            return
        schedule = assay.definition.schedule
        next_run_ms = assay_schedule.next_run(schedule, self._clock.now_ms()) if active else assay.next_run_ms
        await self._store.write(assays.set_active, assay.id, active=active, next_run_ms=next_run_ms)
        self._notify(AssayChanged.of(assay, AssayAction.ACTIVATED if active else AssayAction.DEACTIVATED))
        self._wake()

    async def results(self, assay: StoredAssay, span: Span) -> list[StoredAnalysis]:
        """Return what an assay found in the windows that begin in a stretch of time.

        Raises
        ------
        InvalidRequest
            These are more than are given at once.
        """
        count = await self._store.read(assays.count_analyses, assay.id, span)
        if count > MAX_RESULTS:
            raise InvalidRequest(
                f"Assay {assay.name!r} has {count} results in that time; at most {MAX_RESULTS} are given at once.",
                hint="Ask for a shorter time.",
            )
        return await self._store.read(assays.analyses, assay.id, span)

    async def interactive(self, pipeline: Pipeline, definition: Definition) -> Analyses:
        """Compare all windows until the schedule's end (default: now) at once, keeping nothing.

        Raises
        ------
        InvalidRequest
            There are too many windows.
        """
        schedule = definition.schedule
        now_ms = self._clock.now_ms()
        assay_schedule.check(schedule, now_ms)
        until_ms = now_ms if schedule.end_ms is None else schedule.end_ms
        windows = []
        for run_ms in assay_schedule.runs(schedule, assay_schedule.next_run(schedule, None), until_ms):
            windows.append(assay_schedule.window(schedule, run_ms))
            if len(windows) > MAX_INTERACTIVE:
                raise InvalidRequest(
                    f"There are more than {MAX_INTERACTIVE} windows, the most that are analysed at once.",
                    hint="Choose a longer interval, a later start or an earlier end.",
                )
        return await self._analysis.analyze(pipeline.id, definition, windows)

    async def pipeline(self, workspace_id: int | None, pipeline_id: int | None, name: str | None) -> Pipeline:
        """Return the pipeline that is meant by its id or, in a workspace, by its name.

        Raises
        ------
        NotFound, InvalidRequest
            There is none, or the id and the name are of different ones.
        """
        if pipeline_id is not None:
            found = await self._store.read(pipelines.get, pipeline_id)
            if found is None:
                raise errors.not_found("Pipeline", pipeline_id)
            if name is not None and name.casefold() != found.name.casefold():
                raise InvalidRequest(f"The pipeline with the id {pipeline_id} is {found.name!r}; got {name[:100]!r}.")
            return found
        workspace = await self._workspaces.require(workspace_id or 0)
        named = await self._store.read(pipelines.by_name, workspace.id, name or "")
        if named is None:
            known = await self._store.read(pipelines.names, workspace.id)
            raise errors.not_found("Pipeline", name, known.values())
        return named
