"""What is to happen to a pipeline so that it becomes as somebody wrote it down; nothing is changed here."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from jupyter_wallaroo.errors import Conflict, InvalidRequest, not_found
from jupyter_wallaroo.services import definitions, differences, resources
from jupyter_wallaroo.services.deployable import Deployable
from jupyter_wallaroo.services.deployments import DeploymentService
from jupyter_wallaroo.services.models import ModelService
from jupyter_wallaroo.services.step_facts import summary
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.services.written_steps import WrittenSteps
from jupyter_wallaroo.store import changes, models, pipelines, users
from jupyter_wallaroo.store.changes import PipelineChange, Present, Wanted
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.supervisor.spec import Resources
from jupyter_wallaroo.types.apply import ApplyPipeline, Mode, State
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.deployment import EngineConfig
from jupyter_wallaroo.types.difference import Action, Difference
from jupyter_wallaroo.types.names import check_name, deploy_id_of
from jupyter_wallaroo.types.pipeline import Definition, PipelineVersion
from jupyter_wallaroo.types.workspace import Workspace


class Planned(Struct, frozen=True, kw_only=True):
    """What is to happen to one pipeline, checked; `change` is None when it is as it should be."""

    name: str
    workspace: Workspace
    action: Action
    change: PipelineChange | None
    seen: Present
    diff: list[Difference]


class _Target(Struct, frozen=True, kw_only=True):
    """A pipeline as it is wanted, and as it is."""

    item: ApplyPipeline
    name: str
    workspace: Workspace
    seen: Present

    def planned(self, action: Action, diff: list[Difference] | None = None, **change: Any) -> Planned:
        made = PipelineChange(workspace_id=self.workspace.id, name=self.name, seen=self.seen, **change)
        return Planned(
            name=self.name,
            workspace=self.workspace,
            action=action,
            change=None if action is Action.SAME else made,
            seen=self.seen,
            diff=diff or [],
        )


class Planner:
    """Compares what is wanted with what there is.

    Parameters
    ----------
    store
        Where everything is kept.
    workspaces, models, deployable, deployments
        Find and check what a pipeline lives in, names, and becomes.
    defaults
        What a deployment gets that asks for nothing.
    """

    def __init__(
        self,
        *,
        store: Store,
        workspaces: WorkspaceService,
        models: ModelService,
        deployable: Deployable,
        deployments: DeploymentService,
        defaults: Resources,
    ) -> None:
        self._store = store
        self._workspaces = workspaces
        self._models = models
        self._deployable = deployable
        self._deployments = deployments
        self._defaults = defaults
        self._steps = WrittenSteps(store)

    async def workspace_of(self, caller: Caller, item: ApplyPipeline) -> Workspace:
        """Return the workspace that an item names by id or name; the caller's default one when it names none."""
        if isinstance(item.workspace, str):
            return await self._workspaces.named(item.workspace)
        if item.workspace is not None:
            return await self._workspaces.require(item.workspace)
        return await self._workspaces.require(await self._store.read(users.default_workspace_id, caller.user.id))

    async def plan(self, caller: Caller, item: ApplyPipeline, where: str) -> Planned:
        """Return what is to happen to one pipeline.

        Parameters
        ----------
        where
            What the item is called in messages, as ``pipelines[0]``.

        Raises
        ------
        InvalidRequest, NotFound, Conflict
            It cannot be; the pipeline is there and must not be, or the reverse (A16); it is not what the caller saw
            (A17).
        """
        name = check_name("pipeline", item.name)
        workspace = await self.workspace_of(caller, item)
        seen = await self._store.read(changes.present, workspace.id, name)
        await self._check_mode(item, seen, workspace)
        _check_expected(item, seen)
        target = _Target(item=item, name=seen.pipeline.name if seen.pipeline else name, workspace=workspace, seen=seen)
        if item.state is State.ABSENT:
            return _removal(target)
        definition = await self._definition(target, where)
        diff = differences.of_definitions(seen.version.definition, definition) if seen.version else _steps(definition)
        added = definition if seen.version is None or diff else None
        wanted: Wanted | None = None
        unwanted: list[int] = []
        if item.state is State.DEPLOYED:
            wanted, more = await self._deployment(target, definition, added)
        else:
            unwanted, more = _ending(seen)
        diff += more
        if seen.version is not None and added is not None:
            diff += await self._authors(caller, seen.version)
        if seen.pipeline is not None and not diff:
            return target.planned(Action.SAME)
        action = Action.ADD if seen.pipeline is None else Action.CHANGE
        return target.planned(action, diff, definition=added, wanted=wanted, unwanted=unwanted)

    async def _check_mode(self, item: ApplyPipeline, seen: Present, workspace: Workspace) -> None:
        if item.mode is Mode.CREATE and item.state is State.ABSENT:
            raise InvalidRequest("mode 'create' and state 'absent' contradict each other.")
        if item.mode is Mode.CREATE and seen.version is not None:
            raise Conflict(
                f"Workspace {workspace.name!r} has a pipeline named {item.name!r} already (version "
                f"{seen.version.version}).",
                hint="mode 'upsert' or 'update' changes it.",
                details={"present_version": seen.version.version},
            )
        if item.mode is Mode.UPDATE and seen.pipeline is None:
            known = await self._store.read(pipelines.names, workspace.id)
            raise not_found(f"Workspace {workspace.name!r}: pipeline", item.name, known.values())

    async def _definition(self, target: _Target, where: str) -> Definition:
        """Return the definition that is wanted; what the item does not say stays as it is."""
        item, present = target.item, target.seen.version
        if item.definition is not None and item.steps is not None:
            raise InvalidRequest("expected either 'definition' or 'steps'; got both.")
        if item.steps is not None:
            kept = {"id": target.name} if present is None else present.definition
            wire = await self._steps.wire(target.workspace.id, item.steps, f"{where}.steps")
            definition = definitions.read({**kept, "steps": wire})
        elif item.definition is not None:
            definition = definitions.read(item.definition)
        elif present is not None:
            return present.definition
        else:
            raise InvalidRequest("a new pipeline needs 'steps' or a 'definition'.")
        for reference in definitions.references(definition):
            await self._models.require_reference(target.workspace.id, reference)
        return definition

    async def _deployment(
        self, target: _Target, definition: Definition, added: Definition | None
    ) -> tuple[Wanted | None, list[Difference]]:
        """Return what is to run, None when that runs already, and what differs from what runs.

        ``added`` is the definition when a version is to be made of it, which leaves only the configuration to compare.
        """
        running = target.seen.running
        last = running or next(iter(target.seen.deployments), None)
        deploy_id = last.deploy_id if last else deploy_id_of(target.name)
        config = _configuration(target.item, last.engine_config if last else {})
        self._deployments.check(deploy_id, config, definition, target.name)
        chosen = await self._deployable.newest_configurations(target.workspace.id, definition)
        wanted = Wanted(deploy_id=deploy_id, engine_config=config, model_config_ids=[found.id for found in chosen])
        found = differences.of_configurations(last.engine_config if last else config, config, self._defaults)
        if running is None:
            text = f"deployed as {deploy_id!r}"
            return wanted, [Difference(action=Action.ADD, path="deployed", before=False, after=True, text=text), *found]
        if added is None:
            found += await self._deployed_version(running.pipeline_version_id, target.seen)
            if not found:
                found += await self._model_configurations(running.model_config_ids, wanted.model_config_ids)
        return (None, []) if added is None and not found else (wanted, found)

    async def _deployed_version(self, running_id: int, seen: Present) -> list[Difference]:
        """Return whether another version runs than the newest, which is to run without being made anew."""
        if seen.version is None or seen.version.id == running_id:
            return []
        running = await self._store.read(pipelines.version, running_id)
        assert running is not None, "a deployment's version exists (foreign key)"
        return [
            differences.changed("deployed_version", "deployed version:", running.version, seen.version.version),
            *differences.of_definitions(running.definition, seen.version.definition),
        ]

    async def _model_configurations(self, before: list[int], after: list[int]) -> list[Difference]:
        found = []
        for was, now in zip(before, after, strict=True):
            if was != now:
                config = await self._store.read(models.config, now)
                assert config is not None, "configurations are never deleted"
                name = (await self._models.require_version(config.model_version_id)).model_version.name
                label = f"configuration of model {name!r}:"
                found.append(differences.changed(f"model_configs[{name!r}]", label, was, now))
        return found

    async def _authors(self, caller: Caller, before: PipelineVersion) -> list[Difference]:
        known = await self._store.read(users.by_ids, [before.created_by])
        return differences.of_authors(known[before.created_by].username, caller.user.username)


