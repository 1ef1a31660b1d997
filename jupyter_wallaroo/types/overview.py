"""Pipelines at a glance: what a list on a screen shows of each, without its definition."""

from __future__ import annotations

from msgspec import Struct

from jupyter_wallaroo.types.listing import ListNamed


class GetOverview(ListNamed, frozen=True, kw_only=True):
    """``pipelines/overview``."""


class PipelineAtAGlance(Struct, frozen=True, kw_only=True):
    """One pipeline and how it runs; the fields of a running one are those of the event of its deployment.

    ``version`` is the UUID of the newest version, ``pipeline_version`` of the one that answers (None when nothing is
    deployed, as ``deployment``, the name in URLs). ``status`` is Running, Starting, Error or Undeployed, ``reason``
    what went wrong last.
    """

    pipeline_id: int
    pipeline: str
    workspace_id: int
    version: str
    status: str
    deployment_id: int | None = None
    deployment: str | None = None
    pipeline_version: str | None = None
    replicas_running: int = 0
    replicas_wanted: int = 0
    reason: str | None = None


class Overview(Struct, frozen=True, kw_only=True):
    """``pipelines/overview``'s answer, oldest first; ``next`` is null behind the last page."""

    pipelines: list[PipelineAtAGlance]
    next: int | None = None


class ListPipelineVersions(Struct, frozen=True, kw_only=True):
    """``pipelines/list_versions``: of a pipeline by id."""

    pipeline_id: int


class PipelineVersionEntry(Struct, frozen=True, kw_only=True):
    """A version as lists show it: ``author`` is a user name, ``models`` the names of the models in its steps.

    ``was_deployed`` tells whether it ever was to run, so that there is a way back to it; ``is_deployed`` whether it is
    what is to run now.
    """

    id: int
    version: str
    created_at: str
    author: str
    models: list[str]
    was_deployed: bool
    is_deployed: bool


class PipelineVersionList(Struct, frozen=True, kw_only=True):
    """``pipelines/list_versions``'s answer, newest first."""

    versions: list[PipelineVersionEntry]
