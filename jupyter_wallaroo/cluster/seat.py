"""What runs in an actor on a node: it starts the processes of one replica there, watches them, and ends with them.

Or those of one run of a task (see `task_seat`).

The actor's own thread belongs to Ray; everything here happens in an event loop on a thread beside it, which lives as
long as the actor does. The engine answers the relay itself, over a connection that it inherits.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec

from jupyter_wallaroo import __version__
from jupyter_wallaroo.cluster import handshake
from jupyter_wallaroo.cluster.link import Link
from jupyter_wallaroo.cluster.model_cache import ModelCache
from jupyter_wallaroo.cluster.task_seat import TaskSeat
from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.engine.process import refusal
from jupyter_wallaroo.errors import DeadlineExceeded, EngineFailure, InvalidModel
from jupyter_wallaroo.supervisor.process import HEADROOM_BYTES, EngineGone, resident_bytes, spawn
from jupyter_wallaroo.supervisor.processors import thread_variables, threads
from jupyter_wallaroo.supervisor.sidekick import SidekickProcess
from jupyter_wallaroo.supervisor.spec import Resources, SidekickSpec
from jupyter_wallaroo.types.cluster import Begin, Begun, BesideSpec, Chunk, ClusterKind, Ended, Files, Missing, RunTask
from jupyter_wallaroo.types.plan import Start

CONNECT_LIMIT_S = 60.0
"""A seat that nobody takes in this time goes."""
CHECK_PERIOD_S = 0.25
LAST_WORDS_S = 1.0
ACCELERATORS = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ONEAPI_DEVICE_SELECTOR")

_encode = msgspec.msgpack.Encoder().encode
_decode_files = msgspec.msgpack.Decoder(Files).decode
_decode_chunk = msgspec.msgpack.Decoder(Chunk).decode
_decode_begin = msgspec.msgpack.Decoder(Begin).decode
_decode_run = msgspec.msgpack.Decoder(RunTask).decode


class Seat:
    """Room for one replica on this node.

    Parameters
    ----------
    secret
        What a relay must know.
    version
        The server's version of this package, which must be this one.
    host
        The address of this node, on which it listens.

    Raises
    ------
    RuntimeError
        The versions differ.
    """

    def __init__(self, secret: bytes, version: str, host: str) -> None:
        if version != __version__:
            raise RuntimeError(f"the node has jupyter-wallaroo {__version__}, the server {version}")
        family = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][0]
        self._listener = socket.create_server((host, 0), family=family)
        self._listener.setblocking(False)
        self._secret = secret
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._run, name="seat", daemon=True).start()

    def _run(self) -> None:
        try:
            asyncio.run(_serve(self._listener, self._secret))
        finally:
            os._exit(0)  # the actor ends with the replica; Ray gives its resources to others


async def _serve(listener: socket.socket, secret: bytes) -> None:
    try:
        control = await asyncio.wait_for(handshake.accept(listener, secret), CONNECT_LIMIT_S)
    except TimeoutError:
        return
    directory = Path(tempfile.mkdtemp(prefix="wallaroo-seat-"))
    try:
        await _Occupied(listener, secret, directory).serve(control)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _accelerators() -> dict[str, str]:
    """Return which graphics processors of the node are this seat's, as Ray tells an actor and their libraries know."""
    return {name: os.environ[name] for name in ACCELERATORS if name in os.environ}


