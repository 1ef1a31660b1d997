"""Inference logs: the records of a pipeline by page."""

from __future__ import annotations

from datetime import UTC, datetime

from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services.pipelines import PipelineService
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store.data_directory import DataDirectory
from jupyter_wallaroo.supervisor.archivist import ArchivistProcess
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.inference_log import GetLogs, LogPage, LogQuery

DEFAULT_PAGE_SIZE = 1000
MAX_PAGE_SIZE = 10_000


class InferenceLogService:
    """Reads logs; the archivist process does the work.

    Parameters
    ----------
    directory
        Where the logs lie.
    workspaces, pipelines
        Find what a log belongs to.
    archivist
        Reads them.
    """

    def __init__(
        self,
        directory: DataDirectory,
        workspaces: WorkspaceService,
        pipelines: PipelineService,
        archivist: ArchivistProcess,
    ) -> None:
        self._directory = directory
        self._workspaces = workspaces
        self._pipelines = pipelines
        self._archivist = archivist

    async def page(self, caller: Caller, request: GetLogs, *, arrow: bool) -> tuple[LogPage, Buffer]:
        """Return a page of a pipeline's records, as JSON or as an Arrow file.

        Raises
        ------
        NotFound
            The workspace or pipeline does not exist.
        InvalidRequest
            An order, page size, time or cursor that cannot be.
        """
        workspace = await self._workspaces.require(request.workspace_id)
        pipeline = await self._pipelines.named(workspace.id, request.pipeline_name)
        query = LogQuery(
            directory=str(self._directory.pipeline_log(pipeline.id)),
            descending=_is_descending(request.order),
            page_size=_page_size(request.page_size),
            arrow=arrow,
            start_ms=_milliseconds("start_time", request.start_time),
            end_ms=_milliseconds("end_time", request.end_time),
            cursor=request.cursor,
        )
        return await self._archivist.page(query)


def _is_descending(order: str) -> bool:
    if order.lower() not in ("asc", "desc"):
        raise InvalidRequest(f"'order': expected 'asc' or 'desc'; got {order!r:.40}.")
    return order.lower() == "desc"


def _page_size(size: int | None) -> int:
    if size is None:
        return DEFAULT_PAGE_SIZE
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise InvalidRequest(f"'page_size': expected 1 to {MAX_PAGE_SIZE} records; got {size}.")
    return size


def _milliseconds(field: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(
            f"{field!r}: expected an ISO 8601 instant such as 2026-11-21T10:00:00+00:00; got {text!r:.40}."
        ) from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)
