"""Kernels for the steps of runs, from Jupyter's own kernel manager: local ones, or those of its gateway."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Coroutine, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from jupyter_wallaroo.errors import Unavailable, without_paths
from jupyter_wallaroo.services.kernels import KernelNames
from jupyter_wallaroo.types.step_order import KernelAddress

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

T = TypeVar("T")

_log = logging.getLogger(__name__)

_ASK_GATEWAY_EVERY_S = 5.0
_READY_LIMIT_S = 60.0
_STOP_AGAIN_S = (0.5, 1.0, 2.0)
"""When a gateway is asked again to end a kernel; one that it is just restarting it cannot end."""


class JupyterKernels:
    """The kernels of one Jupyter server.

    Parameters
    ----------
    serverapp
        Jupyter, whose kernel manager may be that of a gateway.

    Notes
    -----
    Kernels of steps are shown among Jupyter's own while they run. They are not restarted when they die: a step whose
    state is lost has failed.
    """

    def __init__(self, serverapp: ServerApp) -> None:
        self._manager: Any = serverapp.kernel_manager
        self._specs: Any = serverapp.kernel_spec_manager
        self._asked: dict[str, float] = {}

    @property
    def _gateway(self) -> Any:
        """The gateway's client, None when kernels are local."""
        from jupyter_server.gateway.gateway_client import GatewayClient

        return GatewayClient.instance() if GatewayClient.instance().gateway_enabled else None

    async def known(self) -> KernelNames:
        """Return which kernels can be started; local ones are looked for on the disk, in a thread."""
        specs = await asyncio.to_thread(self._specs.get_all_specs)
        if hasattr(specs, "__await__"):
            specs = await specs
        return KernelNames(default=self._manager.default_kernel_name, names=sorted(specs))

    async def start(self, name: str, directory: Path, environment: Mapping[str, str]) -> KernelAddress:
        """Start a kernel in a directory."""
        gateway = self._gateway
        inherited = {} if gateway else os.environ
        try:
            kernel_id = await self._started(
                self._manager.start_kernel(kernel_name=name, cwd=str(directory), env={**inherited, **environment})
            )
            kernel = self._manager.get_kernel(kernel_id)
            if gateway is None and getattr(self._manager, "use_pending_kernels", False):
                ready = kernel.ready
                await asyncio.wait_for(
                    ready if isinstance(ready, asyncio.Future) else asyncio.wrap_future(ready), _READY_LIMIT_S
                )
        except Exception as error:  # the edge to Jupyter's managers, provisioners and gateways
            _log.warning("wallaroo: kernel %r could not be started", name, exc_info=True)
            said = without_paths(f"{type(error).__name__}: {error}")
            raise Unavailable(f"Kernel {name!r} could not be started ({said:.300}).") from error
        if gateway is not None:
            settings = {
                trait: getattr(gateway, trait)
                for trait in gateway.trait_names(config=True)
                if _is_plain(gateway, trait)
            }
            return KernelAddress(kernel_id=kernel_id, connection_file=None, gateway=settings)
        kernel.stop_restarter()
        return KernelAddress(kernel_id=kernel_id, connection_file=kernel.connection_file, gateway=None)

    async def _started(self, start: Coroutine[Any, Any, str]) -> str:
        """Return the id of a kernel once it is started; being cancelled, end it when it is."""
        starting = asyncio.create_task(start)
        try:
            return await _settled(starting)
        except asyncio.CancelledError:
            if not starting.cancelled() and starting.exception() is None:
                await self.stop(starting.result(), now=True)
            raise

    async def end_of(self, kernel_id: str) -> str | None:
        """Return how a kernel ended, None while it lives; a gateway is asked only now and then."""
        if kernel_id not in self._manager:
            return "it was shut down"
        kernel = self._manager.get_kernel(kernel_id)
        if self._gateway is None:
            if await kernel.is_alive():
                return None
            return _exit_of(getattr(getattr(kernel, "provisioner", None), "process", None))
        now = asyncio.get_running_loop().time()
        if now < self._asked.get(kernel_id, 0.0) + _ASK_GATEWAY_EVERY_S:
            return None
        self._asked[kernel_id] = now
        try:
            await kernel.refresh_model()
        except Exception as error:  # noqa: BLE001  the gateway may be away for a moment; the websocket tells when not
            _log.info("wallaroo: the gateway did not say how kernel %s is: %s", kernel_id, error)
            return None
        return None if kernel.has_kernel else "the gateway has it no more"

    async def stop(self, kernel_id: str, *, now: bool) -> None:
        """End a kernel; nothing when it is gone."""
        self._asked.pop(kernel_id, None)
        for pause_s in (0.0, *(_STOP_AGAIN_S if self._gateway is not None else ())):
            await asyncio.sleep(pause_s)
            if kernel_id not in self._manager:
                return
            try:
                await _settled(asyncio.ensure_future(self._manager.shutdown_kernel(kernel_id, now=now)))
            except Exception:  # noqa: BLE001  the edge to Jupyter's managers: a run's end must not hang on one kernel's
                _log.warning("wallaroo: kernel %s could not be shut down", kernel_id, exc_info=True)

    async def reap(self, kernel_ids: Iterable[str]) -> None:
        """End kernels of an earlier server; local ones end with their server."""
        if self._gateway is None:
            return
        from jupyter_server.gateway.gateway_client import gateway_request
        from jupyter_server.utils import url_escape, url_path_join

        for kernel_id in kernel_ids:
            address = url_path_join(self._gateway.url, self._gateway.kernels_endpoint, url_escape(kernel_id))
            try:
                await gateway_request(address, method="DELETE")
            except Exception as error:  # noqa: BLE001  gone already, or a gateway that is away
                _log.info("wallaroo: kernel %s on the gateway was not ended: %s", kernel_id, error)


async def _settled(work: asyncio.Future[T]) -> T:
    """Return what comes of work that must not be cut off; being cancelled takes effect when it is done.

    A start or an end that is cut off leaves a kernel whose ``ready`` never settles, over which Jupyter's own end fails.
    """
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({work})
        raise


def _is_plain(gateway: Any, trait: str) -> bool:
    return isinstance(getattr(gateway, trait), (str, int, float, bool)) and trait != "log_level"


def _exit_of(process: Any) -> str:
    code = getattr(process, "returncode", None)
    if not isinstance(code, int):
        return "it ended"
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"
