"""Pipeline versions: the definitions a pipeline has had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.types import pipeline as wire

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client


class PipelineVersion:
    """One version of a pipeline, known by its UUID.

    Parameters
    ----------
    client
        Through whom the server is asked.
    pipeline
        The pipeline's name.
    version
        The UUID.
    """

    def __init__(self, client: Client, pipeline: str, version: str) -> None:
        self._client = client
        self._pipeline = pipeline
        self._version = version

    def name(self) -> str:
        """Return the version's UUID, by which the tutorials call it."""
        return self._version

    def version(self) -> str:
        """Return the version's UUID."""
        return self._version

    def pipeline_name(self) -> str:
        """Return the pipeline's name."""
        return self._pipeline

    def definition(self) -> wire.Definition:
        """Return the definition: ``{"id", "steps"}``, or ``{}`` for a version without steps."""
        request = wire.GetPipelineVersion(version=self._version)
        return self._client.api.call("pipelines/get_version", request, wire.GotPipelineVersion).definition

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PipelineVersion) and other.version() == self._version

    def __hash__(self) -> int:
        return hash(self._version)

    def __repr__(self) -> str:
        return f"PipelineVersion(pipeline={self._pipeline!r}, version={self._version!r})"


class PipelineVersions(display.Listing[PipelineVersion]):
    """The versions of a pipeline, newest first (S2-21)."""

    headings = ("name", "version")
    nothing = "(no pipeline versions)"

    def line(self, item: PipelineVersion) -> tuple[object, ...]:
        """Return the cells of one version."""
        return item.pipeline_name(), item.version()
