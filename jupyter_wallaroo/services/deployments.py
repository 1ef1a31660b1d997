"""Deployments: what is to run, how it runs, where it answers."""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import quote

from msgspec import Struct

from jupyter_wallaroo.errors import MAX_SHOWN, InvalidRequest, NotFound, WallarooError
from jupyter_wallaroo.services import definitions, resources
from jupyter_wallaroo.services.deployable import Deployable
from jupyter_wallaroo.services.pipeline_news import PipelineNews
from jupyter_wallaroo.services.specs import Specs
from jupyter_wallaroo.store import changes, deployments, pipelines
from jupyter_wallaroo.store.audit import Author
from jupyter_wallaroo.store.changes import PipelineChange, Wanted
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.supervisor import status
from jupyter_wallaroo.supervisor.spec import DeploymentSpec, Resources
from jupyter_wallaroo.supervisor.supervisor import Supervisor
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.config import Nothing
from jupyter_wallaroo.types.deployment import (
    DeploymentId,
    DeploymentStatus,
    DeployPipeline,
    EngineConfig,
    GetDeployment,
    UndeployPipeline,
)
from jupyter_wallaroo.types.loopback import loopback_id
from jupyter_wallaroo.types.names import MAX_DIGITS, check_deploy_id
from jupyter_wallaroo.types.pipeline import (
    Definition,
    DirectAccess,
    GetDirectAccess,
    GetPipeline,
    PipelineState,
    PipelineUrl,
    PipelineVersion,
)

_log = logging.getLogger(__name__)


class Committed(Struct, frozen=True, kw_only=True):
    """What has become of a change; ``replacing`` names the engines that go on until the new ones are ready."""

    version: PipelineVersion | None
    deployment: deployments.Deployment | None
    replacing: list[str]


