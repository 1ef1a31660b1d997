"""What a pipeline was: how its versions differ, and back to an earlier one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from html import escape
from typing import TYPE_CHECKING

from jupyter_wallaroo.sdk import audit, display
from jupyter_wallaroo.sdk.deployment import Deployment
from jupyter_wallaroo.sdk.pipeline_version import PipelineVersion, PipelineVersions
from jupyter_wallaroo.types.deployment import RollBackPipeline, RolledBack
from jupyter_wallaroo.types.difference import ComparePipelineVersions, Difference, VersionDifferences
from jupyter_wallaroo.types.overview import ListPipelineVersions, PipelineVersionEntry, PipelineVersionList
from jupyter_wallaroo.types.traffic import GetTraffic, Traffic

if TYPE_CHECKING:
    from typing import Self

    from jupyter_wallaroo.sdk.audit import AuditRecords
    from jupyter_wallaroo.sdk.client import Client


class PipelineDiff:
    """What differs between two versions; prints as lines, ``+`` added, ``~`` changed, ``-`` removed.

    Parameters
    ----------
    facts
        What the server said.
    """

    def __init__(self, facts: VersionDifferences) -> None:
        self._facts = facts

    def differences(self) -> list[Difference]:
        """Return the differences: steps and models, configuration if both versions ever ran, author."""
        return list(self._facts.differences)

    def __bool__(self) -> bool:
        return bool(self._facts.differences)

    def __str__(self) -> str:
        return display.visible_lines(self._facts.text)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


class Historic(ABC):
    """A pipeline as it was."""

    _client: Client

    @abstractmethod
    def id(self) -> int:
        """Return the pipeline's id."""

    @abstractmethod
    def name(self) -> str:
        """Return the pipeline's name."""

    @abstractmethod
    def workspace_id(self) -> int:
        """Return the id of its workspace."""

    @abstractmethod
    def versions(self) -> PipelineVersions:
        """Return its versions, newest first."""

    @abstractmethod
    def refresh(self) -> Self:
        """Ask the server anew and return the pipeline itself."""

    def history(self) -> list[PipelineVersionEntry]:
        """Return its versions, newest first: of when and whom each is, its models, and whether it ran, or runs now."""
        request = ListPipelineVersions(pipeline_id=self.id())
        return self._client.api.call("pipelines/list_versions", request, PipelineVersionList).versions

    def traffic(self) -> Traffic:
        """Return what went through it in the last minutes: requests, failures, anomalies, and how long they took."""
        return self._client.api.call("pipelines/get_traffic", GetTraffic(pipeline_id=self.id()), Traffic)

    def diff(self, a: PipelineVersion | str, b: PipelineVersion | str | None = None) -> PipelineDiff:
        """Return what differs between version ``a`` and version ``b`` (default: the newest one), each perhaps by UUID.

        Raises
        ------
        EntityNotFoundError
            There is no such version.
        """
        newest = self.versions()[0] if b is None else b
        request = ComparePipelineVersions(from_version=_uuid(a), to_version=_uuid(newest))
        return PipelineDiff(self._client.api.call("pipelines/diff", request, VersionDifferences))

    def rollback(
        self,
        to: PipelineVersion | str | None = None,
        wait_for_status: bool = True,  # noqa: FBT001, FBT002  as deploy has it
    ) -> Self:
        """Have an earlier version run again, wait until it does, and return the pipeline.

        No version is made, the URL stays, and what runs goes on until the other is ready. The models run as they were
        configured then; replicas and other resources stay as they are.

        Parameters
        ----------
        to
            A version that ran; default: the one that was deployed before the present one.
        wait_for_status
            Whether to wait.

        Raises
        ------
        Conflict
            It is not deployed, or never ran another version.
        DeploymentError
            The version does not come up; the present one goes on.
        """
        request = RollBackPipeline(pipeline_id=self.id(), to=None if to is None else _uuid(to))
        done = self._client.api.call("pipelines/rollback", request, RolledBack)
        if wait_for_status:
            deployment = Deployment(self._client, done.deployment_id, done.deployment)
            deployment.wait_until_running(self.name(), done.to_version, replacing=frozenset(done.replacing))
        return self.refresh()

    def audit(self, limit: int = 100) -> AuditRecords:
        """Return who changed it, newest first."""
        return audit.fetch(
            self._client, pipeline=self.name(), workspace_id=self.workspace_id(), limit=limit, before_id=None
        )


def _uuid(version: PipelineVersion | str) -> str:
    return version.version() if isinstance(version, PipelineVersion) else version