class _Occupied:
    """A seat whose relay has come."""

    def __init__(self, listener: socket.socket, secret: bytes, directory: Path) -> None:
        self._listener = listener
        self._secret = secret
        self._directory = directory
        self._models = ModelCache.of_this_node()
        self._relay = Link(self._frame)
        self._ended = asyncio.Event()
        self._how: Ended | None = None
        self._sidekicks: list[SidekickProcess] = []
        self._engine: asyncio.subprocess.Process | None = None
        self._run: TaskSeat | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def serve(self, control: socket.socket) -> None:
        """Do what the relay asks until it or one of the processes has ended; end all."""
        await self._relay.open(control)
        self._later(self._watch_node())
        left = asyncio.create_task(self._relay.ended.wait())
        ending = asyncio.create_task(self._ended.wait())
        await asyncio.wait([left, ending], return_when=asyncio.FIRST_COMPLETED)
        for task in (*self._tasks, ending):
            task.cancel()
        if self._engine is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._engine.pid, signal.SIGKILL)
        await asyncio.gather(*(sidekick.end() for sidekick in self._sidekicks))
        if self._run is not None:
            await self._run.kill()
        self._models.close()
        if self._how is not None:
            self._relay.connection.send(0, Kind.ENDED, _encode(self._how))
            self._relay.connection.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(left, LAST_WORDS_S)

    def _frame(self, number: int, kind: int, head: bytes, body: Buffer) -> None:
        try:
            if kind == ClusterKind.FILES:
                files = _decode_files(head)
                missing = self._models.missing(files.sizes)
                self._models.make_room(files.sizes, files.limit_bytes)
                self._send(number, _encode(Missing(directory=str(self._models.directory), shas=missing)))
            elif kind == ClusterKind.CHUNK:
                chunk = _decode_chunk(head)
                self._models.add(chunk.sha, body, is_last=chunk.is_last)
                self._send(number, b"")
            elif kind == ClusterKind.BEGIN:
                self._later(self._answer(number, self._begin(_decode_begin(head))))
            elif kind == ClusterKind.RUN_TASK:
                self._run = TaskSeat(self._directory, self._send_log)
                self._later(self._answer(number, self._run.run(_decode_run(head))))
            elif kind == ClusterKind.END_TASK and self._run is not None:
                self._run.end()
        except Exception as error:  # noqa: BLE001  the edge of the process
            self._refuse(number, error)

    def _send_log(self, part: bytes) -> None:
        self._relay.connection.send(0, ClusterKind.TASK_LOG, b"", part)

    def _send(self, number: int, head: bytes) -> None:
        self._relay.connection.send(number, Kind.ANSWER, head)

    def _refuse(self, number: int, error: Exception) -> None:
        self._relay.connection.send(number, Kind.FAILURE, _encode(refusal(error).to_wire()))

    def _later(self, doing: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(doing))

    async def _answer(self, number: int, doing: Coroutine[Any, Any, msgspec.Struct]) -> None:
        try:
            self._send(number, _encode(await doing))
        except Exception as error:  # noqa: BLE001  the edge of the process
            self._refuse(number, error)

    async def _begin(self, begin: Begin) -> Begun:
        """Start the sidekicks and have them load, then start the engine on the relay's second connection.

        Raises
        ------
        InvalidModel
            A sidekick's environment is not on this node, or its model cannot be loaded.
        """
        count = threads(begin.cpus)
        data = await handshake.accept(self._listener, self._secret)
        with data:
            await self._start_sidekicks(begin)
            peers = [sidekick.peer for sidekick in self._sidekicks]
            start = Start(
                role="replica",
                socket=data.fileno(),
                parent=os.getpid(),
                memory_bytes=begin.memory_bytes + HEADROOM_BYTES if begin.memory_bytes else 0,
                peers=[peer.fileno() for peer in peers],
                sends_journal=True,
            )
            self._engine = await spawn(start, self._directory, variables=thread_variables(count) | _accelerators())
        for peer in peers:
            peer.close()
        self._later(self._watch(self._engine, begin.memory_bytes))
        for sidekick in self._sidekicks:
            self._later(self._watch_beside(sidekick))
        beside = [sidekick.process.pid for sidekick in self._sidekicks]
        return Begun(pid=self._engine.pid, sidekicks=beside, threads=count, monotonic=time.monotonic())

    async def _start_sidekicks(self, begin: Begin) -> None:
        specs = [self._here(beside, begin) for beside in begin.sidekicks]
        for spec in specs:
            try:
                self._sidekicks.append(await SidekickProcess.start(spec, self._directory))
            except OSError as error:
                raise EngineFailure(
                    f"The sidekick of model {spec.model.name!r} could not be started: {error}"
                ) from None
        loading = [sidekick.load(begin.load_s) for sidekick in self._sidekicks]
        for sidekick, load in zip(self._sidekicks, loading, strict=True):
            name = sidekick.spec.model.name
            try:
                await asyncio.wait_for(load, begin.load_s)
            except EngineGone as gone:
                raise InvalidModel(f"The sidekick of model {name!r} was lost while it loaded: {gone.reason}.") from None
            except (TimeoutError, DeadlineExceeded):
                raise InvalidModel(
                    f"Loading {name!r} took longer than {begin.load_s:.0f} s.",
                    hint="Have the model do less when it is loaded, or raise WallarooApp.load_time_limit_s.",
                ) from None

    def _here(self, beside: BesideSpec, begin: Begin) -> SidekickSpec:
        """Return a sidekick as it is to be started on this node."""
        interpreter = sys.executable if beside.interpreter == begin.interpreter else beside.interpreter
        if not os.access(interpreter, os.X_OK):
            raise InvalidModel(
                f"The environment of model {beside.model.name!r}, {interpreter}, is not on node "
                f"{socket.gethostname()!r}: what a model requires is installed on the server only.",
                hint="Put the data directory on a disk that all nodes have under the same path, or install the "
                "requirements on every node and upload the model without them.",
            )
        path = str(self._models.directory / beside.model.file_sha)
        return SidekickSpec(
            uid=beside.uid,
            model=msgspec.structs.replace(beside.model, path=path),
            interpreter=interpreter,
            resources=Resources(replicas=1, cpus=beside.cpus, memory_bytes=beside.memory_bytes),
            variables=beside.variables | _accelerators(),
        )

    async def _watch(self, engine: asyncio.subprocess.Process, memory_bytes: int) -> None:
        """Wait for the end of the engine; bring it about when it uses more memory than it may."""
        ending = asyncio.create_task(engine.wait())
        while not ending.done():
            await asyncio.wait([ending], timeout=CHECK_PERIOD_S)
            if memory_bytes and not ending.done() and resident_bytes(engine.pid) > memory_bytes:
                said = f"it used more than its memory limit of {memory_bytes // 2**20} MiB"
                return self._end(Ended(reason=said, is_memory=True))
            for sidekick in self._sidekicks:
                sidekick.check()
        code = ending.result()
        said = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"
        return self._end(Ended(reason=said))

    async def _watch_node(self) -> None:
        """Notice the end of the node's raylet, our parent, long before Ray ends what it left behind."""
        raylet = os.getppid()
        while os.getppid() == raylet:
            await asyncio.sleep(CHECK_PERIOD_S)
        self._end(Ended(reason="its node was lost"))

    async def _watch_beside(self, sidekick: SidekickProcess) -> None:
        how = await sidekick.process.wait()
        reason = f"the sidekick of model {sidekick.spec.model.name!r} was lost: {how}"
        self._end(Ended(reason=reason, is_memory=sidekick.process.was_too_large))

    def _end(self, ended: Ended) -> None:
        self._how = self._how or ended
        self._ended.set()
