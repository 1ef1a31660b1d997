"""Replicas on the nodes of a Ray cluster: `jupyter_wallaroo.cluster` says how; here is the server's part of it."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from jupyter_wallaroo.supervisor.doorway import Doorway
from jupyter_wallaroo.supervisor.launch import Unit, Waits
from jupyter_wallaroo.supervisor.process import EngineProcess
from jupyter_wallaroo.supervisor.ray_cluster import CLUSTER, RayCluster
from jupyter_wallaroo.supervisor.spec import DeploymentSpec, Limits
from jupyter_wallaroo.types.cluster import (
    BesideSpec,
    ClusterKind,
    Connect,
    Connected,
    Demand,
    Room,
    SeatAddress,
    SeatRequest,
)
from jupyter_wallaroo.types.deployment import Status

ROOM_LIMIT_S = 10.0
SEAT_USUAL_S = 10.0
"""A seat takes 2 to 5 s; one that is not there after this is asked after."""
CONNECT_LIMIT_S = 60.0
SECRET_BYTES = 32

_encode = msgspec.msgpack.Encoder().encode
_decode_room = msgspec.msgpack.Decoder(Room).decode
_decode_seat = msgspec.msgpack.Decoder(SeatAddress).decode
_decode_connected = msgspec.msgpack.Decoder(Connected).decode


class SeatedUnit(Unit):
    """A replica on a node: its process here is the relay.

    Parameters
    ----------
    process
        The relay.
    seat, connected
        Where the engine runs, and how.
    launcher
        Gets the seat back.
    name
        The replica's.
    """

    def __init__(
        self, process: EngineProcess, seat: SeatAddress, connected: Connected, launcher: RayLauncher, name: str
    ) -> None:
        super().__init__(process, [], memory_bytes=0, threads=connected.threads)
        self.ip = seat.host
        self._labels, *self._beside = (
            {"pid": str(pid), "node": seat.node} for pid in (connected.pid, *connected.sidekicks)
        )
        self._launcher = launcher
        self._name = name

    @property
    def pids(self) -> list[int]:
        """None: what the relay uses is not what the replica does."""
        return []

    @property
    def labels(self) -> dict[str, str]:
        """The engine's process id and its node's id."""
        return self._labels

    def labels_beside(self, number: int) -> dict[str, str]:
        """Return a sidekick's process id and its node's id."""
        return self._beside[number]

    async def end(self) -> None:
        """Give up the seat, and with it everything on the node."""
        self._launcher.leave(self._name, self.process)


class RayLauncher:
    """Actors of a Ray cluster.

    Parameters
    ----------
    cluster
        Theirs.
    limits
        Where processes of this machine work, and what they share.
    """

    def __init__(self, cluster: RayCluster, limits: Limits) -> None:
        self._cluster = cluster
        self._limits = limits
        self._relays: set[EngineProcess] = set()
        cluster.on_lost = self._lost

    @property
    def state(self) -> str:
        """Which cluster it is and how large, or why it is not joined."""
        return self._cluster.state

    @property
    def is_ready(self) -> bool:
        """Whether the cluster is joined."""
        return self._cluster.is_ready

    def open(self) -> None:
        """Begin to join the cluster, and do so again whenever it is lost."""
        self._cluster.open()

    def check(self, now: float) -> None:
        """Look after the agent."""
        self._cluster.check(now)

    async def close(self) -> None:
        """Leave the cluster."""
        await self._cluster.close()

    def _lost(self, reason: str) -> None:
        for relay in list(self._relays):
            relay.end_for(reason)

    @asynccontextmanager
    async def start(
        self,
        name: str,
        spec: DeploymentSpec,
        doorway: Doorway | None,  # noqa: ARG002
        waits: Waits,
    ) -> AsyncIterator[Unit]:
        """Get a seat, which may take as long as there is none, and have a relay connect to it."""
        if not self.is_ready:
            waits(Status.STARTING, _sentence(self._cluster.why))
        agent = await self._cluster.joined()
        secret = secrets.token_bytes(SECRET_BYTES)
        relay: EngineProcess | None = None
        try:
            seat = await self._seat(agent, SeatRequest(name=name, secret=secret, demand=_demand(spec)), waits)
            relay = await EngineProcess.start(
                "relay", self._limits.work_directory, program=CLUSTER, arena=self._limits.arena
            )
            self._relays.add(relay)
            connect = self._connect(spec, seat, secret)
            until = time.monotonic() + self._limits.load_s + CONNECT_LIMIT_S
            head, _ = await relay.call(ClusterKind.CONNECT, _encode(connect), b"", until)
        except BaseException:
            self.leave(name, relay)
            raise
        yield SeatedUnit(relay, seat, _decode_connected(head), self, name)

    def leave(self, name: str, relay: EngineProcess | None) -> None:
        """Give up the seat of a replica, or its place in the queue for one."""
        if relay is not None:
            self._relays.discard(relay)
            relay.kill("it was stopped")
        if (agent := self._cluster.agent) is not None:
            forgotten = agent.call(ClusterKind.LEAVE, name.encode(), b"", time.monotonic() + ROOM_LIMIT_S)
            forgotten.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _seat(self, agent: EngineProcess, request: SeatRequest, waits: Waits) -> SeatAddress:
        """Return a seat; what it waits for is told, before it is asked for and when it takes long."""
        await self._tell_room(agent, request.demand, waits)
        asked = agent.call(ClusterKind.SEAT, _encode(request), b"", float("inf"))
        try:
            while not (await asyncio.wait([asked], timeout=SEAT_USUAL_S))[0]:
                await self._tell_room(agent, request.demand, waits)
        finally:
            asked.cancel()
        head, _ = asked.result()
        return _decode_seat(head)

    async def _tell_room(self, agent: EngineProcess, demand: Demand, waits: Waits) -> None:
        head, _ = await agent.call(ClusterKind.ROOM, _encode(demand), b"", time.monotonic() + ROOM_LIMIT_S)
        room = _decode_room(head)
        if not room.is_there:
            waits(Status.STARTING if room.is_possible else Status.ERROR, _sentence(room.said))

    def _connect(self, spec: DeploymentSpec, seat: SeatAddress, secret: bytes) -> Connect:
        return Connect(
            seat=seat,
            secret=secret,
            models=spec.models,
            cache_bytes=self._cluster.settings.model_cache_bytes,
            sidekicks=[
                BesideSpec(
                    uid=beside.uid,
                    model=beside.model,
                    interpreter=beside.interpreter,
                    cpus=beside.resources.cpus,
                    memory_bytes=beside.resources.memory_bytes,
                    variables=beside.variables,
                )
                for beside in spec.sidekicks
            ],
            cpus=spec.resources.cpus,
            memory_bytes=spec.resources.memory_bytes,
            load_s=self._limits.load_s,
            journal_directory=spec.journal_directory,
            durability=self._limits.durability,
        )


def _demand(spec: DeploymentSpec) -> Demand:
    """Return what a replica needs of its node together with its sidekicks."""
    asked = [spec.resources, *(beside.resources for beside in spec.sidekicks)]
    return Demand(
        cpus=sum(resources.cpus for resources in asked),
        memory_bytes=sum(resources.memory_bytes for resources in asked),
        gpus=sum(resources.gpus for resources in asked),
        labels=spec.resources.labels,
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
