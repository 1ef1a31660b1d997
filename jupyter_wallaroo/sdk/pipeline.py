"""Pipelines: steps put together, deployed, asked, and looked into."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_wallaroo import errors
from jupyter_wallaroo.sdk import display, steps
from jupyter_wallaroo.sdk.deployment import Deployment
from jupyter_wallaroo.sdk.draft import Draft
from jupyter_wallaroo.sdk.engine_config import Acceleration
from jupyter_wallaroo.sdk.noun import Noun
from jupyter_wallaroo.sdk.object import DeploymentError
from jupyter_wallaroo.sdk.pages import walk
from jupyter_wallaroo.sdk.panels import PipelinePanels
from jupyter_wallaroo.sdk.pipeline_history import Historic
from jupyter_wallaroo.sdk.pipeline_inference import Inferring
from jupyter_wallaroo.sdk.pipeline_version import PipelineVersion, PipelineVersions
from jupyter_wallaroo.sdk.steps import Step
from jupyter_wallaroo.types import pipeline as wire
from jupyter_wallaroo.types.deployment import DeploymentId, DeployPipeline
from jupyter_wallaroo.types.names import deploy_id_of

if TYPE_CHECKING:
    from typing import Self

    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.sdk.deployment_config import DeploymentConfig
    from jupyter_wallaroo.sdk.tag import Tag


class _Deployment(Deployment):
    """A deployment that knows whose it is."""

    def __init__(self, pipeline: Pipeline, deployment: Deployment) -> None:
        super().__init__(pipeline.client, deployment.id(), deployment.name())
        self._pipeline = pipeline

    def _url(self) -> str:
        return self._pipeline.internal_url()


class Pipeline(Draft, Inferring, Historic, PipelinePanels, Noun[wire.ListedPipeline]):
    """A pipeline of a workspace: what the server last said of it, and the draft of its next version."""

    @classmethod
    def fetch(cls, client: Client, name: str, workspace_id: int) -> Pipeline:
        """Return the pipeline of a workspace with a name."""
        return cls(client, _fetch(client, name, workspace_id))

    def refresh(self) -> Self:
        """Ask the server anew and return the pipeline itself; the draft stays."""
        self._facts = _fetch(self._client, self.name(), self.workspace_id())
        return self

    # ---------------------------------------------------------------- facts

    def id(self) -> int:
        """Return the pipeline's id."""
        return self._facts.pipeline.id

    def name(self) -> str:
        """Return the pipeline's name."""
        return self._facts.pipeline.name

    def create_time(self) -> datetime:
        """Return when it was made."""
        return display.moment(self._facts.pipeline.created_at)

    def last_update_time(self) -> datetime:
        """Return when its newest version was made; undeploying does not move it (S2-31)."""
        return display.moment(self.refresh()._facts.pipeline.updated_at)

    def workspace_id(self) -> int:
        """Return the id of its workspace."""
        return self._facts.workspace.id

    def workspace_name(self) -> str:
        """Return the name of its workspace."""
        return self._facts.workspace.name

    def tags(self) -> list[Tag]:
        """Return its tags, oldest first."""
        from jupyter_wallaroo.sdk.tag import Tag

        return [Tag(self._client, facts) for facts in self.refresh()._facts.tags]

    def _stored_steps(self) -> list[Step]:
        return self._facts.pipeline_version.definition.get("steps") or []

    def definition(self) -> wire.Definition:
        """Return the definition that `deploy` would make a version of."""
        return {**self._facts.pipeline_version.definition, "id": self.name(), "steps": self.steps()}

    def versions(self) -> PipelineVersions:
        """Return its versions, newest first (S2-21)."""
        found = self.refresh()._facts.pipeline_versions
        return PipelineVersions(PipelineVersion(self._client, self.name(), version) for version in found)

    def known_versions(self) -> list[str]:
        """Return the UUIDs of its versions, newest first, as last known."""
        return list(self._facts.pipeline_versions)

    def known_deployed_version(self) -> str | None:
        """Return the UUID of the version that is deployed, as last known; after a rollback not the newest."""
        return self._facts.deployed_version

    def deployment(self) -> Deployment | None:
        """Return its deployment, None when it is not deployed."""
        return self.refresh().known_deployment()

    def known_deployment(self) -> Deployment | None:
        """Return its deployment as last known, None when it was not deployed then."""
        found = self._facts.deployment
        return None if found is None else Deployment(self._client, found.id, found.name)

    @property
    def _deployment(self) -> _Deployment | None:
        """Its deployment under the name by which the vendor's tutorials reach for ``_deployment._url()``."""
        found = self.deployment()
        return None if found is None else _Deployment(self, found)

    def status(self) -> dict[str, Any]:
        """Return how its deployment is, as the server says it; ``{"status": "Pipeline is not deployed"}`` without."""
        deployment = self.deployment()
        return {"status": "Pipeline is not deployed"} if deployment is None else deployment.status()

    def url(self) -> str:
        """Return the address that takes its inferences over HTTP."""
        request = wire.GetPipeline(pipeline_name=self.name(), workspace_id=self.workspace_id())
        return self._client.api.call("admin/get_pipeline_external_url", request, wire.PipelineUrl).url

    def internal_url(self) -> str:
        """Return the address that takes its inferences from programs on the server's machine, without Jupyter between.

        It takes the tokens that `url` takes.
        """
        request = wire.GetPipeline(pipeline_name=self.name(), workspace_id=self.workspace_id())
        return self._client.api.call("admin/get_pipeline_internal_url", request, wire.PipelineUrl).url

    def _deployed(self) -> wire.PipelineState:
        found = self._facts.deployment or self.refresh()._facts.deployment
        if found is None:
            raise DeploymentError(
                f"Pipeline {self.name()!r} is not deployed: it cannot infer.", hint="Call pipeline.deploy() first."
            )
        return found

    # ---------------------------------------------------------------- life

    def create_version(self) -> PipelineVersion:
        """Make a version of the draft without deploying it, and return it."""
        return PipelineVersion(self._client, self.name(), self._store().pipeline_variant_version)

    def _store(self) -> wire.PipelineCreated:
        request = wire.CreatePipeline(
            pipeline_id=self.name(), workspace_id=self.workspace_id(), definition=self.definition()
        )
        return self._client.api.call("pipelines/create", request, wire.PipelineCreated)

    def deploy(
        self,
        pipeline_name: str | None = None,
        deployment_config: DeploymentConfig | None = None,
        wait_for_status: bool = True,  # noqa: FBT001, FBT002  the vendor's signature
    ) -> Self:
        """Make a version of the draft, have it run, wait until it does, and return the pipeline.

        Every deploy makes a version (S2-29). What ran before goes on until the new version is ready.

        Parameters
        ----------
        pipeline_name
            What the deployment is to be called in URLs; default: what it is called already, else the pipeline's name.
        deployment_config
            As `DeploymentConfigBuilder` builds it.
        wait_for_status
            Whether to wait.

        Raises
        ------
        DeploymentError
            It does not come up; says the server's reason.
        WaitForDeployError
            It was not running in time.
        """
        running = self.deployment()
        deploy_id = running.name().rpartition("-")[0] if running else deploy_id_of(self.name())
        if pipeline_name is not None:
            deploy_id = deploy_id_of(pipeline_name)
        replacing = running.engines() if running else frozenset()
        version = self._store()
        request = DeployPipeline(
            deploy_id=deploy_id,
            pipeline_version_pk_id=version.pipeline_variant_pk_id,
            engine_config=self._client.completed(deployment_config or {}),
        )
        # Left out, not null: it is how the server tells the newer form, in which the steps name the models (A7).
        body = {name: value for name, value in msgspec.to_builtins(request).items() if value is not None}
        number = self._client.api.call("pipelines/deploy", body, DeploymentId).id
        deployment = Deployment(self._client, number, f"{deploy_id}-{number}")
        if wait_for_status:
            deployment.wait_until_running(self.name(), version.pipeline_variant_version, replacing=replacing)
        return self.refresh()

    def undeploy(self) -> Self:
        """End its deployment, wait until it has ended, and return the pipeline; nothing else changes (S2-31)."""
        deployment = self.deployment()
        if deployment is not None:
            deployment.undeploy(self.name())
        return self.refresh()

    def scale(
        self,
        replicas: int,
        wait_for_status: bool = True,  # noqa: FBT001, FBT002  as deploy has it
    ) -> Self:
        """Have what runs go on in another number of replicas, wait until it does, and return the pipeline.

        No version is made, and everything else of its configuration stays, but for autoscaling: the number is meant to
        stay, until the pipeline is deployed with a configuration that scales.

        Raises
        ------
        DeploymentError
            It is not deployed, or does not come up with that many.
        InvalidRequest
            The server runs no such number.
        """
        self.refresh()
        running = self._deployed()
        engine = {**running.engine_config.get("engine", {}), "replicas": replicas}
        engine.pop("autoscale", None)
        config = {**running.engine_config, "engine": engine}
        body = {
            "deploy_id": running.name.rpartition("-")[0],
            "pipeline_version_pk_id": running.pipeline_version_id,
            "engine_config": config,
        }
        self._client.api.call("pipelines/deploy", body, DeploymentId)
        if wait_for_status:
            version = next(item.version for item in self.history() if item.is_deployed)
            Deployment(self._client, running.id, running.name).wait_until_running(self.name(), version)
        return self.refresh()

    # ---------------------------------------------------------------- display

    def summary(self) -> dict[str, Any]:
        """Return the facts by which a workspace shows it (S2-19)."""
        return {"name": self.name(), "create_time": self.create_time(), "definition": repr(self.steps())}

    def rows(self) -> list[tuple[str, object]]:
        """Return what tables show, as last known: the rows of 2026, in the seed's order (S2-23, A12)."""
        facts = self._facts
        engine = facts.deployment.engine_config.get("engine", {}) if facts.deployment else {}
        return [
            ("name", self.name()),
            ("created", self.create_time()),
            ("last_updated", display.moment(facts.pipeline.updated_at)),
            ("deployed", facts.deployment is not None),
            ("workspace_id", self.workspace_id()),
            ("workspace_name", self.workspace_name()),
            ("arch", engine.get("arch", self._client.default_arch)),
            ("accel", engine.get("accel", Acceleration.NONE)),
            ("tags", ", ".join(item.tag for item in facts.tags)),
            ("versions", ", ".join(facts.pipeline_versions)),
            ("steps", ", ".join(steps.model_names(self.steps()))),
            ("published", False),
        ]

    def pretty_rows(self) -> list[tuple[str, object]]:
        """Return `rows`, from the server."""
        return self.refresh().rows()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pipeline) and other.id() == self.id()

    def __hash__(self) -> int:
        return hash(self.id())

    def __repr__(self) -> str:
        return repr(self.summary())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001  IPython's signature
        display.pretty(printer, self.pretty_rows(), repr(self))

    def _repr_html_(self) -> str:
        return display.facts(self.pretty_rows())


