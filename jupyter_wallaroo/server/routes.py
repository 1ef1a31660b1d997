"""The table of all routes, and what is made from it: handlers, the OpenAPI document, the tests of authorisation."""

from __future__ import annotations

from collections import defaultdict
from http import HTTPStatus
from typing import Any

from jupyter_server.utils import url_path_join

from jupyter_wallaroo.server.handlers.apply import ApplyHandler
from jupyter_wallaroo.server.handlers.base import API_V2_ROOT, LOGS_ROOT, ROOT_PATH, WallarooHandler
from jupyter_wallaroo.server.handlers.files import OrchestrationDownloadHandler, StepNotebookHandler, StepOutputHandler
from jupyter_wallaroo.server.handlers.infer import InferHandler
from jupyter_wallaroo.server.handlers.json_body import (
    ConfigHandler,
    GetHandler,
    OpenApiHandler,
    ResourceHandler,
)
from jupyter_wallaroo.server.handlers.listing import ListHandler
from jupyter_wallaroo.server.handlers.logs import LogsHandler, TopicHandler, TopicRecordsHandler
from jupyter_wallaroo.server.handlers.unknown import UnknownHandler
from jupyter_wallaroo.server.handlers.upload import (
    ConvertingUploadHandler,
    MultipartUploadHandler,
    OrchestrationUploadHandler,
    RawUploadHandler,
)
from jupyter_wallaroo.server.route import Action, Route, by_hand
from jupyter_wallaroo.types import (
    apply,
    assay,
    assay_v2,
    audit,
    config,
    connection,
    deployment,
    difference,
    inference_log,
    model,
    orchestration,
    overview,
    pipeline,
    run,
    search,
    session,
    tag,
    task,
    traffic,
    user,
    workspace,
)

INFER_PATHS = "pipelines/infer/.*"
"""What the addresses of all inferences look like."""
_INFER = "pipelines/infer/{deploy_id}-{deployment_id}"
_INFER_PATTERN = r"pipelines/infer/([A-Za-z0-9][A-Za-z0-9._-]*)-(\d{1,18})"
_TOPIC_PATTERN = r"topic/([^/]+)"
_READ, _WRITE, _EXECUTE = Action