def _removal(target: _Target) -> Planned:
    if target.item.steps is not None or target.item.definition is not None:
        raise InvalidRequest("state 'absent' takes neither 'steps' nor 'definition'.")
    if target.seen.pipeline is None:
        return target.planned(Action.SAME)
    unwanted, diff = _ending(target.seen)
    return target.planned(Action.REMOVE, diff, unwanted=unwanted, removes=True)


def _configuration(item: ApplyPipeline, present: EngineConfig) -> EngineConfig:
    if item.engine_config is not None and item.resources is not None:
        raise InvalidRequest("expected either 'resources' or 'engine_config'; got both.")
    if item.engine_config is not None:
        return item.engine_config
    if item.resources is None:
        return present
    said = item.resources
    return resources.with_resources(present, replicas=said.replicas, cpus=said.cpus, memory=said.memory)


def _check_expected(item: ApplyPipeline, seen: Present) -> None:
    present = seen.version.version if seen.version else None
    if item.expected_version in (None, present):
        return
    there = f"its newest version is {present}" if present else "there is no such pipeline"
    raise Conflict(
        f"Pipeline {item.name!r} is not what you saw: you expected version {item.expected_version!r:.60}, {there}.",
        hint="Look at what changed (pipelines/diff, audit/list), and apply again with the version that is there.",
        details={"expected_version": item.expected_version, "present_version": present},
    )


def _steps(definition: Definition) -> list[Difference]:
    """Return the steps of a new pipeline as what is added."""
    return [
        Difference(action=Action.ADD, path=f"steps[{number}]", text=f"step {number}, {summary(step)}")
        for number, step in enumerate(definitions.steps(definition))
    ]


def _ending(seen: Present) -> tuple[list[int], list[Difference]]:
    """Return the deployments that are to end, and that as differences."""
    ending = [item for item in seen.deployments if item.wanted]
    return [item.id for item in ending], [
        Difference(action=Action.REMOVE, path="deployed", before=True, after=False, text=f"deployed as {item.name!r}")
        for item in ending
    ]
