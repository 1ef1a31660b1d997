"""A client of a kernel that a gateway runs.

Jupyter's own sends no credentials with its websocket, gives up after 40 silent seconds, keeps a processor busy while it
waits, and does not notice that a kernel was restarted under it. Each of these would end a step, or a machine.
"""

from __future__ import annotations

import asyncio
import time
from queue import Empty
from threading import Thread
from typing import Any

import websocket
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_core.utils import ensure_async
from jupyter_server.gateway import managers
from jupyter_server.gateway.gateway_client import GatewayClient
from jupyter_server.utils import url_escape, url_path_join
from nbclient.exceptions import DeadKernelError

PAUSE_S = 0.01

_LOST = ("restarting", "autorestarting", "dead")


class PatientQueue(managers.ChannelQueue):
    """The messages of a channel, which end when the kernel is lost."""

    def put_nowait(self, item: Any) -> None:
        """Take a message (the thread that reads the websocket calls this)."""
        content = item.get("content") or {}
        if item.get("msg_type") == "status" and content.get("execution_state") in _LOST:
            setattr(self.channel_socket, "is_kernel_lost", True)  # noqa: B010  what all channels of a kernel share
        super().put_nowait(item)

    async def _async_get(self, timeout: float | None = None) -> Any:
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            try:
                return self.get(block=False)
            except Empty:
                if self.response_router_finished or getattr(self.channel_socket, "is_kernel_lost", False):
                    raise DeadKernelError("Kernel died") from None
                if until is not None and time.monotonic() > until:
                    raise
            await asyncio.sleep(PAUSE_S)


managers.ChannelQueue = PatientQueue  # type: ignore[misc]


class GatewayClientOfKernel(managers.GatewayKernelClient):
    """A client that says who it is."""

    async def start_channels(self, **which: bool) -> None:  # type: ignore[override]
        """Connect to the kernel."""
        gateway: Any = GatewayClient.instance()
        address = url_path_join(gateway.ws_url, gateway.kernels_endpoint, url_escape(self.kernel_id), "channels")
        said = gateway.load_connection_args()
        tls = {"ca_certs": gateway.ca_certs, "certfile": gateway.client_cert, "keyfile": gateway.client_key}
        self.channel_socket = await asyncio.to_thread(
            websocket.create_connection,
            address,
            header=[f"{name}: {value}" for name, value in said.get("headers", {}).items()],
            timeout=gateway.KERNEL_LAUNCH_TIMEOUT,
            enable_multithread=True,
            sslopt={name: value for name, value in tls.items() if value},
        )
        self.channel_socket.settimeout(None)
        start: Any = AsyncKernelClient.start_channels
        await ensure_async(start(self, **which))
        self.response_router = Thread(target=self._route_responses, daemon=True)
        self.response_router.start()

    def stop_channels(self) -> None:
        """Disconnect; nothing when it was never connected."""
        if self.channel_socket is not None:
            super().stop_channels()  # type: ignore[no-untyped-call]


def connect(settings: dict[str, Any], kernel_id: str) -> Any:
    """Return a client of a kernel of the gateway that Jupyter's own settings describe."""
    GatewayClient.instance(**settings)
    make: Any = GatewayClientOfKernel
    return make(kernel_id)
