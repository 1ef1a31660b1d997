"""The extension application: configuration, start and end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.paths import jupyter_data_dir
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.utils import url_path_join
from traitlets import Enum, Float, Int, Unicode, default

from jupyter_wallaroo import __version__
from jupyter_wallaroo.errors import Unavailable, WallarooError
from jupyter_wallaroo.server.handlers.base import API_PATH
from jupyter_wallaroo.server.identity import Hosts, Identities
from jupyter_wallaroo.server.receiving import Receiving
from jupyter_wallaroo.server.routes import handlers
from jupyter_wallaroo.types.plan import Durability

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from jupyter_wallaroo.services.services import Services, Settings

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
    queue_limit = Int(
        1024, min=1, config=True, help="Requests that one deployment holds at once; more are answered 503 at once."
    )
    request_time_limit_s = Float(
        30.0, min=0.1, config=True, help="Seconds until an inference that has no answer is answered 504."
    )
    load_time_limit_s = Float(
        120.0, min=1.0, config=True, help="Seconds an engine process may take to load its models."
    )
    inference_body_limit = Int(64 * 2**20, min=1, config=True, help="Bytes that one inference request may have.")
    body_budget = Int(
        256 * 2**20, min=1, config=True, help="Bytes that all inference requests under way may have together."
    )
    upload_limit = Int(16 * 2**30, min=1, config=True, help="Bytes that an uploaded model may have.")
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
    drain_time_limit_s = Float(
        5.0, min=0.0, config=True, help="Seconds that requests under way may take to finish when the server stops."
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.identities = Identities()
        self.hosts = Hosts()
        self.receiving = Receiving()
        self.body_bytes = 0
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

    def initialize_settings(self) -> None:
        """Make the application known to the handlers (Jupyter calls this)."""
        self.settings["wallaroo"] = self

    def initialize_handlers(self) -> None:
        """Register the routes (Jupyter calls this)."""
        self.handlers.extend(handlers())

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Open the services once the event loop runs (Jupyter calls this); Jupyter starts even when they cannot."""
        from jupyter_wallaroo.services.services import Services

        try:
            self._services = await Services.open(self._settings(serverapp))
        except WallarooError as error:
            self._failure = error
            self.log.error("wallaroo: %s %s", error.message, error.hint)
            return
        except Exception as error:  # the edge to Jupyter, which starts even when we cannot
            self._failure = Unavailable(
                f"The models' server could not be started ({type(error).__name__}).", hint="Jupyter's log says why."
            )
            self.log.exception("wallaroo: the services could not be opened")
            return
        self._activity = asyncio.get_running_loop().create_task(self._report_activity())
        self.receiving.watch()
        self.log.info("wallaroo: serving at %s", self._internal_url(serverapp))

    async def stop_extension(self) -> None:
        """End every process of ours, letting requests under way finish (Jupyter calls this)."""
        services, self._services = self._services, None
        self._failure = Unavailable("The server is stopping.")
        if self._activity is not None:
            self._activity.cancel()
        self.receiving.stop()
        if services is not None:
            await services.close(drain_s=self.drain_time_limit_s)

    def _settings(self, serverapp: ServerApp) -> Settings:
        from jupyter_wallaroo.services.resources import memory_bytes
        from jupyter_wallaroo.services.services import Settings
        from jupyter_wallaroo.supervisor.spec import Resources

        return Settings(
            data_directory=Path(self.data_directory).expanduser().absolute(),
            internal_url=self._internal_url(serverapp),
            engine_defaults=Resources(
                replicas=self.default_replicas,
                cpus=self.default_cpus,
                memory_bytes=memory_bytes(self.default_memory) if self.default_memory else 0,
            ),
            queue_limit=self.queue_limit,
            body_budget=self.body_budget,
            request_time_limit_s=self.request_time_limit_s,
            load_time_limit_s=self.load_time_limit_s,
            log_durability=Durability(self.log_durability),
            log_max_bytes=self.log_max_bytes,
            log_max_age_s=self.log_max_age_s,
        )

    @staticmethod
    def _internal_url(serverapp: ServerApp) -> str:
        scheme = "https" if serverapp.certfile else "http"
        return f"{scheme}://127.0.0.1:{serverapp.port}{url_path_join(serverapp.base_url, API_PATH)}"

    async def _report_activity(self) -> None:
        from jupyter_server._tz import utcnow

        while True:
            await asyncio.sleep(ACTIVITY_PERIOD_S)
            if self._services is not None and self._services.supervisor.is_busy:
                self.settings["last_activity_times"]["wallaroo"] = utcnow()