class Pipelines(display.Listing[Pipeline]):
    """Pipelines, oldest first."""

    headings = (
        "name",
        "created",
        "last_updated",
        "deployed",
        "workspace_id",
        "workspace_name",
        "arch",
        "accel",
        "tags",
        "versions",
        "steps",
        "published",
    )
    nothing = "(no pipelines)"

    def line(self, item: Pipeline) -> tuple[object, ...]:
        """Return the cells of one pipeline."""
        return tuple(value for _, value in item.rows())


def build(client: Client, name: str, workspace_id: int) -> Pipeline:
    """Make a pipeline, or a further version of the one with this name, without steps, and return it."""
    request = wire.CreatePipeline(pipeline_id=name, workspace_id=workspace_id, definition={})
    client.api.call("pipelines/create", request, wire.PipelineCreated)
    return Pipeline.fetch(client, name, workspace_id)


def fetch_all(client: Client, *, workspace_id: int | None, name: str | None = None) -> Pipelines:
    """Return the pipelines of a workspace, or all; with ``name``, those called so, in any case."""

    def page(size: int, after: int | None) -> tuple[list[wire.ListedPipeline], int | None]:
        request = wire.ListPipelines(workspace_id=workspace_id, name=name, after=after, limit=size)
        found = client.api.call("pipelines/list_pipelines", request, wire.PipelineList)
        return found.pipelines, found.next

    return Pipelines(Pipeline(client, facts) for facts in walk(page))


def with_version(pipeline: Pipeline, version: str | None) -> Pipeline:
    """Return a pipeline whose draft is the version with a UUID; None: as it is.

    Raises
    ------
    EntityNotFoundError
        It has no such version; names those there are.
    """
    if version is None:
        return pipeline
    versions = pipeline.versions()
    for found in versions:
        if found.version() == version:
            pipeline._draft = found.definition().get("steps") or []
            return pipeline
    raise errors.not_found(f"Version of pipeline {pipeline.name()!r}", version, [item.version() for item in versions])


def _fetch(client: Client, name: str, workspace_id: int) -> wire.ListedPipeline:
    request = wire.GetPipeline(pipeline_name=name, workspace_id=workspace_id)
    return client.api.call("pipelines/get_pipeline_by_name", request, wire.ListedPipeline)
