"""Inference logs: the records of a pipeline by page."""

from __future__ import annotations

from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.errors import MAX_SHOWN, InvalidRequest, NotFound
from jupyter_wallaroo.services.pipelines import PipelineService
from jupyter_wallaroo.services.task_scope import require_workspace
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store.data_directory import DataDirectory
from jupyter_wallaroo.supervisor.supervisor import Supervisor
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.inference_log import (
    GetLogs,
    GetPipelineTopicName,
    GetTopicName,
    Iterator,
    LogPage,
    LogQuery,
    Span,
    TopicName,
    TopicPartitions,
    TopicRecords,
)
from jupyter_wallaroo.types.names import moment
from jupyter_wallaroo.types.pipeline import Pipeline
from jupyter_wallaroo.types.topic import Topic

DEFAULT_PAGE_SIZE = 1000
MAX_PAGE_SIZE = 10_000
MAX_TOPIC_PAGE_SIZE = 100_000
"""The vendor's client takes a page that ended before its limit for the end: what it asks for fits, or bytes end it."""

PARTITION = "log"
CURSOR = "cursor"


class InferenceLogService:
    """Reads logs; the archivist process does the work.

    Parameters
    ----------
    directory
        Where the logs lie.
    workspaces, pipelines
        Find what a log belongs to.
    supervisor
        Runs the process that reads them.
    """

    def __init__(
        self,
        directory: DataDirectory,
        workspaces: WorkspaceService,
        pipelines: PipelineService,
        supervisor: Supervisor,
    ) -> None:
        self._directory = directory
        self._workspaces = workspaces
        self._pipelines = pipelines
        self._supervisor = supervisor
        self._archivist = supervisor.archivist

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
            directory=self._log(pipeline),
            descending=_is_descending(request.order),
            page_size=DEFAULT_PAGE_SIZE if request.page_size is None else _page_size(request.page_size, MAX_PAGE_SIZE),
            arrow=arrow,
            start_ms=_milliseconds("start_time", request.start_time),
            end_ms=_milliseconds("end_time", request.end_time),
            cursor=request.cursor,
            valid=request.valid,
        )
        return await self._archivist.page(query)

    async def topic_name(self, caller: Caller, request: GetTopicName | GetPipelineTopicName) -> TopicName:
        """Return the topic of a pipeline.

        Raises
        ------
        NotFound
            The workspace or pipeline does not exist.
        InvalidRequest
            Neither an id nor a name is given.
        """
        if isinstance(request, GetTopicName) and request.pipeline_pk_id is not None:
            pipeline, workspace_id = await self._pipelines.require(request.pipeline_pk_id)
        elif request.pipeline_name is not None:
            workspace_id = (await self._workspaces.required_or_default(caller, request.workspace_id)).id
            pipeline = await self._pipelines.named(workspace_id, request.pipeline_name)
        else:
            raise InvalidRequest("Expected 'pipeline_pk_id' or 'pipeline_name'; got neither.")
        return TopicName(topic_name=str(Topic(workspace_id=workspace_id, pipeline_name=pipeline.name)))

    async def partitions(self, caller: Caller, topic_name: str) -> TopicPartitions:
        """Return what a topic holds: one partition, with positions that count all records of the log.

        Raises
        ------
        NotFound
            There is no such topic.
        """
        _, pipeline = await self._of_topic(caller, topic_name)
        return TopicPartitions(
            partitions={PARTITION: Span(start=0, end=await self._archivist.rows(self._log(pipeline)))}
        )

    async def topic_page(self, caller: Caller, topic_name: str, request: TopicRecords, iterator: Iterator) -> Buffer:
        """Return a page of a topic's records as an Arrow file, whose schema says how it ended.

        Raises
        ------
        NotFound
            There is no such topic.
        InvalidRequest
            An order, page size, time or iterator that cannot be.
        """
        topic, pipeline = await self._of_topic(caller, topic_name)
        cursor, skip = _begin(iterator)
        is_descending = _is_descending(request.order)
        if skip and is_descending:
            raise InvalidRequest("Records from a position on come oldest first: expected 'order' asc; got desc.")
        size = MAX_TOPIC_PAGE_SIZE if request.page_size is None else request.page_size
        query = LogQuery(
            directory=self._log(pipeline),
            descending=is_descending,
            page_size=_page_size(size, MAX_TOPIC_PAGE_SIZE),
            arrow=True,
            start_ms=_milliseconds("time.start", request.start_time),
            end_ms=_milliseconds("time.end", request.end_time),
            cursor=cursor,
            valid=False if topic.has_failures_only else None,
            skip=skip,
            dataset=tuple(request.dataset),
            exclude=tuple(request.exclude),
            separator=request.separator,
        )
        _, body = await self._archivist.page(query)
        return body

    def sizes(self) -> dict[int, int]:
        """Return what each pipeline's log takes on disk, in bytes by the pipeline's id, as last looked at."""
        found = {DataDirectory.pipeline_of_log(name): size for name, size in self._supervisor.log_bytes.items()}
        return {pipeline_id: size for pipeline_id, size in found.items() if pipeline_id is not None}

    async def _of_topic(self, caller: Caller, name: str) -> tuple[Topic, Pipeline]:
        topic = Topic.parse(name)
        if topic is None:
            raise NotFound(
                f"Topic {name[:MAX_SHOWN]!r} does not exist.", hint="plateau/get_topic_name gives a pipeline's topic."
            )
        if caller.only_workspace_id is not None:
            require_workspace(topic.workspace_id, caller.only_workspace_id)
        workspace = await self._workspaces.require(topic.workspace_id)
        return topic, await self._pipelines.named(workspace.id, topic.pipeline_name)

    def _log(self, pipeline: Pipeline) -> str:
        return str(self._directory.pipeline_log(pipeline.id))


def _begin(iterator: Iterator) -> tuple[str | None, int]:
    """Return the cursor, and how many of the oldest records to pass over, that an iterator stands for."""
    if not iterator:
        return None, 0
    cursor, position = iterator.get(CURSOR), iterator.get(PARTITION)
    if isinstance(cursor, str):
        return cursor, 0
    if isinstance(position, int) and not isinstance(position, bool) and 0 <= position < 2**63:
        return None, position
    raise InvalidRequest(
        f"The body is no iterator of this topic: it has {sorted(iterator)!r:.60}.",
        hint=f'Send {{}}, the "next" of the page before, or {{"{PARTITION}": position}}.',
    )


def _is_descending(order: str) -> bool:
    if order.lower() not in ("asc", "desc"):
        raise InvalidRequest(f"'order': expected 'asc' or 'desc'; got {order!r:.40}.")
    return order.lower() == "desc"


def _page_size(size: int, most: int) -> int:
    if not 1 <= size <= most:
        raise InvalidRequest(f"'page_size': expected 1 to {most} records; got {size}.")
    return size


def _milliseconds(field: str, text: str | None) -> int | None:
    return None if text is None else int(moment(field, text).timestamp() * 1000)
