"""The extension application: configuration, start and end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.paths import jupyter_data_dir
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.utils import url_path_join
from traitlets import Bool, Dict, Enum, Float, Int, List, Unicode, default

from jupyter_wallaroo import __version__
from jupyter_wallaroo.errors import Unavailable, WallarooError
from jupyter_wallaroo.server.body_room import BodyRoom
from jupyter_wallaroo.server.crowds import expect_crowds
from jupyter_wallaroo.server.events import EventBus
from jupyter_wallaroo.server.fast_path.router import FastPath
from jupyter_wallaroo.server.handlers.base import API_PATH, ROOT_PATH
from jupyter_wallaroo.server.identity import Hosts, Identities
from jupyter_wallaroo.server.kernel_access import URL, KernelAccess
from jupyter_wallaroo.server.local_address import local_url
from jupyter_wallaroo.server.metrics import Metrics
from jupyter_wallaroo.server.receiving import Receiving
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.plan import Durability
from jupyter_wallaroo.types.user import User

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp
    from tornado.web import Application

    from jupyter_wallaroo.services.services import Services, Settings
    from jupyter_wallaroo.services.task_tokens import TaskGrant
    from jupyter_wallaroo.supervisor.ray_cluster import RaySettings
    from jupyter_wallaroo.types.tally import Tally

ACTIVITY_PERIOD_S = 30.0


class WallarooApp(ExtensionApp):
    """Serves models from this Jupyter server."""

    name = "wallaroo"
    description = "Deploy, serve and log models from this Jupyter server."
    version = __version__
    load_other_extensions = True

    data_directory = Unicode(
        config=True,
        help="Where models, logs and the database are kept; one server at a time may use it. Private to your user. "
        "Default: 'wallaroo' in Jupyter's data directory.",
    )
    default_replicas = Int(
        1, min=1, max=64, config=True, help="Engine processes of a deployment that does not say how many."
    )
    default_cpus = Float(
        1.0, min=0.01, config=True, help="CPUs per engine process of a deployment that does not say. Sets threads only."
    )
    default_memory = Unicode(
        "4Gi",
        config=True,
        help="Memory per engine process of a deployment that does not say, as '512Mi' or '4Gi'; '' for no limit. "
        "A process over it is ended and started again.",
    )
    autoscale_limit = Int(
        64,
        min=1,
        config=True,
        help="Engine processes of all deployments together up to which autoscaling adds more. Those that a deployment "
        "is to have at least are started in any case.",
    )
    queue_limit = Int(
        1024, min=1, config=True, help="Requests that one deployment holds at once; more are answered 503 at once."
    )
    request_time_limit_s = Float(
        120.0, min=0.1, config=True, help="Seconds until an inference that has no answer is answered 504."
    )
    load_time_limit_s = Float(
        300.0, min=1.0, config=True, help="Seconds an engine process may take to load its models."
    )
    inference_body_limit = Int(64 * 2**20, min=1, config=True, help="Bytes that one inference request may have.")
    body_budget = Int(
        256 * 2**20, min=1, config=True, help="Bytes that all inference requests under way may have together."
    )
    direct_inference = Bool(
        True,
        config=True,
        help="Whether engine processes also take inferences on a port of the loopback, one per deployment, without "
        "Jupyter between; limits and tokens are the same, and one more token opens this port only. False: Jupyter is "
        "the only door.",
    )
    allow_code_models = Bool(
        True,
        config=True,
        help="Whether models are taken whose format runs code of their own when it is loaded: Python steps, custom "
        "models, pickles, TorchScript, SavedModels. They run in processes of their own, as your user.",
    )
    upload_limit = Int(16 * 2**30, min=1, config=True, help="Bytes that an uploaded model may have.")
    log_inferences = Bool(
        True,
        config=True,
        help="Whether inferences are logged. False: logs stay as they are, assays find nothing new, and 10,000 rows of "
        "Arrow are answered in about half the time; one row of JSON gains little.",
    )
    log_durability = Enum(
        [durability.value for durability in Durability],
        Durability.SECOND.value,
        config=True,
        help="When inference records are forced to disk: 'never', within a 'second', or before each 'answer'. A killed "
        "process loses none in any case; a power cut may lose those not yet on disk.",
    )
    log_max_bytes = Int(
        10 * 2**30,
        min=0,
        config=True,
        help="Bytes of inference records kept per pipeline, oldest go first; 0: no limit.",
    )
    log_max_age_s = Float(0.0, min=0.0, config=True, help="Seconds that inference records are kept; 0: for ever.")
    interactive_runs = Int(
        4, min=1, config=True, help="Runs and tasks that a person started which run at once; more wait for their turn."
    )
    background_runs = Int(
        2, min=1, config=True, help="Runs and tasks in the background which run at once; more wait for their turn."
    )
    parallel_steps = Int(
        2, min=1, config=True, help="Steps of one run of a step graph that run at once, each on a kernel of its own."
    )
    run_history = Int(
        1000,
        min=1,
        config=True,
        help="Runs of step graphs that are kept once they have ended, with their notebooks and what their steps left.",
    )
    max_schedules = Int(100, min=0, config=True, help="Scheduled tasks that there may be at once; 0: no limit.")
    max_continuous_tasks = Int(
        8, min=0, config=True, help="Tasks that run all the time, of which there may be so many; 0: no limit."
    )
    time_zone = Unicode(
        config=True,
        help="The time zone of schedules that do not say theirs, as 'Europe/Berlin'. Default: that of this machine.",
    )
    task_time_limit_s = Int(
        86_400, min=0, config=True, help="Seconds until a run of a task without a timeout is ended; 0: never."
    )
    task_memory = Unicode(
        "4Gi",
        config=True,
        help="Memory that all processes of a task may have together, as '512Mi' or '4Gi'; '' for no limit.",
    )
    task_cpu_limit_s = Int(
        0, min=0, config=True, help="Seconds of CPU that each process of a task may use; 0: no limit."
    )
    task_file_limit = Int(
        2**30, min=0, config=True, help="Bytes that a file which a task writes may have; 0: no limit."
    )
    task_process_limit = Int(
        512, min=0, config=True, help="Processes that a task may have at once; one over it is ended. 0: no limit."
    )
    task_log_limit = Int(
        10 * 2**20, min=2**10, config=True, help="Bytes of what a run of a task prints that are kept, and its end."
    )
    task_log_days = Int(30, min=0, config=True, help="Days that runs of tasks and their logs are kept; 0: for ever.")
    pipelines: List[object] = List(
        config=True,
        help="Pipelines as pipelines/apply takes them, applied once when the server starts, as its owner. What cannot "
        "be is logged; Jupyter starts all the same. A YAML file that WALLAROO_PIPELINES names is applied before.",
    )
    gateway_command = List(
        Unicode(),
        ["jupyter-enterprisegateway"],
        config=True,
        help="What starts a Jupyter Enterprise Gateway for a session, as a program and its arguments. It belongs in an "
        "environment of its own; what it needs besides is taken from the variables EG_… of this server.",
    )
    session_environments = Dict(
        key_trait=Unicode(),
        value_trait=Unicode(),
        config=True,
        help="Environments of Python by the image_name that stands for them in the kernelspecs of sessions' projects; "
        "one that is not here is taken for a path or a registered kernelspec.",
    )
    launcher = Enum(
        ["local", "ray"],
        "local",
        config=True,
        help="Where engine processes run: 'local', on this machine, or 'ray', on the nodes of a Ray cluster, which "
        "need the same version of jupyter-wallaroo[ray] as this server.",
    )
    task_launcher = Enum(
        ["local", "ray"],
        default_value="local",
        config=True,
        help="Where runs of tasks go: 'local', on this machine, or 'ray', to the nodes of launcher's Ray cluster: they "
        "have to reach this server, so ServerApp.ip must be its address in their network. What an orchestration "
        "requires must be there under the same path.",
    )
    ray_address = Unicode(
        "auto",
        config=True,
        help="The Ray cluster, as ray.init takes it: 'host:6379' from a machine that belongs to it, or 'auto'.",
    )
    ray_namespace = Unicode(config=True, help="The namespace of the server's actors. Default: one of their own.")
    ray_model_cache = Int(
        20 * 2**30,
        min=0,
        config=True,
        help="Bytes of model files that each node of the Ray cluster keeps; what was not used for longest goes first, "
        "but nothing that was used in the last hour. 0: all are kept.",
    )
    ray_token = Unicode(
        config=True,
        help="The token of a cluster with token authentication. Default: as Ray finds it (RAY_AUTH_TOKEN, "
        "RAY_AUTH_TOKEN_PATH, ~/.ray/auth_token).",
    )
    drain_time_limit_s = Float(
        5.0, min=0.0, config=True, help="Seconds that requests under way may take to finish when the server stops."
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel_access = KernelAccess()
        self.identities = Identities(self.kernel_access)
        self.hosts = Hosts()
        self.receiving = Receiving()
        self.fast_path = FastPath(self)
        self.metrics: Metrics
        self.body_room: BodyRoom
        self._services: Services | None = None
        self._failure: WallarooError | None = None
        self._activity: asyncio.Task[None] | None = None

    @default("data_directory")
    def _default_data_directory(self) -> str:
        return str(Path(jupyter_data_dir()) / "wallaroo")

    @property
    def services(self) -> Services:
        """The services, once they are open.

        Raises
        ------
        Unavailable
            They are opening, or could not be opened; says why.
        """
        if self._services is None:
            raise self._failure or Unavailable("The server is starting.", hint="Try again in a moment.")
        return self._services

    @property
    def is_open(self) -> bool:
        """Whether the services are open."""
        return self._services is not None

    def count_inference(self, pipeline_id: int, status: int, seconds: float, rows: int, anomalies: int) -> None:
        """Count one inference request, see `Metrics.observe`."""
        self.metrics.observe(pipeline_id, status, seconds, rows, anomalies)
        if self._services is not None:
            self._services.traffic.observe(pipeline_id, status, seconds, rows, anomalies)

    def task_grant(self, authorization: str) -> TaskGrant | None:
        """Return what a task may do that sent this ``Authorization`` header, None when no task's token is in it."""
        return self._services.task_tokens.find(authorization) if self._services is not None else None

    def initialize_settings(self) -> None:
        """Make the application known to the handlers (Jupyter calls this)."""
        self.settings["wallaroo"] = self

    def initialize_handlers(self) -> None:
        """Register the routes (Jupyter calls this); they bring all words of the wire with them."""
        from jupyter_wallaroo.server.routes import INFER_PATHS, handlers

        self.handlers.extend(handlers())
        assert self.serverapp is not None, "Jupyter links it first"
        fast = url_path_join(self.serverapp.base_url, API_PATH, INFER_PATHS)
        application: Application = self.serverapp.web_app
        application.add_handlers(".*$", [(fast, self.fast_path)])  # before the full handlers

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Open the services once the event loop runs (Jupyter calls this); Jupyter starts even when they cannot."""
        from jupyter_wallaroo.server.kernels import JupyterKernels
        from jupyter_wallaroo.services.services import Services

        settings = self._settings(serverapp)
        self._announce_to_kernels(serverapp, settings.data_directory)
        try:
            assert serverapp.event_logger is not None, "Jupyter makes it before it starts extensions"
            notify = EventBus(serverapp.event_logger).notify
            self.body_room = BodyRoom(settings.body_budget)
            self._services = await Services.open(settings, notify, JupyterKernels(serverapp))
            self.metrics = Metrics(self._services, shows_names=serverapp.authenticate_prometheus)
            self._watch_doors(serverapp, self._services)
            await self._grant_to_kernels(serverapp, self._services)
        except WallarooError as error:
            self.kernel_access.withdraw()
            self._failure = error
            self.log.error("wallaroo: %s %s", error.message, error.hint)
            return
        except Exception as error:  # the edge to Jupyter, which starts even when we cannot
            self.kernel_access.withdraw()
            self._failure = Unavailable(
                f"The models' server could not be started ({type(error).__name__}).", hint="Jupyter's log says why."
            )
            self.log.exception("wallaroo: the services could not be opened")
            return
        self._activity = asyncio.get_running_loop().create_task(self._report_activity())
        self.receiving.watch()
        self._show_metrics()
        await self._apply_pipelines(serverapp, self._services, settings.internal_url)
        self.fast_path.open()
        expect_crowds(serverapp)
        self.log.info("wallaroo: serving at %s", local_url(serverapp, API_PATH))

    async def stop_extension(self) -> None:
        """End every process of ours, letting requests under way finish (Jupyter calls this)."""
        services, self._services = self._services, None
        self._failure = Unavailable("The server is stopping.")
        self.kernel_access.withdraw()
        if self._activity is not None:
            self._activity.cancel()
        self.receiving.stop()
        if services is not None:
            self.metrics.unregister()
        if services is not None:
            await services.close(drain_s=self.drain_time_limit_s)
        self.fast_path.close()

    def _settings(self, serverapp: ServerApp) -> Settings:
        from jupyter_wallaroo.services.resources import memory_bytes
        from jupyter_wallaroo.services.schedules import local_time_zone
        from jupyter_wallaroo.services.services import Settings
        from jupyter_wallaroo.services.task_runs import RunSettings
        from jupyter_wallaroo.services.tasks import TaskSettings
        from jupyter_wallaroo.supervisor.spec import Resources
        from jupyter_wallaroo.types.task_process import TaskLimits

        return Settings(
            data_directory=Path(self.data_directory).expanduser().absolute(),
            internal_url=local_url(serverapp, API_PATH),
            engine_defaults=Resources(
                replicas=self.default_replicas,
                cpus=self.default_cpus,
                memory_bytes=memory_bytes(self.default_memory) if self.default_memory else 0,
            ),
            queue_limit=self.queue_limit,
            body_limit=self.inference_body_limit,
            autoscale_limit=self.autoscale_limit,
            body_budget=self.body_budget,
            direct_inference=self.direct_inference,
            request_time_limit_s=self.request_time_limit_s,
            load_time_limit_s=self.load_time_limit_s,
            log_inferences=self.log_inferences,
            log_durability=Durability(self.log_durability),
            log_max_bytes=self.log_max_bytes,
            log_max_age_s=self.log_max_age_s,
            allow_code_models=self.allow_code_models,
            interactive_runs=self.interactive_runs,
            background_runs=self.background_runs,
            root_directory=Path(serverapp.root_dir),
            parallel_steps=self.parallel_steps,
            run_history=self.run_history,
            gateway_command=list(self.gateway_command),
            session_environments=dict(self.session_environments),
            tasks=TaskSettings(
                max_schedules=self.max_schedules,
                max_continuous=self.max_continuous_tasks,
                time_zone=self.time_zone or local_time_zone(),
            ),
            task_runs=RunSettings(
                url=local_url(serverapp, ROOT_PATH),
                time_limit_s=self.task_time_limit_s,
                limits=TaskLimits(
                    memory_bytes=memory_bytes(self.task_memory) if self.task_memory else 0,
                    cpu_s=self.task_cpu_limit_s,
                    file_bytes=self.task_file_limit,
                    processes=self.task_process_limit,
                    log_bytes=self.task_log_limit,
                ),
            ),
            task_days=self.task_log_days,
            ray=self._ray(),
            tasks_on_ray=self.task_launcher == "ray",
        )

    def _ray(self) -> RaySettings | None:
        from jupyter_wallaroo.supervisor.ray_cluster import RaySettings

        if self.launcher != "ray":
            return None
        return RaySettings(
            address=self.ray_address,
            namespace=self.ray_namespace,
            token=self.ray_token,
            model_cache_bytes=self.ray_model_cache,
        )

    def _watch_doors(self, serverapp: ServerApp, services: Services) -> None:
        """Decide who may use the doors that replicas answer themselves, and count what they answer as all else."""
        from jupyter_wallaroo.server.door_access import DoorAccess

        def count(pipeline_id: int, tally: Tally) -> None:
            self.metrics.add(pipeline_id, tally)
            services.traffic.add(pipeline_id, tally)
            self.report_activity()

        if services.doors is not None:
            services.doors.allows = DoorAccess(self, serverapp.web_app).verdict
            services.doors.counted = count

    def report_activity(self) -> None:
        """Tell Jupyter that this server is in use, so that a Hub does not cull it."""
        from jupyter_server._tz import utcnow

        self.settings["last_activity_times"]["wallaroo"] = utcnow()

    def _announce_to_kernels(self, serverapp: ServerApp, data_directory: Path) -> None:
        """Tell kernels of us before the first wait: Jupyter may start one while the services open."""
        if serverapp.sock:
            self.log.info("wallaroo: on a Unix socket, which its client cannot call: kernels get no %s", URL)
        elif not self.kernel_access.announce(local_url(serverapp, ROOT_PATH), data_directory):
            self.log.info("wallaroo: %s is set already and kernels keep it", URL)

    async def _grant_to_kernels(self, serverapp: ServerApp, services: Services) -> None:
        """Let kernels call as the owner; where that cannot be written down, everybody else is served all the same."""
        try:
            owner = await self._owner(serverapp, services)
            await asyncio.to_thread(self.kernel_access.grant, owner)
        except WallarooError as error:
            self.kernel_access.withdraw()
            self.log.error("wallaroo: kernels cannot call without a token of their own: %s", error.message)

    def _show_metrics(self) -> None:
        """Have Jupyter's own ``/metrics`` show ours."""
        from prometheus_client import REGISTRY

        try:
            self.metrics.register(REGISTRY)
        except ValueError:
            self.log.warning("wallaroo: another server in this process shows its metrics; those of this one are not")

    async def _owner(self, serverapp: ServerApp, services: Services) -> User:
        provider = serverapp.identity_provider
        username, display_name = self.identities.username(provider, self.identities.owner(provider))
        return await services.users.identify(username, display_name)

    async def _apply_pipelines(self, serverapp: ServerApp, services: Services, api_url: str) -> None:
        """Apply what is defined for the start; what cannot be does not keep anybody from working."""
        from jupyter_wallaroo.server import initial_pipelines

        try:
            owner = Caller(await self._owner(serverapp, services), api_url)
        except WallarooError as error:
            self.log.error("wallaroo: no pipelines were applied: %s", error)
            return
        await initial_pipelines.apply(services, owner, self.pipelines, self.log)

    async def _report_activity(self) -> None:
        while True:
            await asyncio.sleep(ACTIVITY_PERIOD_S)
            if self._services is not None and await self._services.is_busy():
                self.report_activity()
