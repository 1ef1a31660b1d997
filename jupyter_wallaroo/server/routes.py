"""The table of all routes, and what is made from it: handlers, the OpenAPI document, the tests of authorisation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from jupyter_server.utils import url_path_join

from jupyter_wallaroo.server.handlers.base import API_PATH, WallarooHandler
from jupyter_wallaroo.server.handlers.infer import InferHandler
from jupyter_wallaroo.server.handlers.json_body import ConfigHandler, GetHandler, OpenApiHandler, PostHandler
from jupyter_wallaroo.server.handlers.logs import LogsHandler
from jupyter_wallaroo.server.handlers.unknown import UnknownHandler
from jupyter_wallaroo.server.handlers.upload import MultipartUploadHandler, RawUploadHandler
from jupyter_wallaroo.types import config, deployment, inference_log, model, pipeline, user, workspace
from jupyter_wallaroo.types.caller import Caller

if TYPE_CHECKING:
    from jupyter_wallaroo.services.services import Services

ServiceCall = Callable[[Caller, Any], Awaitable[Any]]


class Action(StrEnum):
    """What Jupyter's authorizer is asked about; Wallaroo reads by POST, so the method does not tell."""

    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table.

    Parameters
    ----------
    path
        Below ``{base_url}wallaroo/v1/api/``, as OpenAPI writes it.
    request, response
        The structs of the wire; for a handler of bytes, what stands in for them.
    service
        Finds the call that answers.
    action, resource
        What the caller must be allowed to do, with which noun (``wallaroo:<resource>``).
    handler
        The class to derive from; its own only where bytes are moved.
    is_public
        Whether nobody needs to be logged in.
    pattern
        The regular expression of the path, where it has parameters.
    """

    path: str
    request: type
    response: Any
    service: Callable[[Services], ServiceCall]
    action: Action
    resource: str
    handler: type[WallarooHandler] = PostHandler
    method: Literal["GET", "POST"] = "POST"
    is_public: bool = False
    pattern: str = field(default="")

    @property
    def class_name(self) -> str:
        """The name of the handler class, which metrics and logs show."""
        words = "".join(part.capitalize() for part in self.path.partition("{")[0].replace("/", "_").split("_"))
        return f"{words.replace('.', '')}Handler"


def _by_hand(_: Services) -> ServiceCall:
    raise AssertionError("a handler of bytes calls its service itself")


_INFER = "pipelines/infer/{deploy_id}-{deployment_id}"
_INFER_PATTERN = r"pipelines/infer/([A-Za-z0-9][A-Za-z0-9._-]*)-(\d{1,18})"
_READ, _WRITE, _EXECUTE = Action

ROUTES: tuple[Route, ...] = (
    Route(
        f"{_INFER}/{{pipeline_name}}", dict, list[dict[str, Any]], _by_hand, _EXECUTE, "inference",
        handler=InferHandler, pattern=rf"{_INFER_PATTERN}/([^/]+)",
    ),
    Route(
        _INFER, dict, list[dict[str, Any]], _by_hand, _EXECUTE, "inference",
        handler=InferHandler, pattern=_INFER_PATTERN,
    ),
    Route(
        "config", config.Nothing, config.ServerConfig, _by_hand, _READ, "config",
        handler=ConfigHandler, method="GET", is_public=True,
    ),
    Route("openapi.json", config.Nothing, dict, _by_hand, _READ, "config", handler=OpenApiHandler, method="GET"),
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
        "models/upload", model.UploadModel, model.ModelUploaded, _by_hand, _WRITE, "models",
        handler=MultipartUploadHandler,
    ),
    Route(
        "models/upload_stream", model.UploadModel, model.ModelUploaded, _by_hand, _WRITE, "models",
        handler=RawUploadHandler,
    ),
    Route("models/list", model.ListModels, model.ModelList, lambda s: s.models.list_models, _READ, "models"),
    Route("models/get", model.GetModel, model.ModelDetails, lambda s: s.models.get, _READ, "models"),
    Route(
        "models/list_versions", model.ListModelVersions, list[model.ModelVersionEntry],
        lambda s: s.models.list_versions, _READ, "models",
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
        "pipelines/get_pipeline_by_name", pipeline.GetPipeline, pipeline.ListedPipeline,
        lambda s: s.pipelines.get, _READ, "pipelines",
    ),
    Route(
        "pipelines/list_pipelines", pipeline.ListPipelines, pipeline.PipelineList,
        lambda s: s.pipelines.list_pipelines, _READ, "pipelines",
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
        "pipelines/get_logs", inference_log.GetLogs, list[dict[str, Any]], _by_hand, _READ, "inference_logs",
        handler=LogsHandler,
    ),
)  # fmt: skip


UNKNOWN = Route("unknown", config.Nothing, config.Nothing, _by_hand, _READ, "api", handler=UnknownHandler, pattern=".*")
"""What every other address below the API leads to."""


def handlers(base_url: str = "/") -> list[tuple[str, type[WallarooHandler]]]:
    """Return the URL patterns and a handler class of its own for each route."""
    return [
        (
            url_path_join(base_url, API_PATH, route.pattern or route.path.replace(".", r"\.")) + "/?",
            type(route.class_name, (route.handler,), {"route": route, "__doc__": route.handler.__doc__}),
        )
        for route in (*ROUTES, UNKNOWN)
    ]
