"""What a pipeline was: how versions differ, back to an earlier one, who changed what."""

from __future__ import annotations

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import MAX_SHOWN, Conflict, InvalidRequest, NotFound
from jupyter_wallaroo.services import differences
from jupyter_wallaroo.services.deployments import DeploymentService
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store import audit, changes, deployments, pipelines, users
from jupyter_wallaroo.store.audit import Author
from jupyter_wallaroo.store.changes import PipelineChange, Stale, Wanted
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.store.deployments import Release
from jupyter_wallaroo.supervisor.spec import Resources
from jupyter_wallaroo.types.audit import AuditPage, ListAudit
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.deployment import RollBackPipeline, RolledBack
from jupyter_wallaroo.types.difference import ComparedVersion, ComparePipelineVersions, VersionDifferences
from jupyter_wallaroo.types.pipeline import Pipeline, PipelineVersion

MAX_RECORDS = 1000


class HistoryService:
    """Looks back, and goes back.

    Parameters
    ----------
    store
        Where everything is kept.
    workspaces, deployments
        Find what a pipeline lives in, and have it run.
    defaults
        What a deployment gets that asks for nothing.
    """

    def __init__(
        self, store: Store, workspaces: WorkspaceService, deployments: DeploymentService, defaults: Resources
    ) -> None:
        self._store = store
        self._workspaces = workspaces
        self._deployments = deployments
        self._defaults = defaults

    async def roll_back(self, caller: Caller, request: RollBackPipeline) -> RolledBack:
        """Have an earlier version run again, under the same deployment, as a new deploy would: without a gap.

        The models have the configurations that they had then; replicas and other resources stay as they are. No
        version is made. Rolling back twice without ``to`` ends where it began.

        Raises
        ------
        NotFound
            No such pipeline or version.
        Conflict
            It is not deployed, or never ran another version.
        InvalidRequest
            The version never ran.
        """
        pipeline, workspace_id = await self._pipeline(request)
        seen = await self._store.read(changes.present, workspace_id, pipeline.name)
        running = seen.running
        if running is None:
            raise Conflict(
                f"Pipeline {pipeline.name!r} is not deployed: there is nothing to roll back.",
                hint="Deploy the version that is to run.",
            )
        before = await self._version(running.pipeline_version_id)
        after, release = await self._target(request.to, pipeline, running.pipeline_version_id)
        self._deployments.check(running.deploy_id, running.engine_config, after.definition, pipeline.name)
        wanted = Wanted(
            deploy_id=running.deploy_id,
            pipeline_version_id=after.id,
            engine_config=running.engine_config,
            model_config_ids=release.model_config_ids,
            rolls_back=True,
        )
        change = PipelineChange(workspace_id=workspace_id, name=pipeline.name, seen=seen, wanted=wanted)
        try:
            author = Author(user_id=caller.user.id, via="pipelines/rollback")
            (done,) = await self._deployments.commit(author, [change])
        except Stale:
            raise Conflict(
                f"Pipeline {pipeline.name!r} was changed by somebody else meanwhile: nothing was rolled back.",
                hint="Look at audit/list, and try again.",
            ) from None
        assert done.deployment is not None, "it was wanted"
        return RolledBack(
            deployment_id=done.deployment.id,
            deployment=done.deployment.name,
            from_version=before.version,
            to_version=after.version,
            replacing=done.replacing,
        )

    async def _pipeline(self, request: RollBackPipeline) -> tuple[Pipeline, int]:
        if request.pipeline_id is not None:
            found = await self._store.read(pipelines.get, request.pipeline_id)
            if found is None:
                raise NotFound(f"Pipeline {request.pipeline_id} does not exist.")
            if request.pipeline_name not in (None, found.name):
                raise InvalidRequest(
                    f"Pipeline {found.id} is {found.name!r}; 'pipeline_name' is {request.pipeline_name!r:.100}."
                )
            return found, await self._store.read(pipelines.workspace_id_of, found.id)
        if request.pipeline_name is None or request.workspace_id is None:
            raise InvalidRequest("Expected 'pipeline_id', or 'pipeline_name' and 'workspace_id'.")
        workspace = await self._workspaces.require(request.workspace_id)
        found = await self._store.read(pipelines.by_name, workspace.id, request.pipeline_name)
        if found is None:
            known = await self._store.read(pipelines.names, workspace.id)
            raise errors.not_found("Pipeline", request.pipeline_name, known.values())
        return found, workspace.id

    async def _target(self, to: str | None, pipeline: Pipeline, running_id: int) -> tuple[PipelineVersion, Release]:
        """Return the version to go back to, and how it ran: ``to``, else what ran before the present version."""
        releases = await self._store.read(deployments.releases, pipeline.id)
        if to is None:
            last = next((item for item in releases if item.pipeline_version_id != running_id), None)
            if last is None:
                raise Conflict(
                    f"Pipeline {pipeline.name!r} never ran another version than the present one.",
                    hint="Deploy the version that is to run.",
                )
            return await self._version(last.pipeline_version_id), last
        version = await self._store.read(pipelines.version_by_uuid, to)
        if version is None or version.pipeline_id != pipeline.id:
            known = await self._store.read(pipelines.versions, pipeline.id)
            raise errors.not_found(f"Version of pipeline {pipeline.name!r}", to, [item.version for item in known])
        for item in releases:
            if item.pipeline_version_id == version.id:
                return version, item
        raise InvalidRequest(
            f"Version {to} of pipeline {pipeline.name!r} never ran: there is no way back to it.", hint="Deploy it."
        )

    async def _version(self, version_id: int) -> PipelineVersion:
        version = await self._store.read(pipelines.version, version_id)
        assert version is not None, "a deployment's version exists (foreign key)"
        return version

    async def diff(self, caller: Caller, request: ComparePipelineVersions) -> VersionDifferences:
        """Return what differs between two versions: steps, models, configuration if both ever ran, author."""
        before, old, old_release = await self._compared(request.from_version)
        after, new, new_release = await self._compared(request.to_version)
        found = differences.of_definitions(before.definition, after.definition)
        if old_release is not None and new_release is not None:
            found += differences.of_configurations(old_release.engine_config, new_release.engine_config, self._defaults)
        found += differences.of_authors(old.author, new.author)
        text = differences.lines(found) or "= no difference"
        return VersionDifferences(from_version=old, to_version=new, differences=found, text=text)

    async def _compared(self, uuid: str) -> tuple[PipelineVersion, ComparedVersion, Release | None]:
        version = await self._store.read(pipelines.version_by_uuid, uuid)
        pipeline = await self._store.read(pipelines.get, version.pipeline_id) if version else None
        if version is None or pipeline is None:
            raise NotFound(f"Pipeline version {uuid[:MAX_SHOWN]!r} does not exist.")
        releases = await self._store.read(deployments.releases, pipeline.id)
        release = next((item for item in releases if item.pipeline_version_id == version.id), None)
        known = await self._store.read(users.by_ids, [version.created_by])
        shown = ComparedVersion(
            pipeline=pipeline.name,
            version=version.version,
            author=known[version.created_by].username,
            created_at=version.created_at,
            was_deployed=release is not None,
        )
        return version, shown, release

    async def audit(self, caller: Caller, request: ListAudit) -> AuditPage:
        """Return who changed what, newest first; of pipelines that were removed, too."""
        if not 1 <= request.limit <= MAX_RECORDS:
            raise InvalidRequest(f"'limit': expected 1 to {MAX_RECORDS} records; got {request.limit}.")
        if request.workspace_id is not None:
            await self._workspaces.require(request.workspace_id)
        found = await self._store.read(
            audit.page,
            workspace_id=request.workspace_id,
            pipeline=request.pipeline,
            before_id=request.before_id,
            limit=request.limit + 1,
        )
        page = found[: request.limit]
        return AuditPage(records=page, before_id=page[-1].id if len(found) > len(page) else None)
