"""The Ray cluster as the server sees it: joined by an agent, a process that knows Ray, and joined again when lost."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import msgspec
from msgspec import Struct

from jupyter_wallaroo.errors import DeadlineExceeded, Unavailable, WallarooError
from jupyter_wallaroo.supervisor.process import EngineGone, EngineProcess
from jupyter_wallaroo.types.cluster import ClusterKind, Join, Joined

CLUSTER = "jupyter_wallaroo.cluster"
JOIN_LIMIT_S = 60.0
JOIN_AGAIN_S = 2.0
LOOK_LIMIT_S = 5.0

_encode = msgspec.msgpack.Encoder().encode
_decode_joined = msgspec.msgpack.Decoder(Joined).decode


class RaySettings(Struct, frozen=True, kw_only=True):
    """Which cluster: ``address`` as ``ray.init`` takes it, ``namespace`` and ``token`` "" for Ray's own defaults.

    Each node keeps ``model_cache_bytes`` of model files; 0: all that it ever had.
    """

    address: str
    namespace: str
    token: str
    model_cache_bytes: int


class RayCluster:
    """A cluster that is joined for as long as the server runs.

    Parameters
    ----------
    settings
        Which one.
    work_directory
        An empty directory that the agent runs in.

    Raises
    ------
    Unavailable
        Ray is not installed.
    """

    def __init__(self, settings: RaySettings, work_directory: Path) -> None:
        if find_spec("ray") is None:
            raise Unavailable(
                "WallarooApp.launcher is 'ray', but Ray is not installed.",
                hint="pip install 'jupyter-wallaroo[ray]', here and on every node of the cluster.",
            )
        self.settings = settings
        self.on_lost: Callable[[str], None] = lambda _: None
        """Told why when the cluster is lost."""
        self._work_directory = work_directory
        self._agent: EngineProcess | None = None
        self._joined = asyncio.Event()
        self._why = f"the Ray cluster at {settings.address} is not joined yet"
        self._size = ""
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        """Which cluster it is and how large, or why it is not joined."""
        return f"Ray at {self.settings.address}, {self._size}" if self.is_ready else self._why

    @property
    def is_ready(self) -> bool:
        """Whether the cluster is joined."""
        return self._joined.is_set()

    def open(self) -> None:
        """Begin to join the cluster, and do so again whenever it is lost."""
        self._task = asyncio.get_running_loop().create_task(self._stay_joined())

    def check(self, now: float) -> None:
        """Look after the agent."""
        if self._agent is not None and self._agent.is_alive:
            self._agent.check(now)

    async def close(self) -> None:
        """Leave the cluster."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._agent is not None:
            await self._agent.stop()

    async def _stay_joined(self) -> None:
        while True:
            try:
                reason = await self._join_once()
            except (OSError, EngineGone, WallarooError) as error:
                reason = getattr(error, "message", "") or getattr(error, "reason", "") or str(error)
            self._joined.clear()
            self._why = reason
            self.on_lost(reason)
            if self._agent is not None:
                self._agent.kill()
            await asyncio.sleep(JOIN_AGAIN_S)

    async def _join_once(self) -> str:
        """Start the agent, have it join, and wait for its end; return how that came."""
        address = self.settings.address
        await self._look_for_it()
        self._agent = agent = await EngineProcess.start(
            "agent", self._work_directory, program=CLUSTER, variables=self._variables()
        )
        join = Join(address=address, namespace=self.settings.namespace)
        try:
            head, _ = await agent.call(ClusterKind.JOIN, _encode(join), b"", time.monotonic() + JOIN_LIMIT_S)
        except EngineGone as gone:
            return f"the Ray cluster at {address} cannot be joined: {gone.reason}"
        except DeadlineExceeded:
            return f"the Ray cluster at {address} cannot be joined: it did not let this server in within a minute"
        joined = _decode_joined(head)
        self._size = f"{joined.nodes} nodes, {joined.cpus:g} cpus"
        self._joined.set()
        reason = await agent.wait()
        return reason if address in reason else f"the Ray cluster at {address} is gone: {reason}"

    async def _look_for_it(self) -> None:
        """See at once that nothing is there; Ray itself takes most of a minute to say so.

        Raises
        ------
        Unavailable
            Nothing listens at the address, when it is one.
        """
        host, _, port = self.settings.address.removeprefix("ray://").rpartition(":")
        if not host or not port.isdecimal():
            return
        try:
            async with asyncio.timeout(LOOK_LIMIT_S):
                _, writer = await asyncio.open_connection(host, int(port))
        except (OSError, TimeoutError):
            raise Unavailable(f"the Ray cluster at {self.settings.address} is gone: nothing answers there") from None
        writer.close()

    def _variables(self) -> dict[str, str]:
        """Return what Ray is told by its environment: this server's own settings of it, no reports to its makers."""
        said = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.settings.token} if self.settings.token else {}
        return {"RAY_USAGE_STATS_ENABLED": "0", **said, **token}

    @property
    def why(self) -> str:
        """Why it is not joined."""
        return self._why

    @property
    def agent(self) -> EngineProcess | None:
        """The agent, None while there is none."""
        return self._agent if self._agent is not None and self._agent.is_alive else None

    async def joined(self) -> EngineProcess:
        """Return the agent of the cluster, once it is joined."""
        await self._joined.wait()
        assert self._agent is not None, "the cluster is joined"
        return self._agent
