"""The client: where everything in a notebook begins."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import InvalidRequest, NotFound
from jupyter_wallaroo.sdk import applying, audit, connection, discovery, pipeline, upload, workspace
from jupyter_wallaroo.sdk.api import Api
from jupyter_wallaroo.sdk.applying import Applied
from jupyter_wallaroo.sdk.assaying import Assaying
from jupyter_wallaroo.sdk.audit import AuditRecords
from jupyter_wallaroo.sdk.auth import Auth, AuthType, check_auth_type
from jupyter_wallaroo.sdk.client_catalog import Catalog
from jupyter_wallaroo.sdk.client_logs import LogReading
from jupyter_wallaroo.sdk.client_orchestrations import Orchestrating
from jupyter_wallaroo.sdk.client_runs import RunningGraphs
from jupyter_wallaroo.sdk.client_sessions import SessionKeeping
from jupyter_wallaroo.sdk.client_tasks import TaskWork
from jupyter_wallaroo.sdk.connection import Connection, Connections
from jupyter_wallaroo.sdk.direct import Pipe, Ways
from jupyter_wallaroo.sdk.engine_config import Acceleration
from jupyter_wallaroo.sdk.frames import ResultStyle
from jupyter_wallaroo.sdk.model import Models
from jupyter_wallaroo.sdk.model_version import ModelVersion
from jupyter_wallaroo.sdk.panels import ClientPanels
from jupyter_wallaroo.sdk.pipeline import Pipeline, Pipelines
from jupyter_wallaroo.sdk.user import User
from jupyter_wallaroo.sdk.workspace import Workspace, Workspaces
from jupyter_wallaroo.types.config import ServerConfig
from jupyter_wallaroo.types.user import QueryUsers, UsersById

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    import pyarrow as pa

    from jupyter_wallaroo.sdk.applying import Item
    from jupyter_wallaroo.sdk.deployment_config import DeploymentConfig
    from jupyter_wallaroo.sdk.engine_config import Architecture
    from jupyter_wallaroo.sdk.framework import Framework
    from jupyter_wallaroo.sdk.upload import Sample

REQUEST_TIMEOUT_S = 45.0


class Client(Assaying, LogReading, RunningGraphs, SessionKeeping, Orchestrating, TaskWork, ClientPanels, Catalog):
    """A session with a server; without arguments, with the one that this notebook runs under.

    Parameters
    ----------
    api_endpoint
        Jupyter's own address followed by ``/wallaroo``; default: the environment's ``WALLAROO_URL``, else the server
        that started this kernel.
    auth_endpoint
        Accepted for old notebooks; this server has one address.
    auth_type
        ``token``, or None for the same.
    request_timeout
        Seconds that a call may take; default: the environment's ``WALLAROO_REQUEST_TIMEOUT``, else 45.
    result_style
        ``"2023"`` for results with ``check_failures``, ``"2024"`` for ``anomaly.count`` (A14); default: the
        environment's ``WALLAROO_RESULT_STYLE``, else 2023.
    token
        Jupyter's token; default: from the file in ``WALLAROO_SDK_CREDENTIALS``, else the server's own.

    Raises
    ------
    InvalidRequest
        No server or token is known, or the server does not offer ``auth_type``; says what to do.
    CommunicationError
        Nobody answers there.

    Examples
    --------
    >>> import wallaroo  # doctest: +SKIP
    >>> wl = wallaroo.Client()  # doctest: +SKIP
    >>> pipeline = wl.build_pipeline("house-prices")  # doctest: +SKIP
    >>> pipeline.add_model_step(wl.upload_model("rf", "rf_model.onnx")).deploy()  # doctest: +SKIP
    """

    def __init__(
        self,
        api_endpoint: str | None = None,
        *,
        auth_endpoint: str | None = None,  # noqa: ARG002  the tutorials pass it
        auth_type: str | AuthType | None = None,
        request_timeout: float | None = None,
        result_style: str | None = None,
        token: str | None = None,
    ) -> None:
        check_auth_type(auth_type or os.environ.get("WALLAROO_SDK_AUTH_TYPE") or None)
        endpoint, credentials = discovery.find(api_endpoint, token)
        self.auth = Auth(credentials)
        self.result_style = ResultStyle.of(
            result_style or os.environ.get("WALLAROO_RESULT_STYLE") or ResultStyle.CHECK_FAILURES
        )
        self.api = Api(endpoint, self.auth, _timeout_s(request_timeout))
        self.ways = Ways(self.api)
        config = self.api.get("config", ServerConfig)
        self.default_arch, self.server_version = config.default_arch, config.version
        self._current: Workspace | None = None

    @property
    def api_endpoint(self) -> str:
        """The address that ``/v1/api/…`` follows (S5-22)."""
        return self.api.endpoint

    def close(self) -> None:
        """End the session; more than once is fine, and a client that is forgotten ends its own."""
        self.api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.api_endpoint!r})"

    # ---------------------------------------------------------------- workspaces and users

    def list_workspaces(self) -> Workspaces:
        """Return all workspaces, oldest first."""
        return workspace.fetch_all(self)

    def create_workspace(self, workspace_name: str) -> Workspace:
        """Make a workspace and return it; a name that is taken raises `Conflict`."""
        return workspace.create(self, workspace_name)

    def get_workspace(self, name: str, create_if_not_exist: bool = False) -> Workspace:  # noqa: FBT001, FBT002
        """Return the workspace called ``name``, made when it is not there and that was asked for."""
        try:
            return workspace.fetch(self, name=name)
        except NotFound:
            if not create_if_not_exist:
                raise
            return workspace.create(self, name)

    def get_current_workspace(self) -> Workspace:
        """Return the workspace that calls mean which do not say (S2-18); at first the user's default one."""
        if self._current is None:
            self._current = workspace.fetch(self)
        return self._current

    def set_current_workspace(self, workspace: Workspace) -> Workspace:
        """Make ``workspace`` the one that later calls mean, and return it."""
        if not isinstance(workspace, Workspace):
            raise TypeError(f"set_current_workspace takes a Workspace; got {type(workspace).__name__}.")
        self._current = workspace
        return workspace

    def workspace_name(self, workspace_id: int) -> str:
        """Return the name of the workspace with an id."""
        return workspace.fetch(self, id=workspace_id).name()

    def list_users(self) -> list[User]:
        """Return everybody who has called this server."""
        return [User(facts) for facts in self.api.call("users/query", QueryUsers(), UsersById).users.values()]

    def get_user_by_email(self, email: str) -> User | None:
        """Return the user with an e-mail address (or user name), None when there is none."""
        return next((user for user in self.list_users() if email in (user.email(), user.username())), None)

    # ---------------------------------------------------------------- models

    def upload_model(  # noqa: PLR0917  the vendor's signature
        self,
        name: str,
        path: str | Path | Any,
        framework: Framework | str | None = None,
        input_schema: pa.Schema | None = None,
        output_schema: pa.Schema | None = None,
        convert_wait: bool = True,  # noqa: FBT001, FBT002
        arch: Architecture | str | None = None,
        accel: Acceleration | str | None = None,
        *,
        requirements: Sequence[str] = (),
        framework_config: dict[str, Any] | None = None,
        sample: Sample | Any | None = None,
    ) -> ModelVersion:
        """Upload a model to the current workspace as a version of model ``name``, and return it.

        Parameters
        ----------
        path
            A file, or a fitted model or module in a variable, which is converted to ONNX (see `live_models.convert`).
        framework
            Where the model comes from; None is enough for ONNX (A27).
        input_schema, output_schema
            Arrow schemas of what the model takes and gives, where its file does not say.
        convert_wait
            Whether to wait until a model that is not ONNX is ready.
        arch, accel
            The processor and accelerator it is for; default: the server's own.
        requirements
            Python packages it needs, as pip names them.
        framework_config
            As contract/deployment_config.md has it.
        sample
            Up to 1,000 rows of input, by which the model is tried out.

        Raises
        ------
        InvalidRequest
            There is no such file, or its framework has to be said; lists the likely ones.
        ModelRefused, ModelConversionError
            The server did not take it, or could not make it ready; says why.
        """
        version = upload.upload(
            self,
            name,
            path,
            framework,
            input_schema=input_schema,
            output_schema=output_schema,
            requirements=requirements,
            arch=str(arch) if arch else None,
            accel=str(accel) if accel else None,
            framework_config=framework_config,
            sample=sample,
        )
        return upload.wait_until_ready(version) if convert_wait else version

    def list_models(self) -> Models:
        """Return the models of the current workspace, oldest first."""
        return self.get_current_workspace().models()

    def get_model(self, name: str, version: str | None = None) -> ModelVersion:
        """Return the newest version of a model of the current workspace or, with ``version`` (a UUID), that one.

        The tutorials since 2024 use what this returns as a pipeline's step.

        Raises
        ------
        EntityNotFoundError
            There is none; names the nearest.
        """
        for model in self.get_current_workspace().models(name):
            if model.name() == name:
                return model.versions()[-1] if version is None else model.version(version)
        raise errors.not_found("Model", name, [model.name() for model in self.list_models()])

    # ---------------------------------------------------------------- pipelines

    def build_pipeline(self, pipeline_name: str) -> Pipeline:
        """Make a pipeline without steps in the current workspace, or a new version of the one there is."""
        return pipeline.build(self, pipeline_name, self.get_current_workspace().id())

    def get_pipeline(self, name: str, version: str | None = None) -> Pipeline:
        """Return the pipeline called ``name`` in the current workspace, with the steps of ``version`` (a UUID) if any.

        Raises
        ------
        EntityNotFoundError
            There is none; names the nearest.
        """
        return pipeline.with_version(Pipeline.fetch(self, name, self.get_current_workspace().id()), version)

    def pipelines_by_name(self, pipeline_name: str) -> Pipelines:
        """Return the pipelines called so, the one of the current workspace first.

        Raises
        ------
        EntityNotFoundError
            There is none (S5-15); names the nearest.
        """
        here = self.get_current_workspace().id()
        called = pipeline.fetch_all(self, workspace_id=None, name=pipeline_name)
        found = [item for item in called if item.name() == pipeline_name]
        if not found:
            known = sorted({item.name() for item in self.list_pipelines()})
            raise errors.not_found("Pipeline", pipeline_name, known)
        return Pipelines(sorted(found, key=lambda item: item.workspace_id() != here))

    def list_pipelines(self) -> Pipelines:
        """Return the pipelines of all workspaces, oldest first."""
        return pipeline.fetch_all(self, workspace_id=None)

    def apply(
        self,
        items: Item | Sequence[Item] | str,
        dry_run: bool = False,  # noqa: FBT001, FBT002  as the route has it
        atomic: bool = True,  # noqa: FBT001, FBT002
        *,
        wait_for_status: bool = True,
    ) -> Applied:
        """Make pipelines as they are written down, wait until they run, and return what became of each.

        No other pipeline is touched, and each answers as before until its new version is ready.

        Parameters
        ----------
        items
            Pipelines as ``pipelines/apply`` takes them, in the current workspace where they do not say; or YAML text. A
            model version may stand wherever a model is named.
        dry_run
            Whether only to say what would change.
        atomic
            Whether all are applied or, when one cannot be, none.
        wait_for_status
            Whether to wait.

        Raises
        ------
        InvalidRequest, EntityNotFoundError, Conflict
            A pipeline cannot be as it is written, so nothing was changed; names it, and the place in it.
        DeploymentError
            One does not come up; says the server's reason. What ran before goes on.

        Examples
        --------
        >>> print(wl.apply({"name": "fraud", "steps": [{"model": "ccfraud"}]}, dry_run=True))  # doctest: +SKIP
        + fraud (workspace 'team')
            + step 0, model: 'ccfraud' version 0b989008 (sha 9f86d081)
            + deployed as 'fraud'
        Plan: 1 to add.
        """
        return applying.apply(self, items, dry_run=dry_run, atomic=atomic, wait_for_status=wait_for_status)

    def audit(
        self,
        pipeline: str | None = None,
        workspace: Workspace | None = None,
        limit: int = 100,
        before_id: int | None = None,
    ) -> AuditRecords:
        """Return who changed what, newest first: of pipelines with a name, of a workspace, or of the whole server.

        Parameters
        ----------
        limit
            Records, at most 1,000.
        before_id
            The id of the last record of the page before.
        """
        workspace_id = None if workspace is None else workspace.id()
        return audit.fetch(self, pipeline=pipeline, workspace_id=workspace_id, limit=limit, before_id=before_id)

    def completed(self, config: DeploymentConfig) -> DeploymentConfig:
        """Return a deployment configuration with what it leaves open: workspace, architecture, accelerator."""
        if not isinstance(config, dict):
            raise InvalidRequest(
                f"deployment_config: expected a dict; got {type(config).__name__}.",
                hint="DeploymentConfigBuilder()….build() gives one: is the .build() missing?",
            )
        found = copy.deepcopy(config)
        found.setdefault("workspace_id", self.get_current_workspace().id())
        for part in (found.setdefault("engine", {}), *found.get("engineAux", {}).get("images", {}).values()):
            part.setdefault("arch", self.default_arch)
            part.setdefault("accel", str(Acceleration.NONE))
        return found

    def infer_url(self, deployment_name: str, pipeline_name: str) -> str:
        """Return the address that takes a deployment's inferences, on the server this client talks to."""
        return self.ways.through_jupyter(Pipe(deployment_name, pipeline_name, 0)).url

    # ---------------------------------------------------------------- connections

    def create_connection(self, name: str, connection_type: str, details: dict[str, Any]) -> Connection:
        """Make a connection and return it; a name that is taken anywhere on the server raises `Conflict` (S2-03)."""
        return connection.create(self, name, connection_type, details)

    def list_connections(self) -> Connections:
        """Return the connections of the whole server (S2-06)."""
        return connection.fetch_all(self, workspace_id=None)

    def get_connection(self, name: str) -> Connection:
        """Return the connection called ``name``.

        Raises
        ------
        ConnectionNotFound
            There is none; an `EntityNotFoundError` and a `RequiredAttributeMissing` (A26).
        """
        return connection.fetch(self, name)


def _timeout_s(given: float | None) -> float:
    text = os.environ.get("WALLAROO_REQUEST_TIMEOUT")
    if given is None and not text:
        return REQUEST_TIMEOUT_S
    try:
        timeout_s = float(text or "") if given is None else float(given)
    except ValueError:
        timeout_s = 0.0
    if not timeout_s > 0:
        raise InvalidRequest(
            f"request_timeout: expected seconds above 0; got {given if given is not None else text!r}."
        )
    return timeout_s
