"""Runs of tasks on the nodes of a Ray cluster: one actor each, whose agent on this machine takes their logs down."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time

import msgspec

from jupyter_wallaroo.supervisor.process import EngineGone, EngineProcess, forget
from jupyter_wallaroo.supervisor.ray_cluster import JOIN_LIMIT_S, RayCluster
from jupyter_wallaroo.supervisor.ray_launcher import SECRET_BYTES
from jupyter_wallaroo.supervisor.task_folders import TaskFolders
from jupyter_wallaroo.types.cluster import ClusterKind, Demand, SeatRequest, TaskRequest
from jupyter_wallaroo.types.task_process import Ending, TaskEnd, TaskOrder

END_LIMIT_S = 10.0

_encode = msgspec.msgpack.Encoder().encode
_decode_end = msgspec.msgpack.Decoder(TaskEnd).decode


class RayTask:
    """A run that was sent to a cluster."""

    def __init__(self, cluster: RayCluster, request: TaskRequest) -> None:
        self._cluster = cluster
        self._request = request
        self._agent: EngineProcess | None = None
        self._work = asyncio.get_running_loop().create_task(self._run())

    def end(self) -> None:
        """Ask the run to end; it is killed when it takes too long."""
        if self._agent is None:
            self._work.cancel()
        elif self._agent.is_alive:
            until = time.monotonic() + END_LIMIT_S
            name = self._request.seat.name.encode()
            self._agent.call(ClusterKind.END_TASK, name, b"", until).add_done_callback(forget)

    async def wait(self) -> TaskEnd:
        """Wait until nothing of the run is left, or nobody knows of its node any more; return how it ended.

        Raises
        ------
        WallarooError
            It could not be started.
        """
        with contextlib.suppress(asyncio.CancelledError):
            return await asyncio.shield(self._work)
        if not self._work.cancelled():
            raise asyncio.CancelledError
        return TaskEnd(ending=Ending.KILLED, reason="it was killed before it had begun")

    async def _run(self) -> TaskEnd:
        try:
            async with asyncio.timeout(JOIN_LIMIT_S):
                agent = await self._cluster.joined()
        except TimeoutError:
            return TaskEnd(ending=Ending.LOST, reason=self._cluster.why)
        self._agent = agent
        try:
            head, _ = await agent.call(ClusterKind.TASK, _encode(self._request), b"", float("inf"))
        except EngineGone as gone:
            return TaskEnd(ending=Ending.LOST, reason=gone.reason)
        return _decode_end(head)


class RayTasks:
    """Starts runs on a cluster.

    Parameters
    ----------
    cluster
        Where.
    folders
        Where their logs are.
    cpus
        How many each has on its node; its memory is what its limits say.
    """

    def __init__(self, cluster: RayCluster, folders: TaskFolders, cpus: float) -> None:
        self._cluster = cluster
        self._folders = folders
        self._cpus = cpus

    async def start(self, order: TaskOrder) -> RayTask:
        """Send a run to the cluster, where it waits until a node has room."""
        demand = Demand(cpus=self._cpus, memory_bytes=order.limits.memory_bytes)
        seat = SeatRequest(name=order.run_id, secret=secrets.token_bytes(SECRET_BYTES), demand=demand)
        request = TaskRequest(
            seat=seat,
            order=order,
            log=str(self._folders.log(order.run_id)),
            cache_bytes=self._cluster.settings.model_cache_bytes,
        )
        return RayTask(self._cluster, request)
