"""All services of one server, opened and closed together."""

from __future__ import annotations

import asyncio
import platform
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from jupyter_wallaroo import __version__
from jupyter_wallaroo.engine.arena import Arena
from jupyter_wallaroo.errors import Unavailable
from jupyter_wallaroo.services.analysis import AnalysisService
from jupyter_wallaroo.services.apply import ApplyService
from jupyter_wallaroo.services.assay_runner import AssayRunner
from jupyter_wallaroo.services.assays import AssayService
from jupyter_wallaroo.services.assays_v1 import AssayV1Service
from jupyter_wallaroo.services.assays_v2 import AssayV2Service
from jupyter_wallaroo.services.clock import Clock
from jupyter_wallaroo.services.connections import ConnectionService
from jupyter_wallaroo.services.continuous import ContinuousTasks
from jupyter_wallaroo.services.conversion import ConversionService
from jupyter_wallaroo.services.deployable import Deployable
from jupyter_wallaroo.services.deployments import DeploymentService
from jupyter_wallaroo.services.history import HistoryService
from jupyter_wallaroo.services.inference import InferenceService
from jupyter_wallaroo.services.inference_logs import InferenceLogService
from jupyter_wallaroo.services.kernels import Kernels
from jupyter_wallaroo.services.models import ModelService
from jupyter_wallaroo.services.orchestration_tasks import TasksOfOrchestrations
from jupyter_wallaroo.services.orchestrations import OrchestrationService
from jupyter_wallaroo.services.overview import OverviewService
from jupyter_wallaroo.services.packaging import PackagingService
from jupyter_wallaroo.services.pipeline_news import PipelineNews
from jupyter_wallaroo.services.pipelines import PipelineService
from jupyter_wallaroo.services.planning import Planner
from jupyter_wallaroo.services.queue import Queue
from jupyter_wallaroo.services.root_folder import RootFolder
from jupyter_wallaroo.services.run_execution import RunExecution
from jupyter_wallaroo.services.run_planning import RunPlanner
from jupyter_wallaroo.services.runs import RunService
from jupyter_wallaroo.services.search import SearchService
from jupyter_wallaroo.services.sessions import SessionService, SessionSettings
from jupyter_wallaroo.services.specs import Specs
from jupyter_wallaroo.services.step_execution import StepExecutor
from jupyter_wallaroo.services.step_files import StepFiles
from jupyter_wallaroo.services.step_inference import StepInference
from jupyter_wallaroo.services.step_results import StepResults
from jupyter_wallaroo.services.tags import TagService
from jupyter_wallaroo.services.task_runs import RunSettings, TaskRunner
from jupyter_wallaroo.services.task_scheduler import TaskScheduler
from jupyter_wallaroo.services.task_scope import TaskScope
from jupyter_wallaroo.services.task_tokens import TaskTokens
from jupyter_wallaroo.services.tasks import TaskService, TaskSettings
from jupyter_wallaroo.services.traffic import TrafficService
from jupyter_wallaroo.services.users import UserService
from jupyter_wallaroo.services.workspace_users import WorkspaceUserService
from jupyter_wallaroo.services.workspaces import WorkspaceService
from jupyter_wallaroo.store import models, orchestrations
from jupyter_wallaroo.store.blobs import Blobs
from jupyter_wallaroo.store.data_directory import DataDirectory
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.store.secrets import Keyring
from jupyter_wallaroo.supervisor.doorway import Doors
from jupyter_wallaroo.supervisor.environments import Environments
from jupyter_wallaroo.supervisor.launch import LocalLauncher
from jupyter_wallaroo.supervisor.ray_cluster import RayCluster, RaySettings
from jupyter_wallaroo.supervisor.ray_launcher import RayLauncher
from jupyter_wallaroo.supervisor.ray_tasks import RayTasks
from jupyter_wallaroo.supervisor.spec import Limits, Resources
from jupyter_wallaroo.supervisor.supervisor import Supervisor
from jupyter_wallaroo.supervisor.task import LocalTasks, TaskLauncher
from jupyter_wallaroo.supervisor.task_folders import TaskFolders
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.config import Health, Nothing, ServerConfig
from jupyter_wallaroo.types.event import Notify
from jupyter_wallaroo.types.plan import Archive, Durability
from jupyter_wallaroo.types.run_plan import StoredRun