ROUTES: tuple[Route, ...] = (
    Route(
        f"{_INFER}/{{pipeline_name}}", dict, list[dict[str, Any]], by_hand, _EXECUTE, "inference",
        handler=InferHandler, pattern=rf"{_INFER_PATTERN}/([^/]+)",
    ),
    Route(
        _INFER, dict, list[dict[str, Any]], by_hand, _EXECUTE, "inference",
        handler=InferHandler, pattern=_INFER_PATTERN,
    ),
    Route(
        "config", config.Nothing, config.ServerConfig, by_hand, _READ, "config",
        handler=ConfigHandler, method="GET", is_public=True,
    ),
    Route("openapi.json", config.Nothing, dict, by_hand, _READ, "config", handler=OpenApiHandler, method="GET"),
    Route(
        "health", config.Nothing, config.Health, lambda s: s.health, _READ, "health", handler=GetHandler, method="GET"
    ),
    Route("users/query", user.QueryUsers, user.UsersById, lambda s: s.users.query, _READ, "users"),
    Route(
        "workspaces/create", workspace.CreateWorkspace, workspace.WorkspaceCreated,
        lambda s: s.workspaces.create, _WRITE, "workspaces",
    ),
    Route(
        "workspaces/list", workspace.ListWorkspaces, workspace.WorkspaceList,
        lambda s: s.workspaces.list_workspaces, _READ, "workspaces",
    ),
    Route(
        "workspaces/get", workspace.GetWorkspace, workspace.WorkspaceContents,
        lambda s: s.workspaces.get, _READ, "workspaces",
    ),
    Route(
        "workspaces/list_users", workspace.ListWorkspaceUsers, workspace.WorkspaceUserList,
        lambda s: s.workspace_users.list_users, _READ, "workspaces",
    ),
    Route(
        "workspaces/add_user", workspace.AddWorkspaceUser, config.Nothing,
        lambda s: s.workspace_users.add_user, _WRITE, "workspaces",
    ),
    Route(
        "workspaces/remove_user", workspace.RemoveWorkspaceUser, workspace.AffectedRows,
        lambda s: s.workspace_users.remove_user, _WRITE, "workspaces",
    ),
    Route(
        "connections/create", connection.CreateConnection, connection.ConnectionId,
        lambda s: s.connections.create, _WRITE, "connections",
    ),
    Route(
        "connections/get", connection.GetConnection, connection.Connection,
        lambda s: s.connections.get, _READ, "connections",
    ),
    Route(
        "connections/get_by_id", connection.GetConnectionById, connection.Connection,
        lambda s: s.connections.get_by_id, _READ, "connections",
    ),
    Route(
        "connections/list", connection.ListConnections, connection.ConnectionList,
        lambda s: s.connections.list_connections, _READ, "connections",
    ),
    Route(
        "connections/add_to_workspace", connection.LinkConnection, connection.LinkId,
        lambda s: s.connections.add_to_workspace, _WRITE, "connections",
    ),
    Route(
        "connections/remove_from_workspace", connection.UnlinkConnection, None,
        lambda s: s.connections.remove_from_workspace, _WRITE, "connections",
    ),
    Route(
        "connections/delete", connection.DeleteConnection, None,
        lambda s: s.connections.delete, _WRITE, "connections",
    ),
    Route(
        "models/upload", model.UploadModel, model.ModelUploaded, by_hand, _WRITE, "models",
        handler=MultipartUploadHandler,
    ),
    Route(
        "models/upload_and_convert", model.UploadModel, model.ModelUploaded, by_hand, _WRITE, "models",
        handler=ConvertingUploadHandler,
    ),
    Route(
        "models/upload_stream", model.UploadModel, model.ModelUploaded, by_hand, _WRITE, "models",
        handler=RawUploadHandler,
    ),
    Route(
        "models/list", model.ListModels, model.ModelList, lambda s: s.models.list_models, _READ, "models",
        handler=ListHandler,
    ),
    Route("models/get", model.GetModel, model.ModelDetails, lambda s: s.models.get, _READ, "models"),
    Route(
        "models/list_versions", model.ListModelVersions, list[model.ModelVersionEntry],
        lambda s: s.models.list_versions, _READ, "models", handler=ListHandler,
    ),
    Route(
        "models/get_version_by_id", model.GetModelVersion, model.GotModelVersion,
        lambda s: s.models.get_version, _READ, "models",
    ),
    Route(
        "models/get_config_by_id", model.GetModelConfig, model.GotModelConfig,
        lambda s: s.models.get_config, _READ, "models",
    ),
    Route(
        "models/insert_model_config", model.InsertModelConfig, model.GotModelConfig,
        lambda s: s.models.insert_config, _WRITE, "models",
    ),
    Route(
        "pipelines/create", pipeline.CreatePipeline, pipeline.PipelineCreated,
        lambda s: s.pipelines.create, _WRITE, "pipelines",
    ),
    Route(
        "pipelines/copy", pipeline.CopyPipeline, pipeline.PipelineCopied,
        lambda s: s.pipelines.copy, _WRITE, "pipelines",
    ),
    Route(
        "pipelines/apply", apply.ApplyPipelines, apply.AppliedPipelines,
        lambda s: s.applying.apply, _EXECUTE, "pipelines", handler=ApplyHandler,
    ),
    Route(
        "pipelines/rollback", deployment.RollBackPipeline, deployment.RolledBack,
        lambda s: s.history.roll_back, _EXECUTE, "deployments",
    ),
    Route(
        "pipelines/diff", difference.ComparePipelineVersions, difference.VersionDifferences,
        lambda s: s.history.diff, _READ, "pipelines",
    ),
    Route("audit/list", audit.ListAudit, audit.AuditPage, lambda s: s.history.audit, _READ, "audit"),
    Route(
        "pipelines/get_pipeline_by_name", pipeline.GetPipeline, pipeline.ListedPipeline,
        lambda s: s.pipelines.get, _READ, "pipelines",
    ),
    Route(
        "pipelines/list_pipelines", pipeline.ListPipelines, pipeline.PipelineList,
        lambda s: s.pipelines.list_pipelines, _READ, "pipelines", handler=ListHandler,
    ),
    Route(
        "pipelines/overview", overview.GetOverview, overview.Overview,
        lambda s: s.overview.pipelines, _READ, "pipelines", handler=ListHandler,
    ),
    Route(
        "pipelines/list_versions", overview.ListPipelineVersions, overview.PipelineVersionList,
        lambda s: s.overview.versions, _READ, "pipelines",
    ),
    Route(
        "pipelines/get_traffic", traffic.GetTraffic, traffic.Traffic,
        lambda s: s.traffic.get, _READ, "inference",
    ),
    Route(
        "pipelines/get_version", pipeline.GetPipelineVersion, pipeline.GotPipelineVersion,
        lambda s: s.pipelines.get_version, _READ, "pipelines",
    ),
    Route(
        "pipelines/deploy", deployment.DeployPipeline, deployment.DeploymentId,
        lambda s: s.deployments.deploy, _EXECUTE, "deployments",
    ),
    Route(
        "pipelines/undeploy", deployment.UndeployPipeline, config.Nothing,
        lambda s: s.deployments.undeploy, _EXECUTE, "deployments",
    ),
    Route(
        "status/get_deployment", deployment.GetDeployment, deployment.DeploymentStatus,
        lambda s: s.deployments.status, _READ, "deployments",
    ),
    Route(
        "admin/get_pipeline_external_url", pipeline.GetPipeline, pipeline.PipelineUrl,
        lambda s: s.deployments.external_url, _READ, "deployments",
    ),
    Route(
        "admin/get_pipeline_internal_url", pipeline.GetPipeline, pipeline.PipelineUrl,
        lambda s: s.deployments.internal_url, _READ, "deployments",
    ),
    Route(
        "admin/get_pipeline_direct_access", pipeline.GetDirectAccess, pipeline.DirectAccess,
        lambda s: s.deployments.direct_access, _EXECUTE, "inference",
    ),
    Route(
        "pipelines/get_logs", inference_log.GetLogs, list[dict[str, Any]], by_hand, _READ, "inference_logs",
        handler=LogsHandler,
    ),
    Route("tags/create", tag.CreateTag, tag.Tag, lambda s: s.tags.create, _WRITE, "tags"),
    Route("tags/list", tag.ListTags, tag.TagList, lambda s: s.tags.list_tags, _READ, "tags"),
    Route("tags/assign", tag.AssignTag, config.Nothing, lambda s: s.tags.assign, _WRITE, "tags"),
    Route("tags/remove", tag.RemoveTag, config.Nothing, lambda s: s.tags.remove, _WRITE, "tags"),
    Route(
        "pipelines/search", search.SearchPipelines, search.PipelinesFound,
        lambda s: s.search.pipelines, _READ, "pipelines",
    ),
    Route(
        "models/search", search.SearchModels, search.ModelVersionsFound, lambda s: s.search.models, _READ, "models"
    ),
    Route(
        "assays/create", assay.AssayConfig, assay.AssayCreated,
        lambda s: s.assays.create, _WRITE, "assays",
    ),
    Route(
        "assays/list", assay.ListAssays, list[assay.Assay],
        lambda s: s.assays.list_assays, _READ, "assays", handler=ListHandler,
    ),
    Route(
        "assays/filter", assay.FilterAssays, list[assay.Assay],
        lambda s: s.assays.filter, _READ, "assays",
    ),
    Route(
        "assays/get_assay_by_id", assay.GetAssay, assay.Assay,
        lambda s: s.assays.get, _READ, "assays",
    ),
    Route(
        "assays/set_active", assay.SetAssayActive, assay.SetAssayActive,
        lambda s: s.assays.set_active, _WRITE, "assays",
    ),
    Route(
        "assays/get_assay_results", assay.GetAssayResults, list[assay.AssayResult],
        lambda s: s.assays.results, _READ, "assays",
    ),
    Route(
        "assays/run_interactive", assay.AssayConfig, list[assay.AssayResult],
        lambda s: s.assays.run_interactive, _READ, "assays",
    ),
    Route(
        "assays/run_interactive_baseline", assay.AssayConfig, assay.AssayResult,
        lambda s: s.assays.run_interactive_baseline, _READ, "assays",
    ),
    Route(
        "assays/summarize", assay.SummarizeBaseline, assay.AssaySummary,
        lambda s: s.assays.summarize, _READ, "assays",
    ),
    Route(
        "assays/get_baseline", assay.GetBaseline, list[dict[str, Any]],
        lambda s: s.assays.get_baseline, _READ, "assays",
    ),
    Route(
        "assays/schedule", assay_v2.ScheduleAssay, str,
        lambda s: s.assays_v2.schedule, _WRITE, "assays", root=API_V2_ROOT,
    ),
    Route(
        "assays/get", assay_v2.ListAssaysV2, list[assay_v2.AssayV2],
        lambda s: s.assays_v2.list_assays, _READ, "assays", root=API_V2_ROOT, handler=ListHandler,
    ),
    Route(
        "assays/get/:id", assay_v2.GetAssayV2, assay_v2.AssayV2,
        lambda s: s.assays_v2.get, _READ, "assays", root=API_V2_ROOT, pattern=r"assays/get/(?::|%3[Aa])id",
    ),
    Route(
        "assays/get_next_run", assay_v2.GetNextRun, assay_v2.NextRun,
        lambda s: s.assays_v2.next_run, _READ, "assays", root=API_V2_ROOT,
    ),
    Route(
        "assays/get_results", assay_v2.GetAssayV2Results, list[assay_v2.AssayResultV2],
        lambda s: s.assays_v2.results, _READ, "assays", root=API_V2_ROOT,
    ),
    Route(
        "assays/preview", assay_v2.PreviewAssay, list[assay_v2.AssayResultV2],
        lambda s: s.assays_v2.preview, _READ, "assays", root=API_V2_ROOT,
    ),
    Route(
        "assays/preview_baseline_binning", assay_v2.PreviewBinning, dict[str, assay_v2.SeriesSummary],
        lambda s: s.assays_v2.preview_baseline_binning, _READ, "assays", root=API_V2_ROOT,
    ),
    Route(
        "assays/score", assay_v2.ScoreAssay, assay_v2.Scores,
        lambda s: s.assays_v2.score, _READ, "assays", root=API_V2_ROOT,
    ),
    Route(
        "assays/set_active", assay_v2.SetAssayV2Active, config.Nothing,
        lambda s: s.assays_v2.set_active, _WRITE, "assays", root=API_V2_ROOT,
    ),
    Route(
        "orchestration/upload", orchestration.UploadOrchestration, orchestration.OrchestrationId,
        by_hand, _WRITE, "orchestrations", handler=OrchestrationUploadHandler,
    ),
    Route(
        "orchestration/list", orchestration.ListOrchestrations, list[orchestration.Orchestration],
        lambda s: s.orchestrations.list_orchestrations, _READ, "orchestrations",
    ),
    Route(
        "orchestration/list_all", orchestration.ListAllOrchestrations, orchestration.AllOrchestrations,
        lambda s: s.orchestrations.list_all, _READ, "orchestrations",
    ),
    Route(
        "orchestration/get_by_id", orchestration.GetOrchestration, orchestration.OrchestrationDetails,
        lambda s: s.orchestrations.get, _READ, "orchestrations",
    ),
    Route(
        "orchestration/delete_orchestrations", orchestration.DeleteOrchestrations, orchestration.FreedBytes,
        lambda s: s.orchestrations.delete, _WRITE, "orchestrations",
    ),
    Route(
        "orchestration/download", config.Nothing, bytes, by_hand, _READ, "orchestrations",
        handler=OrchestrationDownloadHandler, method="GET", query=orchestration.DownloadOrchestration,
    ),
    Route(
        "plateau/get_topic_name", inference_log.GetTopicName, inference_log.TopicName,
        lambda s: s.inference_logs.topic_name, _READ, "inference_logs",
    ),
    Route(
        "plateau/get_pipeline_topic_name", inference_log.GetPipelineTopicName, inference_log.TopicName,
        lambda s: s.inference_logs.topic_name, _READ, "inference_logs",
    ),
    Route(
        "topic/{topic}", inference_log.GetTopic, inference_log.TopicPartitions, by_hand, _READ, "inference_logs",
        handler=TopicHandler, method="GET", pattern=_TOPIC_PATTERN, root=LOGS_ROOT,
    ),
    Route(
        "topic/{topic}/records", dict, list[dict[str, Any]], by_hand, _READ, "inference_logs",
        handler=TopicRecordsHandler, pattern=rf"{_TOPIC_PATTERN}/records", root=LOGS_ROOT,
        query=inference_log.TopicRecords,
    ),
    Route(
        "runs", run.SubmitRun, run.RunState, lambda s: s.runs.submit, _EXECUTE, "runs", handler=ResourceHandler
    ),
    Route(
        "runs", run.ListRuns, run.RunPage, lambda s: s.runs.list_runs, _READ, "runs",
        handler=ResourceHandler, method="GET", query=run.ListRuns,
    ),
    Route(
        "runs/{run}", run.NamedRun, run.RunState, lambda s: s.runs.get, _READ, "runs",
        handler=ResourceHandler, method="GET",
    ),
    Route(
        "runs/{run}", run.AbortRun, run.RunState, lambda s: s.runs.abort, _EXECUTE, "runs",
        handler=ResourceHandler, method="DELETE",
    ),
    Route(
        "runs/{run}/{step}", run.NamedStep, run.StepState, lambda s: s.runs.step, _READ, "runs",
        handler=ResourceHandler, method="GET",
    ),
    Route(
        "runs/{run}/{step}", run.ReportStep, run.StepState, lambda s: s.runs.report, _EXECUTE, "runs",
        handler=ResourceHandler, method="PUT",
    ),
    Route(
        "runs/{run}/{step}", run.AbortStep, run.StepState, lambda s: s.runs.abort_step, _EXECUTE, "runs",
        handler=ResourceHandler, method="DELETE",
    ),
    Route(
        "runs/{run}/{step}/notebook", run.NamedStep, dict[str, Any], by_hand, _READ, "runs",
        handler=StepNotebookHandler, method="GET",
    ),
    Route(
        "runs/{run}/{step}/outputs/{name}", run.NamedStep, bytes, by_hand, _READ, "runs",
        handler=StepOutputHandler, method="GET",
    ),
    Route(
        "sessions", config.Nothing, session.SessionList, lambda s: s.sessions.list_sessions, _READ, "sessions",
        handler=ResourceHandler, method="GET",
    ),
    Route(
        "sessions", session.LaunchSession, session.Session, lambda s: s.sessions.launch, _EXECUTE, "sessions",
        handler=ResourceHandler,
    ),
    Route(
        "sessions/{project}/{pipeline}", session.SessionKey, session.Session,
        lambda s: s.sessions.get, _READ, "sessions", handler=ResourceHandler, method="GET",
    ),
    Route(
        "sessions/{project}/{pipeline}", session.SessionKey, None,
        lambda s: s.sessions.stop, _EXECUTE, "sessions", handler=ResourceHandler, method="DELETE",
    ),
    Route(
        "task/run_once", task.RunOnce, task.TaskMade,
        lambda s: s.tasks.run_once, _EXECUTE, "tasks", status=HTTPStatus.CREATED,
    ),
    Route(
        "task/run_scheduled", task.RunScheduled, task.TaskMade,
        lambda s: s.tasks.run_scheduled, _EXECUTE, "tasks", status=HTTPStatus.CREATED,
    ),
    Route(
        "task/run_continuously", task.RunContinuously, task.TaskMade,
        lambda s: s.tasks.run_continuously, _EXECUTE, "tasks", status=HTTPStatus.CREATED,
    ),
    Route("task/get_by_id", task.GetTask, task.Task, lambda s: s.tasks.get, _READ, "tasks"),
    Route(
        "task/list", task.ListTasks, list[task.Task],
        lambda s: s.tasks.list_tasks, _READ, "tasks", handler=ListHandler,
    ),
    Route(
        "task/get_tasks_by_orch_sha", task.GetTasksByOrchestration, task.TaskIds,
        lambda s: s.tasks.ids_by_orchestration, _READ, "tasks",
    ),
    Route(
        "task/kill", task.KillTask, task.Task, lambda s: s.tasks.kill, _EXECUTE, "tasks", status=HTTPStatus.ACCEPTED
    ),
    Route(
        "task/pause", task.PauseTask, task.Task,
        lambda s: s.tasks.pause, _EXECUTE, "tasks", status=HTTPStatus.ACCEPTED,
    ),
    Route(
        "task/list_task_runs", task.ListTaskRuns, list[task.TaskRun], lambda s: s.tasks.list_runs, _READ, "tasks"
    ),
    Route("task/get_logs_for_run", task.GetRunLogs, task.RunLogs, lambda s: s.tasks.logs, _READ, "tasks"),
    Route("task/get_run_details", task.GetRunDetails, task.TaskRun, lambda s: s.tasks.run_details, _READ, "tasks"),
)  # fmt: skip


UNKNOWN = Route(
    "unknown", config.Nothing, config.Nothing, by_hand, _READ, "api",
    handler=UnknownHandler, pattern=r"v\d+(?:/.*)?", root="",
)  # fmt: skip
"""What every other address of ours leads to."""


def handlers(base_url: str = "/") -> list[tuple[str, type[WallarooHandler]]]:
    """Return the URL patterns and a handler class of its own for each path."""
    by_path: defaultdict[str, list[Route]] = defaultdict(list)
    for route in (*ROUTES, UNKNOWN):
        by_path[url_path_join(base_url, ROOT_PATH, route.root, route.expression) + "/?"].append(route)
    return [(pattern, _handler(routes)) for pattern, routes in by_path.items()]


def _handler(routes: list[Route]) -> type[WallarooHandler]:
    first = routes[0]
    facts = {"route": first, "routes": {route.method: route for route in routes}, "__doc__": first.handler.__doc__}
    return type(first.class_name, (first.handler,), facts)
