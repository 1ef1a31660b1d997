"""What the token of a task's run opens: one workspace, and the routes of which it is known how to tell which that is.

Every request of a task comes through here before a service sees it. What is neither in `FIELDS` nor in `BY_PATH` is
refused, so that a new route is closed to tasks until somebody has said which of its fields name what.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

from msgspec.structs import replace

from jupyter_wallaroo.errors import MAX_SHOWN, Forbidden, NotFound
from jupyter_wallaroo.store import task_scope, workspaces
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.store.task_scope import Key
from jupyter_wallaroo.types import (
    assay,
    connection,
    deployment,
    difference,
    inference_log,
    model,
    orchestration,
    pipeline,
    search,
    task,
    workspace,
)

T = TypeVar("T")

WORKSPACE, WORKSPACE_NAME, DEPLOYMENT_NAME = "workspace", "workspace name", "deployment name"
CLOSED = "closed"
"""A field that finds things in all workspaces at once."""
Field = Key | str

_OF_WORKSPACE: dict[str, Field] = {"workspace_id": WORKSPACE}
_OF_PIPELINE: dict[str, Field] = {"workspace_id": WORKSPACE, "pipeline_id": Key.PIPELINE}
_BY_NAME: dict[str, Field] = {"workspace_id": WORKSPACE, "workspace_name": WORKSPACE_NAME}

FIELDS: dict[type, dict[str, Field]] = {
    workspace.ListWorkspaces: {},  # answered with the one workspace
    workspace.GetWorkspace: {"id": WORKSPACE, "name": WORKSPACE_NAME},
    connection.GetConnection: {"name": Key.CONNECTION_NAME},
    connection.GetConnectionById: {"id": Key.CONNECTION},
    connection.ListConnections: _OF_WORKSPACE,
    model.UploadModel: _OF_WORKSPACE,
    model.ListModels: _BY_NAME,
    model.GetModel: {"id": Key.MODEL},
    model.ListModelVersions: {"model_id": CLOSED, "models_pk_id": Key.MODEL},
    model.GetModelVersion: {"model_version_id": Key.MODEL_VERSION},
    model.GetModelConfig: {"model_id": Key.MODEL_VERSION},
    model.InsertModelConfig: {"model_version_id": Key.MODEL_VERSION},
    pipeline.CreatePipeline: _OF_WORKSPACE,
    pipeline.CopyPipeline: {
        **_OF_WORKSPACE, "source_pipeline": Key.PIPELINE, "pipeline_version": Key.PIPELINE_VERSION_UUID,
    },
    pipeline.GetPipeline: _OF_WORKSPACE,
    pipeline.ListPipelines: _BY_NAME,
    pipeline.GetPipelineVersion: {"version": Key.PIPELINE_VERSION_UUID},
    deployment.DeployPipeline: {
        "pipeline_id": Key.PIPELINE,
        "pipeline_version_pk_id": Key.PIPELINE_VERSION,
        "pipeline_version": Key.PIPELINE_VERSION_UUID,
        "model_configs": Key.MODEL_CONFIG,
        "model_ids": Key.MODEL_VERSION,
    },
    deployment.UndeployPipeline: {"pipeline_id": Key.PIPELINE, "deployment_id": Key.DEPLOYMENT},
    deployment.RollBackPipeline: {**_OF_PIPELINE, "to": Key.PIPELINE_VERSION_UUID},
    deployment.GetDeployment: {"name": DEPLOYMENT_NAME},
    difference.ComparePipelineVersions: {
        "from_version": Key.PIPELINE_VERSION_UUID, "to_version": Key.PIPELINE_VERSION_UUID,
    },
    search.SearchPipelines: _OF_WORKSPACE,
    search.SearchModels: _OF_WORKSPACE,
    inference_log.GetLogs: _OF_WORKSPACE,
    inference_log.GetTopicName: {**_OF_WORKSPACE, "pipeline_pk_id": Key.PIPELINE},
    inference_log.GetPipelineTopicName: _OF_WORKSPACE,
    assay.ListAssays: {**_OF_PIPELINE, "workspace_name": WORKSPACE_NAME},
    assay.GetAssay: {**_BY_NAME, "id": Key.ASSAY},
    assay.GetAssayResults: {**_BY_NAME, "assay_id": Key.ASSAY},
    assay.SetAssayActive: {"id": Key.ASSAY},
    orchestration.GetOrchestration: {"id": Key.ORCHESTRATION},
    orchestration.ListOrchestrations: _OF_WORKSPACE,
    task.RunOnce: {**_OF_WORKSPACE, "orch_id": Key.ORCHESTRATION},
    task.RunScheduled: {**_OF_WORKSPACE, "orch_id": Key.ORCHESTRATION},
    task.RunContinuously: {**_OF_WORKSPACE, "orch_id": Key.ORCHESTRATION},
    task.GetTask: {"id": Key.TASK},
    task.ListTasks: {**_OF_WORKSPACE, "orch_id": Key.ORCHESTRATION},
    task.GetTasksByOrchestration: {},  # answered with those of the one workspace
    task.KillTask: {"id": Key.TASK},
    task.PauseTask: {"id": Key.TASK},
    task.ListTaskRuns: {"task_id": Key.TASK},
    task.GetRunLogs: {"id": Key.TASK_RUN},
    task.GetRunDetails: {"task": Key.TASK, "pod_id": Key.TASK_RUN},
}  # fmt: skip
"""By the struct of a request, what its fields name; a field that names nothing is not here."""

BY_PATH = frozenset(
    {
        "pipelines/infer/{deploy_id}-{deployment_id}",
        "pipelines/infer/{deploy_id}-{deployment_id}/{pipeline_name}",
        "topic/{topic}",
        "topic/{topic}/records",
    }
)
"""Routes whose handlers themselves ask where what stands in their path is."""

_DEPLOYMENT_NAME = re.compile(r".*-(\d{1,18})")


class TaskScope:
    """Keeps tasks in their workspaces.

    Parameters
    ----------
    store
        Knows where things are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def require_open(self, path: str, *requests: type | None) -> None:
        """Refuse a route that tasks have no use for, by what is in its body and in its query."""
        is_known = all(request is None or request in FIELDS for request in requests)
        if path not in BY_PATH and not is_known:
            raise Forbidden(
                f"A task's token does not open {path}.", hint="It opens what is in the workspace of the task."
            )

    async def narrowed(self, request: T, workspace_id: int) -> T:
        """Return a request that stays within a workspace: where it leaves the workspace open, that one is filled in.

        Raises
        ------
        Forbidden
            It names another workspace.
        NotFound
            Something that it names is not there.
        """
        fields = FIELDS.get(type(request), {})  # none where the path says it
        for name, kind in fields.items():
            given: Any = getattr(request, name)
            if given is None and kind == WORKSPACE and getattr(request, "workspace_name", None) is None:
                request = replace(request, **{name: workspace_id})  # type: ignore[type-var]
            elif given is not None:
                for value in given if isinstance(given, list) else [given]:
                    await self._require(name, kind, value, workspace_id)
        return request

    async def require(self, key: Key, value: int | str, workspace_id: int) -> None:
        """Refuse a thing that is not in a workspace, whether or not it exists elsewhere."""
        if workspace_id not in await self._store.read(task_scope.workspaces_of, key, value):
            kind = key.name.lower().replace("_", " ").removesuffix(" name").removesuffix(" uuid").capitalize()
            shown = value if isinstance(value, int) else value[:MAX_SHOWN]
            raise NotFound(
                f"{kind} {shown!r} does not exist in workspace {workspace_id}, the only one that this task may use."
            )

    async def _require(self, name: str, kind: Field, value: Any, workspace_id: int) -> None:
        if isinstance(kind, Key):
            await self.require(kind, value, workspace_id)
        elif kind == CLOSED:
            raise Forbidden(f"A task's token does not open searches by {name!r} in all workspaces.")
        elif kind == DEPLOYMENT_NAME:
            number = _DEPLOYMENT_NAME.fullmatch(value)
            await self.require(Key.DEPLOYMENT, int(number[1]) if number else value, workspace_id)
        elif kind == WORKSPACE_NAME:
            found = await self._store.read(workspaces.by_name, value)
            require_workspace(found.id if found else value, workspace_id)
        else:
            require_workspace(int(value) if str(value).isdecimal() else value, workspace_id)


def require_workspace(given: int | str, workspace_id: int) -> None:
    """Refuse any workspace but one."""
    if given != workspace_id:
        raise Forbidden(f"A task's token opens workspace {workspace_id} only; the request is for {given!r:.60}.")