class Settings(Struct, frozen=True, kw_only=True):
    """What a server's configuration says; `server.app` documents each."""

    data_directory: Path
    internal_url: str
    engine_defaults: Resources
    queue_limit: int
    body_limit: int
    autoscale_limit: int
    body_budget: int
    direct_inference: bool
    request_time_limit_s: float
    load_time_limit_s: float
    log_inferences: bool
    log_durability: Durability
    log_max_bytes: int
    log_max_age_s: float
    allow_code_models: bool
    interactive_runs: int
    background_runs: int
    root_directory: Path
    parallel_steps: int
    run_history: int
    gateway_command: list[str]
    session_environments: dict[str, str]
    tasks: TaskSettings
    task_runs: RunSettings
    task_days: int
    ray: RaySettings | None = None
    """The cluster that replicas run on; None: they run on this machine."""
    tasks_on_ray: bool = False
    """Whether runs of tasks go to that cluster as well."""


class Services:
    """Made by `open`, which gives back a server's state; `close` ends it."""

    users: UserService
    workspaces: WorkspaceService
    conversions: ConversionService
    workspace_users: WorkspaceUserService
    connections: ConnectionService
    models: ModelService
    orchestrations: OrchestrationService
    pipeline_news: PipelineNews
    pipelines: PipelineService
    overview: OverviewService
    traffic: TrafficService
    deployments: DeploymentService
    applying: ApplyService
    history: HistoryService
    tags: TagService
    search: SearchService
    inference: InferenceService
    inference_logs: InferenceLogService
    doors: Doors | None
    assays: AssayV1Service
    assays_v2: AssayV2Service
    sessions: SessionService
    supervisor: Supervisor
    queue: Queue
    runs: RunService
    tasks: TaskService
    task_tokens: TaskTokens
    task_scope: TaskScope

    def __init__(self, settings: Settings, directory: DataDirectory, notify: Notify, kernels: Kernels) -> None:
        self._directory = directory
        self._store = Store(directory.path)
        self._blobs = Blobs(directory.blobs)
        self._archives = Blobs(directory.archives)
        self._arena = Arena(settings.body_budget)
        self.doors = _doors(settings) if settings.direct_inference and settings.ray is None else None
        limits = Limits(
            queue=settings.queue_limit,
            load_s=settings.load_time_limit_s,
            is_logged=settings.log_inferences,
            durability=settings.log_durability,
            work_directory=directory.empty,
            sidekick_directory=directory.sidekicks,
            arena=self._arena,
            doors=self.doors,
            autoscaled_replicas=settings.autoscale_limit,
        )
        archive = Archive(
            directory=str(directory.logs), max_bytes=settings.log_max_bytes, max_age_s=settings.log_max_age_s
        )
        self._cluster = RayCluster(settings.ray, limits.work_directory) if settings.ray else None
        launcher = RayLauncher(self._cluster, limits) if self._cluster else LocalLauncher(limits)
        self.supervisor = Supervisor(limits, archive, notify, launcher)
        self.users = UserService(self._store)
        self.workspaces = WorkspaceService(self._store)
        environments = Environments(directory.environments)
        self.conversions = ConversionService(
            self._store,
            self._blobs,
            environments,
            directory.empty,
            allow_code_models=settings.allow_code_models,
            notify=notify,
        )
        self.models = ModelService(self._store, self._blobs, self.workspaces, self.conversions)
        self._packaging = PackagingService(self._store, environments, notify)
        self.orchestrations = OrchestrationService(
            store=self._store,
            archives=self._archives,
            workspaces=self.workspaces,
            environments=environments,
            packaging=self._packaging,
            work_directory=directory.empty,
            notify=notify,
        )
        self.workspace_users = WorkspaceUserService(self._store, self.workspaces)
        self.connections = ConnectionService(self._store, Keyring(directory.keys), self.workspaces, notify)
        specs = Specs(
            store=self._store,
            blobs=self._blobs,
            directory=directory,
            models=self.models,
            environments=environments,
            defaults=settings.engine_defaults,
        )
        deployable = Deployable(self._store, self.models)
        self.pipeline_news = PipelineNews(self._store, notify)
        self.deployments = DeploymentService(
            store=self._store,
            deployable=deployable,
            specs=specs,
            supervisor=self.supervisor,
            news=self.pipeline_news,
            defaults=settings.engine_defaults,
            internal_url=settings.internal_url,
        )
        self.pipelines = PipelineService(
            store=self._store,
            workspaces=self.workspaces,
            models=self.models,
            deployable=deployable,
            deployments=self.deployments,
            news=self.pipeline_news,
        )
        self.overview = OverviewService(self._store, self.workspaces, self.pipelines, self.supervisor)
        self.traffic = TrafficService(self.pipelines)
        planner = Planner(
            store=self._store,
            workspaces=self.workspaces,
            models=self.models,
            deployable=deployable,
            deployments=self.deployments,
            defaults=settings.engine_defaults,
        )
        self.applying = ApplyService(planner, self.deployments)
        self.history = HistoryService(self._store, self.workspaces, self.deployments, settings.engine_defaults)
        self.tags = TagService(self._store, self.pipelines, self.models)
        self.search = SearchService(self._store, self.pipelines)
        self.inference = InferenceService(self.supervisor, settings.request_time_limit_s, self._arena)
        self.inference_logs = InferenceLogService(directory, self.workspaces, self.pipelines, self.supervisor)
        analysis = AnalysisService(directory, self.supervisor.analyst)
        clock = Clock()
        self._assay_runner = AssayRunner(self._store, analysis, clock, notify)
        assays = AssayService(
            store=self._store,
            workspaces=self.workspaces,
            analysis=analysis,
            clock=clock,
            wake=self._assay_runner.wake,
            notify=notify,
        )
        self.assays = AssayV1Service(assays, analysis, self.workspaces)
        self.assays_v2 = AssayV2Service(assays, analysis, self.workspaces)
        self.sessions = SessionService(
            self._store,
            SessionSettings(
                root=settings.root_directory,
                directory=directory.sessions,
                gateway_command=settings.gateway_command,
                environments=settings.session_environments,
            ),
        )
        self.queue = Queue(interactive=settings.interactive_runs, background=settings.background_runs)
        self.runs = self._make_runs(settings, kernels, notify)
        self._open_tasks(settings, clock, notify)

    def _make_runs(self, settings: Settings, kernels: Kernels, notify: Notify) -> RunService:
        files = StepFiles(self._directory.steps, Blobs(self._directory.step_blobs))
        inference = StepInference(self._store, self.supervisor, self.inference, files.blobs)
        results = StepResults(self._store, inference)
        executor = StepExecutor(files, kernels, inference)

        def make_execution(run: StoredRun, steps: list[str]) -> RunExecution:
            return RunExecution(
                run,
                steps,
                store=self._store,
                files=files,
                executor=executor,
                results=results,
                parallel=settings.parallel_steps,
                notify=notify,
            )

        return RunService(
            store=self._store,
            queue=self.queue,
            workspaces=self.workspaces,
            planner=RunPlanner(RootFolder(settings.root_directory), files.blobs, kernels, self.pipelines),
            results=results,
            files=files,
            kernels=kernels,
            make_execution=make_execution,
            notify=notify,
            history=settings.run_history,
        )

    def _open_tasks(self, settings: Settings, clock: Clock, notify: Notify) -> None:
        folders = TaskFolders(self._directory.tasks)
        self.task_tokens = TaskTokens()
        self.task_scope = TaskScope(self._store)
        runner = TaskRunner(
            store=self._store,
            folders=folders,
            launcher=self._task_launcher(settings, folders),
            orchestrations=self.orchestrations,
            tokens=self.task_tokens,
            settings=settings.task_runs,
            notify=notify,
        )
        continuous = ContinuousTasks(self._store, runner, clock)
        self._task_scheduler = TaskScheduler(
            store=self._store,
            runner=runner,
            continuous=continuous,
            queue=self.queue,
            folders=folders,
            clock=clock,
            kept_days=settings.task_days,
            notify=notify,
        )
        self.orchestrations.tasks = TasksOfOrchestrations(self._store, folders)
        self.tasks = TaskService(
            store=self._store,
            workspaces=self.workspaces,
            orchestrations=self.orchestrations,
            scheduler=self._task_scheduler,
            continuous=continuous,
            runner=runner,
            folders=folders,
            clock=clock,
            settings=settings.tasks,
            notify=notify,
        )

    def _task_launcher(self, settings: Settings, folders: TaskFolders) -> TaskLauncher:
        if not settings.tasks_on_ray:
            return LocalTasks(folders)
        if self._cluster is None:
            raise Unavailable(
                "WallarooApp.task_launcher is 'ray', but WallarooApp.launcher is not.",
                hint="Set both to 'ray', or leave task_launcher as it is.",
            )
        return RayTasks(self._cluster, folders, settings.engine_defaults.cpus)

    @classmethod
    async def open(cls, settings: Settings, notify: Notify, kernels: Kernels) -> Services:
        """Open the data directory, sweep what a kill left behind, and bring every wanted deployment back.

        Parameters
        ----------
        settings
            What the configuration says.
        notify
            Told of every event.
        kernels
            Where the steps of runs are executed.

        Raises
        ------
        Unavailable
            Another server has the data directory open.
        """
        directory = await asyncio.to_thread(DataDirectory, settings.data_directory)
        try:
            self = cls(settings, directory, notify, kernels)
        except BaseException:
            directory.close()
            raise
        try:
            await self._store.open()
            known = await self._store.read(models.known_shas)
            await asyncio.to_thread(self._blobs.sweep, known)
            await asyncio.to_thread(self._archives.sweep, await self._store.read(orchestrations.known_shas))
            await self.pipeline_news.learn()
            self.supervisor.start(await self.deployments.restore())
            self.conversions.start(await self._store.read(models.unready))
            await self._packaging.start()
            self._assay_runner.start()
            await self.runs.restore()
            await self.sessions.restore()
            await self._task_scheduler.start()
        except BaseException:
            await self.close(drain_s=0)
            raise
        return self

    async def close(self, *, drain_s: float) -> None:
        """Let requests under way finish, end every process, close the store."""
        await self._task_scheduler.stop()
        await self.sessions.close()
        await self._assay_runner.stop()
        await self.conversions.stop()
        await self._packaging.stop()
        await self.supervisor.stop(drain_s=drain_s)
        await self.deployments.close()
        await self._store.close()
        self._directory.close()
        self._arena.close()

    async def is_busy(self) -> bool:
        """Tell whether anything is under way or waits, so that a Hub must not cull the server."""
        at_work = self.supervisor.is_busy or self._task_scheduler.is_busy or self._packaging.is_busy
        return at_work or await self.sessions.is_busy()

    async def health(self, caller: Caller, request: Nothing) -> Health:
        """Return how the server is, counted from its processes."""
        deployments, running, wanted = self.supervisor.counts()
        return Health(
            status="ok" if running == wanted and self.supervisor.launcher.is_ready else "degraded",
            version=__version__,
            deployments=deployments,
            replicas_running=running,
            replicas_wanted=wanted,
            launcher=self.supervisor.launcher.state,
        )


def _doors(settings: Settings) -> Doors:
    return Doors(
        path=f"{urlsplit(settings.internal_url).path}/pipelines/infer",
        body_limit=settings.body_limit,
        body_budget=settings.body_budget,
        queue=settings.queue_limit,
        time_limit_s=settings.request_time_limit_s,
    )


def server_config() -> ServerConfig:
    """Return what anybody may know of this server (contract/rest.md: a client aborts without ``default_arch``)."""
    machine = platform.machine().lower()
    arch = "arm" if machine in ("arm64", "aarch64") else "power10" if machine.startswith("ppc") else "x86"
    return ServerConfig(default_arch=arch, version=__version__)
