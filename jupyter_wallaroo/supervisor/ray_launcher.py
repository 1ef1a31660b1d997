"""Replicas on the nodes of a Ray cluster: `jupyter_wallaroo.cluster` says how; here is the server's part of it."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec

import msgspec
from msgspec import Struct

from jupyter_wallaroo.errors import DeadlineExceeded, Unavailable, WallarooError
from jupyter_wallaroo.supervisor.doorway import Doorway
from jupyter_wallaroo.supervisor.launch import Unit, Waits
from jupyter_wallaroo.supervisor.process import EngineGone, EngineProcess
from jupyter_wallaroo.supervisor.spec import DeploymentSpec, Limits
from jupyter_wallaroo.types.cluster import (
    BesideSpec,
    ClusterKind,
    Connect,
    Connected,
    Demand,
    Join,
    Joined,
    Room,
    SeatAddress,
    SeatRequest,
)

CLUSTER = "jupyter_wallaroo.cluster"
JOIN_LIMIT_S = 60.0
JOIN_AGAIN_S = 2.0
LOOK_LIMIT_S = 5.0
ROOM_LIMIT_S = 10.0
SEAT_USUAL_S = 10.0
"""A seat takes 2 to 5 s; one that is not there after this is asked after."""
CONNECT_LIMIT_S = 60.0
SECRET_BYTES = 32

_encode = msgspec.msgpack.Encoder().encode
_decode_joined = msgspec.msgpack.Decoder(Joined).decode
_decode_room = msgspec.msgpack.Decoder(Room).decode
_decode_seat = msgspec.msgpack.Decoder(SeatAddress).decode
_decode_connected = msgspec.msgpack.Decoder(Connected).decode


class RaySettings(Struct, frozen=True, kw_only=True):
    """Which cluster: ``address`` as ``ray.init`` takes it, ``namespace`` and ``token`` "" for Ray's own defaults."""

    address: str
    namespace: str
    token: str


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
        self._labels = {"pid": str(connected.pid), "node": seat.node}
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

    async def end(self) -> None:
        """Give up the seat, and with it everything on the node."""
        self._launcher.leave(self._name, self.process)


class RayLauncher:
    """Actors of a Ray cluster.

    Parameters
    ----------
    settings
        Which cluster.
    limits
        Where processes of this machine work, and what they share.

    Raises
    ------
    Unavailable
        Ray is not installed.
    """

    def __init__(self, settings: RaySettings, limits: Limits) -> None:
        if find_spec("ray") is None:
            raise Unavailable(
                "WallarooApp.launcher is 'ray', but Ray is not installed.",
                hint="pip install 'jupyter-wallaroo[ray]', here and on every node of the cluster.",
            )
        self._settings = settings
        self._limits = limits
        self._agent: EngineProcess | None = None
        self._joined = asyncio.Event()
        self._why = f"the Ray cluster at {settings.address} is not joined yet"
        self._size = ""
        self._relays: set[EngineProcess] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        """Which cluster it is and how large, or why it is not joined."""
        return f"Ray at {self._settings.address}, {self._size}" if self.is_ready else self._why

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
            for relay in list(self._relays):
                relay.end_for(reason)
            if self._agent is not None:
                self._agent.kill()
            await asyncio.sleep(JOIN_AGAIN_S)

    async def _join_once(self) -> str:
        """Start the agent, have it join, and wait for its end; return how that came."""
        address = self._settings.address
        await self._look_for_it()
        self._agent = agent = await EngineProcess.start(
            "agent", self._limits.work_directory, program=CLUSTER, variables=self._variables()
        )
        join = Join(address=address, namespace=self._settings.namespace)
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
        host, _, port = self._settings.address.removeprefix("ray://").rpartition(":")
        if not host or not port.isdecimal():
            return
        try:
            async with asyncio.timeout(LOOK_LIMIT_S):
                _, writer = await asyncio.open_connection(host, int(port))
        except (OSError, TimeoutError):
            raise Unavailable(f"the Ray cluster at {self._settings.address} is gone: nothing answers there") from None
        writer.close()

    def _variables(self) -> dict[str, str]:
        """Return what Ray is told by its environment: this server's own settings of it, no reports to its makers."""
        said = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self._settings.token} if self._settings.token else {}
        return {"RAY_USAGE_STATS_ENABLED": "0", **said, **token}

    @asynccontextmanager
    async def start(
        self,
        name: str,
        spec: DeploymentSpec,
        doorway: Doorway | None,  # noqa: ARG002
        waits: Waits,
    ) -> AsyncIterator[Unit]:
        """Get a seat, which may take as long as there is none, and have a relay connect to it."""
        while not self.is_ready:
            waits(_sentence(self._why))
            await self._joined.wait()
        secret = secrets.token_bytes(SECRET_BYTES)
        relay: EngineProcess | None = None
        try:
            seat = await self._seat(SeatRequest(name=name, secret=secret, demand=_demand(spec)), waits)
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
        if self._agent is not None and self._agent.is_alive:
            forgotten = self._agent.call(ClusterKind.LEAVE, name.encode(), b"", time.monotonic() + ROOM_LIMIT_S)
            forgotten.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _seat(self, request: SeatRequest, waits: Waits) -> SeatAddress:
        """Return a seat; what it waits for is told, before it is asked for and when it takes long."""
        agent = self._agent
        assert agent is not None, "the cluster is joined"
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
            waits(_sentence(room.said))

    def _connect(self, spec: DeploymentSpec, seat: SeatAddress, secret: bytes) -> Connect:
        return Connect(
            seat=seat,
            secret=secret,
            models=spec.models,
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
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
