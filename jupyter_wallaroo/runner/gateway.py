"""A client of a kernel that a gateway runs: all channels come through one websocket.

Jupyter's own (jupyter_server 2.21) sends no credentials with its websocket, gives up after 40 silent seconds, keeps a
processor busy while it waits, and does not notice that a kernel was restarted under it. Each of these would end a step,
or a machine.
"""

from __future__ import annotations

import asyncio
import json
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.jsonutil import json_default
from jupyter_server.gateway.gateway_client import GatewayClient
from jupyter_server.utils import url_escape, url_path_join
from nbclient.exceptions import DeadKernelError
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

MAX_MESSAGE_BYTES = 512 * 2**20
_CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
_LOST = ("restarting", "autorestarting", "dead")
"""What a gateway says of a kernel whose state is gone."""


class Channel:
    """What a kernel says on one channel, and how to answer.

    Parameters
    ----------
    name
        shell, iopub, stdin, control or hb.
    connection
        Where messages go.
    """

    def __init__(self, name: str, connection: WebSocketClientConnection) -> None:
        self._name = name
        self._connection = connection
        self._came: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._sending: set[asyncio.Future[None]] = set()
        self._is_lost = False

    def send(self, message: dict[str, Any]) -> None:
        """Send a message."""
        text = json.dumps({**message, "channel": self._name}, default=json_default)
        sending = asyncio.ensure_future(self._connection.write_message(text))
        self._sending.add(sending)
        sending.add_done_callback(self._has_sent)

    def _has_sent(self, sending: asyncio.Future[None]) -> None:
        self._sending.discard(sending)
        if not sending.cancelled():
            sending.exception()  # a connection that is lost is told to whoever waits for an answer

    def put(self, message: dict[str, Any] | None) -> None:
        """Take what came; None is the end of the connection."""
        self._is_lost = self._is_lost or message is None
        self._came.put_nowait(message)

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        """Return the next message.

        Raises
        ------
        Empty
            None came within ``timeout`` seconds.
        DeadKernelError
            The connection ended.
        """
        if self._is_lost and self._came.empty():
            raise DeadKernelError("Kernel died")
        try:
            message = await asyncio.wait_for(self._came.get(), timeout)
        except TimeoutError:
            raise Empty from None
        if message is None:
            raise DeadKernelError("Kernel died")
        return message

    def is_alive(self) -> bool:
        """Tell whether something may still come."""
        return not self._is_lost

    is_beating = is_alive


class GatewayKernel(AsyncKernelClient):
    """A client of a running kernel; `GatewayClient` has to be configured.

    Parameters
    ----------
    kernel_id
        Which kernel of the gateway.
    """

    def __init__(self, kernel_id: str) -> None:
        super().__init__()
        self._kernel_id = kernel_id
        self._connection: WebSocketClientConnection | None = None
        self._channels: dict[str, Channel] = {}

    async def start_channels(self, **_: bool) -> None:  # type: ignore[override]
        """Connect to the gateway."""
        gateway: Any = GatewayClient.instance()
        url = url_path_join(gateway.ws_url, gateway.kernels_endpoint, url_escape(self._kernel_id), "channels")
        request = HTTPRequest(url, **gateway.load_connection_args())
        self._connection = await websocket_connect(
            request, on_message_callback=self._route, max_message_size=MAX_MESSAGE_BYTES
        )
        self._channels = {name: Channel(name, self._connection) for name in _CHANNELS}

    def _route(self, said: str | bytes | None) -> None:
        """Put a message where it belongs (Tornado calls this); None is the end, as is a restart."""
        message = None if said is None else _message(said)
        if message is None or _is_end(message):
            for channel in self._channels.values():
                channel.put(None)
            return
        name = message.get("channel")
        if name in self._channels:
            self._channels[name].put(message)

    def stop_channels(self) -> None:
        """Let go of the kernel; more than once is fine."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def shell_channel(self) -> Any:
        """Where requests go and are answered."""
        return self._channels["shell"]

    @property
    def iopub_channel(self) -> Any:
        """What the kernel tells everybody."""
        return self._channels["iopub"]

    @property
    def stdin_channel(self) -> Any:
        """What the kernel asks."""
        return self._channels["stdin"]

    @property
    def control_channel(self) -> Any:
        """Where requests go that do not wait for others."""
        return self._channels["control"]

    @property
    def hb_channel(self) -> Any:
        """Whether the kernel lives, as far as the connection tells."""
        return self._channels["hb"]


def connect(settings: dict[str, Any], kernel_id: str) -> Any:
    """Return a client of a kernel of the gateway that Jupyter's own settings describe."""
    GatewayClient.instance(**settings)
    return GatewayKernel(kernel_id)


def _is_end(message: dict[str, Any]) -> bool:
    content = message.get("content") or {}
    return message.get("msg_type") == "status" and content.get("execution_state") in _LOST


def _message(said: str | bytes) -> dict[str, Any]:
    if isinstance(said, str):
        found: dict[str, Any] = json.loads(said)
        return found
    from jupyter_server.services.kernels.connection.base import deserialize_binary_message

    deserialize: Any = deserialize_binary_message
    with_buffers: dict[str, Any] = deserialize(said)
    return with_buffers
