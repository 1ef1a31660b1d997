"""The process that knows Ray: it joins the cluster as one driver, asks for actors, and ends with the cluster.

Its actors belong to it: when it ends, however that comes, Ray ends them, and the server starts their replicas anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Coroutine
from typing import Any

import msgspec
import ray
from ray.exceptions import RayError

from jupyter_wallaroo import __version__
from jupyter_wallaroo.cluster.link import Link
from jupyter_wallaroo.cluster.room import Node, room
from jupyter_wallaroo.cluster.seat import Seat
from jupyter_wallaroo.cluster.task_run import TaskRun
from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.engine.process import refusal
from jupyter_wallaroo.errors import EngineFailure, Unavailable
from jupyter_wallaroo.types.cluster import (
    ClusterKind,
    Demand,
    Ended,
    Join,
    Joined,
    Room,
    SeatAddress,
    SeatRequest,
    TaskRequest,
)
from jupyter_wallaroo.types.task_process import TaskEnd

LOOK_PERIOD_S = 1.0
SILENCE_S = 8.0
"""A cluster that has not answered for so long is gone."""

_encode = msgspec.msgpack.Encoder().encode
_decode_join = msgspec.msgpack.Decoder(Join).decode
_decode_seat = msgspec.msgpack.Decoder(SeatRequest).decode
_decode_demand = msgspec.msgpack.Decoder(Demand).decode
_decode_task = msgspec.msgpack.Decoder(TaskRequest).decode


class SeatActor:
    """A seat as Ray holds it."""

    def __init__(self, secret: bytes, version: str) -> None:
        self._host: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        self._seat = Seat(secret, version, self._host)

    def address(self) -> tuple[str, int, str]:
        """Return where it listens, and the id of its node."""
        return self._host, self._seat.port, ray.get_runtime_context().get_node_id()


class Agent:
    """Answers the server's questions to the cluster."""

    def __init__(self) -> None:
        self._server = Link(self._frame)
        self._tasks: set[asyncio.Task[None]] = set()
        self._seats: dict[str, Any] = {}
        self._runs: dict[str, TaskRun] = {}
        self._address = ""
        self._heard = 0.0

    async def serve(self, server: socket.socket) -> None:
        """Answer until the server's end, or the cluster's, which is told."""
        await self._server.open(server)
        ended = asyncio.create_task(self._server.ended.wait())
        while not self._heard or time.monotonic() - self._heard < SILENCE_S:
            await asyncio.wait([ended], timeout=LOOK_PERIOD_S)
            if ended.done():
                os._exit(0)  # Ray notices, and ends our actors
        gone = Ended(reason=f"the Ray cluster at {self._address} is gone: it does not answer any more")
        self._server.connection.send(0, Kind.ENDED, _encode(gone))
        self._server.connection.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended, LOOK_PERIOD_S)
        os._exit(0)

    def _frame(self, number: int, kind: int, head: bytes, _body: Buffer) -> None:
        if kind == ClusterKind.JOIN:
            self._later(self._answer(number, self._join(_decode_join(head))))
        elif kind == ClusterKind.SEAT:
            self._later(self._answer(number, self._seat(_decode_seat(head))))
        elif kind == ClusterKind.ROOM:
            demand = _decode_demand(head)
            self._later(self._answer(number, asyncio.to_thread(_room, demand)))
        elif kind == ClusterKind.LEAVE:
            self._leave(head.decode())
            self._server.connection.send(number, Kind.ANSWER, b"")
        elif kind == ClusterKind.TASK:
            self._later(self._answer(number, self._task(_decode_task(head))))
        else:
            if kind == ClusterKind.END_TASK and (run := self._runs.get(head.decode())) is not None:
                run.end()
            self._server.connection.send(number, Kind.ANSWER, b"")

    def _leave(self, name: str) -> None:
        actor = self._seats.pop(name, None)
        if actor is not None:
            self._later(asyncio.to_thread(_kill, actor))

    def _later(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, number: int, doing: Coroutine[Any, Any, msgspec.Struct]) -> None:
        try:
            self._server.connection.send(number, Kind.ANSWER, _encode(await doing))
        except Exception as error:  # noqa: BLE001  the edge of the process
            self._server.connection.send(number, Kind.FAILURE, _encode(refusal(error).to_wire()))

    async def _join(self, join: Join) -> Joined:
        """Join the cluster.

        Raises
        ------
        Unavailable
            It cannot be reached, or does not let us in.
        """
        self._address = join.address
        try:
            await asyncio.to_thread(_init, join)
        except (OSError, ValueError, RuntimeError, RayError) as error:
            raise Unavailable(f"the Ray cluster at {join.address} cannot be joined: {_first_line(error)}") from None
        self._heard = time.monotonic()
        threading.Thread(target=self._look, name="look", daemon=True).start()
        nodes = await asyncio.to_thread(_nodes)
        return Joined(nodes=len(nodes), cpus=sum(node.total.get("CPU", 0.0) for node in nodes))

    def _look(self) -> None:
        """Note when the cluster last answered; a call to one that is gone may hang."""
        while True:
            with contextlib.suppress(RayError, RuntimeError, OSError):
                if ray.nodes():  # type: ignore[no-untyped-call]
                    self._heard = time.monotonic()
            time.sleep(LOOK_PERIOD_S)

    async def _seat(self, request: SeatRequest) -> SeatAddress:
        """Return a seat, once there is one; the server says when it does not want it any more.

        Raises
        ------
        Unavailable
            It was lost before it was there.
        EngineFailure
            The node cannot have it.
        """
        actor = self._seats[request.name] = _placed(request)
        try:
            host, port, node = await asyncio.wrap_future(actor.address.remote().future())
        except RayError as error:
            self._seats.pop(request.name, None)
            if isinstance(cause := error.__cause__ or error, ray.exceptions.RayTaskError) or "RuntimeError" in str(
                error
            ):
                raise EngineFailure(f"A node cannot run engines: {_last_line(cause)}") from None
            raise Unavailable(f"its place in the Ray cluster was lost: {_first_line(error)}") from None
        return SeatAddress(host=host, port=port, node=node)

    async def _task(self, request: TaskRequest) -> TaskEnd:
        """Run a run of a task on some node, once one has room, and return how it ended.

        Raises
        ------
        Unavailable
            No node could have it, or its place was lost before it had begun.
        EngineFailure
            The node cannot have it.
        """
        found = await asyncio.to_thread(_room, request.seat.demand)
        if not found.is_possible:
            raise Unavailable(found.said)
        name = request.seat.name
        run = self._runs[name] = TaskRun(request, lambda: self._seat(request.seat))
        try:
            return await run.run()
        finally:
            del self._runs[name]
            self._leave(name)


def _init(join: Join) -> None:
    ray.init(address=join.address, namespace=join.namespace or None, log_to_driver=False, configure_logging=False)


def _placed(request: SeatRequest) -> Any:
    """Ask for an actor; Ray gives it a node when one has room."""
    demand = request.demand
    options = ray.remote(SeatActor).options(
        num_cpus=demand.cpus,
        memory=demand.memory_bytes or None,
        num_gpus=demand.gpus or None,
        label_selector=demand.labels or None,
        scheduling_strategy="SPREAD",
        max_restarts=0,
    )
    return options.remote(request.secret, __version__)


def _kill(actor: Any) -> None:
    with contextlib.suppress(RayError, RuntimeError, OSError):
        ray.kill(actor)


def _nodes() -> list[Node]:
    """Return the nodes that live, the head among them."""
    free = ray._private.state.available_resources_per_node()  # type: ignore[no-untyped-call]
    return [
        Node(total=node["Resources"], free=free.get(node["NodeID"], {}), labels=node.get("Labels") or {})
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
    ]


def _room(demand: Demand) -> Room:
    return room(demand, _nodes())


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


def _last_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[-1][:300]