class DeploymentService:
    """Decides what runs; the supervisor runs it.

    Parameters
    ----------
    store
        Where rows are kept.
    deployable, specs
        Find what a deployment is to run, and put it together.
    supervisor
        Runs what is wanted.
    news
        Told of every version that is added.
    defaults
        What a deployment gets that asks for nothing.
    internal_url
        The server's own address on this machine, which ``/v1/api`` follows.
    """

    def __init__(
        self,
        *,
        store: Store,
        deployable: Deployable,
        specs: Specs,
        supervisor: Supervisor,
        news: PipelineNews,
        defaults: Resources,
        internal_url: str,
    ) -> None:
        self._store = store
        self._deployable = deployable
        self._specs = specs
        self._supervisor = supervisor
        self._news = news
        self._defaults = defaults
        self._internal_url = internal_url
        self._changing = asyncio.Lock()  # what is wanted and what runs change together, one change at a time
        self._asked: dict[int, Author] = {}  # by whom each deployment is as it is
        self._noting: set[asyncio.Task[None]] = set()
        supervisor.on_refused = self._refused

    async def close(self) -> None:
        """Finish what is being written down."""
        await asyncio.gather(*self._noting)

    def _refused(self, refused: DeploymentSpec, running: DeploymentSpec) -> None:
        """Want what goes on running, now that something else did not come up: a restart must not bring that back."""
        author = Author(user_id=self._asked[refused.id].user_id, via="engines")
        task = asyncio.get_running_loop().create_task(self._note_refusal(author, refused, running))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _note_refusal(self, author: Author, refused: DeploymentSpec, running: DeploymentSpec) -> None:
        try:
            await self._store.write(changes.refuse, author, refused.id, refused.release_id, running.release_id)
        except WallarooError as error:
            _log.warning("wallaroo: that %s goes on as it was could not be written down: %s", refused.name, error)

    async def restore(self) -> list[DeploymentSpec]:
        """Return everything that was wanted when the server last ended."""
        specs = []
        for stored in await self._store.read(deployments.wanted):
            try:
                specs.append(await self._specs.of(stored))
            except InvalidRequest as error:  # an earlier release took what this one refuses
                _log.error("wallaroo: %s is not brought back: %s", stored.name, error.message)
        return specs

    async def deploy(self, caller: Caller, request: DeployPipeline) -> DeploymentId:
        """Have a pipeline version run; returns before it does (S1-23).

        Raises
        ------
        NotFound
            The pipeline, its version or a model does not exist.
        InvalidRequest
            The ids do not belong together, a model of the steps is not named (S1-20), or the configuration is wrong.
        """
        pipeline, version = await self._deployable.version(request)
        workspace_id = await self._store.read(pipelines.workspace_id_of, pipeline.id)
        config = self.check(request.deploy_id, request.engine_config, version.definition, pipeline.name)
        chosen = await self._deployable.configurations(request, pipeline, version, workspace_id)
        wanted = Wanted(
            deploy_id=request.deploy_id,
            pipeline_version_id=version.id,
            engine_config=config,
            model_config_ids=[item.id for item in chosen],
        )
        change = PipelineChange(workspace_id=workspace_id, name=pipeline.name, wanted=wanted)
        (done,) = await self.commit(Author(user_id=caller.user.id, via="pipelines/deploy"), [change])
        assert done.deployment is not None, "it was wanted"
        return DeploymentId(id=done.deployment.id)

    async def commit(self, author: Author, wanted: list[PipelineChange]) -> list[Committed]:
        """Make changes that were checked, all or none, and have the supervisor run what is wanted then.

        Raises
        ------
        Stale
            A pipeline is not what its change was prepared from; nothing was changed.
        """
        async with self._changing:
            changed = await self._store.write(changes.commit, author, wanted)
            specs = {item.deployed.id: await self._specs.of(item.deployed) for item in changed if item.deployed}
            done = []
            for change, item in zip(wanted, changed, strict=True):
                for deployment_id in item.undeployed:
                    self._supervisor.remove(deployment_id)
                if item.deployed is not None:
                    self._asked[item.deployed.id] = author
                replacing = self._supervisor.apply(specs[item.deployed.id]) if item.deployed else []
                if item.version is not None:
                    await self._news.tell(item.version)
                if item.removed is not None:
                    self._news.tell_removed(item.removed, change.workspace_id)
                done.append(Committed(version=item.version, deployment=item.deployed, replacing=replacing))
        return done

    def check(
        self, deploy_id: str, engine_config: EngineConfig | str | None, definition: Definition, pipeline: str
    ) -> EngineConfig:
        """Refuse a deployment that cannot be, before anything is written; return its configuration."""
        check_deploy_id(deploy_id)
        definitions.check_runnable(definition, pipeline)
        config = resources.engine_config(engine_config)
        resources.resources(config, self._defaults)
        resources.check_sidekicks(config, self._defaults)
        return config

    async def undeploy(self, caller: Caller, request: UndeployPipeline) -> Nothing:
        """End a deployment; requests under way still finish (S1-45 … S1-48).

        Raises
        ------
        NotFound
            Nothing is deployed under the ids.
        InvalidRequest
            Neither id is given, or they do not belong together.
        """
        if request.deployment_id is not None:
            stored = await self._store.read(deployments.get, request.deployment_id)
            if stored is None:
                raise NotFound(f"Deployment {request.deployment_id} does not exist.")
            if request.pipeline_id is not None and request.pipeline_id != stored.pipeline_id:
                raise InvalidRequest(
                    f"Deployment {stored.id} belongs to pipeline {stored.pipeline_id}; "
                    f"'pipeline_id' is {request.pipeline_id}."
                )
            ending = [stored]
        elif request.pipeline_id is not None:
            ending = await self._store.read(deployments.of_pipeline, request.pipeline_id)
            if not ending:
                raise NotFound(f"Pipeline {request.pipeline_id} is not deployed.")
        else:
            raise InvalidRequest("Expected 'deployment_id' or 'pipeline_id'; got neither.")
        pipeline = await self._store.read(pipelines.get, ending[0].pipeline_id)
        if pipeline is not None:  # else it was removed, and its deployments with it
            workspace_id = await self._store.read(pipelines.workspace_id_of, pipeline.id)
            change = PipelineChange(
                workspace_id=workspace_id, name=pipeline.name, unwanted=[item.id for item in ending]
            )
            await self.commit(Author(user_id=caller.user.id, via="pipelines/undeploy"), [change])
        return Nothing()

    async def status(self, caller: Caller, request: GetDeployment) -> DeploymentStatus:
        """Return how a deployment is, computed from its processes.

        Raises
        ------
        NotFound
            The name is unknown or undeployed (S1-34).
        """
        _, _, number = request.name.rpartition("-")
        running = self._supervisor.get(int(number)) if number.isdecimal() and len(number) <= MAX_DIGITS else None
        if running is None or running.spec.name != request.name:
            raise NotFound(
                f"Deployment {request.name[:MAX_SHOWN]!r} is not deployed.",
                hint="The name is '{deploy_id}-{deployment id}', with the id that pipelines/deploy returned.",
            )
        return status.of(running)

    def state(self, stored: deployments.Deployment) -> PipelineState:
        """Return what lists say of a deployment that is to run."""
        wanted = resources.resources(stored.engine_config, self._defaults)
        return PipelineState(
            id=stored.id,
            name=stored.name,
            pipeline_version_id=stored.pipeline_version_id,
            maximum_replicas=wanted.autoscale.maximum if wanted.autoscale else wanted.replicas,
            prewarmed_replicas=wanted.autoscale.minimum if wanted.autoscale else wanted.replicas,
            engine_config=stored.engine_config,
        )

    async def _running(self, pipeline_id: int) -> deployments.Deployment | None:
        found = await self._store.read(deployments.of_pipeline, pipeline_id)
        return next((item for item in found if item.wanted), None)

    async def external_url(self, caller: Caller, request: GetPipeline) -> PipelineUrl:
        """Return the address that takes inferences, as the caller reaches this server (S1-35 … S1-38)."""
        stored = await self._require_deployed(request.workspace_id, request.pipeline_name)
        return PipelineUrl(url=_infer_url(caller.api_url, stored.name, request.pipeline_name))

    async def internal_url(self, caller: Caller, request: GetPipeline) -> PipelineUrl:
        """Return the address that takes inferences from programs on this machine: the replicas' own, if they have one.

        It takes the tokens that the server takes, and the one that `direct_access` gives.
        """
        found = await self._direct_access(request.workspace_id, request.pipeline_name)
        return PipelineUrl(url=found.url)

    async def direct_access(self, caller: Caller, request: GetDirectAccess) -> DirectAccess:
        """Return the replicas' own address and what opens it, for those who may send inferences.

        A program that sends a token of Jupyter's to this port gives it to whoever has the port after the deployment has
        ended; this one is worth nothing then (SECURITY A11).
        """
        return await self._direct_access(request.workspace_id, request.pipeline_name)

    async def _direct_access(self, workspace_id: int, pipeline_name: str) -> DirectAccess:
        stored = await self._require_deployed(workspace_id, pipeline_name)
        running = self._supervisor.get(stored.id)
        doorway = running.doorway if running is not None else None
        if running is None or doorway is None or running.direct_url is None:
            url, token = _infer_url(self._internal_url, stored.name, pipeline_name), None
        else:
            url, token = f"{running.direct_url}/{quote(pipeline_name)}", doorway.token.reveal()
        return DirectAccess(url=url, token=token, loopback=loopback_id())

    async def _require_deployed(self, workspace_id: int, pipeline_name: str) -> deployments.Deployment:
        pipeline = await self._store.read(pipelines.by_name, workspace_id, pipeline_name)
        stored = await self._running(pipeline.id) if pipeline else None
        if stored is None:
            raise NotFound(
                f"Pipeline {pipeline_name!r} of workspace {workspace_id} is not deployed: it has no inference URL.",
                hint="Deploy it first.",
            )
        return stored


def _infer_url(api_url: str, name: str, pipeline_name: str) -> str:
    return f"{api_url}/pipelines/infer/{quote(name)}/{quote(pipeline_name)}"
