"""One replica: keeps one engine process alive with its models loaded."""

from __future__ import annotations

import asyncio
import random
import string
import time
from collections import deque

import msgspec

from jupyter_wallaroo.engine.arena import Region
from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.errors import DeadlineExceeded, InvalidModel, WallarooError
from jupyter_wallaroo.supervisor.doorway import Doorway
from jupyter_wallaroo.supervisor.process import EngineGone, EngineProcess, OnChange, forget
from jupyter_wallaroo.supervisor.processors import thread_variables, threads
from jupyter_wallaroo.supervisor.sidekick import SidekickProcess
from jupyter_wallaroo.supervisor.spec import DeploymentSpec, Limits
from jupyter_wallaroo.supervisor.taker import Taker
from jupyter_wallaroo.types.deployment import Status
from jupyter_wallaroo.types.door import Retire
from jupyter_wallaroo.types.plan import Plan

MEMORY_HEADROOM_BYTES = 2**30
"""What the address space may be larger than the memory limit: libraries map more than they use."""

BACK_OFF_S = (0.0, 0.0, 0.25, 0.5, 1.0, 1.0, 2.0, 5.0, 10.0, 30.0)
CRASH_WINDOW_S = 60.0
SERVED_S = 1.0
"""A process that lives this long with its models loaded has room for them: what ends it then is a request."""
CRASHES_TO_ERROR = 5
DOOR_LIMIT_S = 30.0
"""How long a replica may take to open or to retire its door."""
DIGEST_BYTES = 32
"""What a question about a token begins with; the rest is the token."""

_encode = msgspec.msgpack.Encoder().encode


def pod_suffix() -> str:
    """Return five random letters and digits, the end of a replica's name (S1-33)."""
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=5))  # noqa: S311  a name, not a secret


class Replica:
    """One copy of a deployment's models.

    Parameters
    ----------
    name
        ``engine-<hash>-<rand>``.
    spec, limits
        What it runs, and how.
    starts
        Limits how many processes of the server load models at the same time.
    changed
        Called whenever `status` may have changed.
    doorway
        The port that it answers itself, once `serve` was called; None for none.
    """

    def __init__(
        self,
        name: str,
        spec: DeploymentSpec,
        limits: Limits,
        starts: asyncio.Semaphore,
        changed: OnChange,
        *,
        doorway: Doorway | None,
    ) -> None:
        self.name = name
        self._doorway = doorway
        self._serves = False
        self.reason: str | None = None
        self.has_run = False
        self.restarts = 0
        """How many processes it lost and replaced by another."""
        self.is_refused = False
        self._phase = Status.STARTING
        self._spec = spec
        self._limits = limits
        self._starts = starts
        self._changed = changed
        self._process: EngineProcess | None = None
        self.sidekicks: list[SidekickProcess] = []
        self._crashes: deque[float] = deque()
        self._served = False
        self._task = asyncio.get_running_loop().create_task(self._keep_running())

    @property
    def in_flight(self) -> int:
        """How many answers it owes."""
        return self._process.in_flight if self._process else 0

    @property
    def owed_at_door(self) -> int:
        """How many answers it owes at its own door."""
        return self._process.owed_at_door if self._process else 0

    @property
    def status(self) -> Status:
        """Running only while there is a process with its models loaded; Error when it has given up or is about to."""
        if self._phase is Status.RUNNING and self.pid is None:
            return Status.STARTING
        return self._phase

    @property
    def pid(self) -> int | None:
        """The process id, None while there is no process."""
        return self._process.pid if self._process and self._process.is_alive else None

    @property
    def pids(self) -> list[int]:
        """The ids of its processes, as far as there are any: its own and its sidekicks'."""
        found = [self.pid, *(sidekick.process.pid for sidekick in self.sidekicks)]
        return [pid for pid in found if pid is not None]

    def send(self, head: bytes, body: Buffer | Region, deadline: float, taker: Taker[bytes]) -> None:
        """Send an inference, whose outcome is told to ``taker``; only while `status` is running."""
        assert self._process is not None
        self._process.send(Kind.INFER, head, body, deadline, taker)

    def serve(self) -> None:
        """Answer at its own door as well, now or when the models are loaded."""
        self._serves = True
        process, doorway, doors = self._process, self._doorway, self._limits.doors
        if self.status is not Status.RUNNING or process is None or doorway is None or doors is None:
            return
        plan = doors.plan(doorway, self._spec.name, self._spec.pipeline_name)
        until = time.monotonic() + DOOR_LIMIT_S
        process.call(Kind.OPEN, _encode(plan), b"", until).add_done_callback(forget)

    async def until_idle(self, *, idle_s: float) -> None:
        """Take no more connections at its door, and wait until it owes no answer.

        Parameters
        ----------
        idle_s
            How long a connection may have been idle that is kept: a client may just be sending on it.
        """
        self._serves = False
        process = self._process
        if process is None:
            return
        if self._doorway is not None:
            until = time.monotonic() + DOOR_LIMIT_S
            process.call(Kind.RETIRE, _encode(Retire(idle_s=idle_s)), b"", until).add_done_callback(forget)
        await process.until_idle()

    def count(self) -> int:
        """Tell what was counted at its door since the last time, and return how many requests that were."""
        board = self._process.scoreboard if self._process is not None else None
        counted = self._limits.doors.counted if self._limits.doors is not None else None
        tally = board.take() if board is not None and counted is not None else None
        if tally is None or counted is None:
            return 0
        counted(self._spec.pipeline_id, tally)
        return tally.total

    def check(self, now: float) -> int:
        """Look after the process: overdue calls, signs of life, memory; return how many requests its door answered."""
        answered = self.count()
        if self._process is not None and self._process.is_alive:
            self._check(self._process, now)
        return answered

    def _check(self, process: EngineProcess, now: float) -> None:
        process.check(now)
        for sidekick in self.sidekicks:
            sidekick.check()
        limit = self._spec.resources.memory_bytes
        if limit and process.resident_bytes() > limit:
            process.kill_for_memory(limit)

    async def stop(self) -> None:
        """End the process and do not start it again."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._process is not None:
            await self._process.stop()
            self.count()
        await self._end_sidekicks()

    async def _keep_running(self) -> None:
        while True:
            try:
                reason = await self._run_once()
            except WallarooError as error:
                self._set(Status.ERROR, error.message)
                self.is_refused = True
                self._changed()
                return
            self.restarts += 1
            now = time.monotonic()
            if self._process is not None and self._process.was_too_large and self._served:
                self._set(Status.STARTING, f"The engine process was lost over one request: {reason}.")
                continue
            self._crashes.append(now)
            while self._crashes[0] < now - CRASH_WINDOW_S:
                self._crashes.popleft()
            count = len(self._crashes)
            status = Status.ERROR if count >= CRASHES_TO_ERROR else Status.STARTING
            self._set(status, f"The engine process was lost: {reason} ({count} times in the last minute).")
            await asyncio.sleep(BACK_OFF_S[min(count, len(BACK_OFF_S)) - 1])

    async def _run_once(self) -> str:
        """Start the processes, load the models, and wait for the first end; return how that came.

        Raises
        ------
        WallarooError
            The models cannot be loaded; trying again would not help.
        """
        try:
            async with self._starts:
                try:
                    process = await self._start()
                except OSError as error:
                    return f"it could not be started ({error.strerror})"
                try:
                    await self._load(process)
                except EngineGone:
                    await self._end_if_lost_beside(process)
                    return await process.wait()
                except WallarooError:
                    await process.stop()
                    raise
                except asyncio.CancelledError:
                    process.kill("it was stopped")
                    raise
            self._set(Status.RUNNING, None)
            self.has_run = True
            if self._serves:
                self.serve()
            loaded = time.monotonic()
            reason = await self._first_end(process)
            self._served = time.monotonic() - loaded > SERVED_S
            return reason
        finally:
            self.count()
            await self._end_sidekicks()

    async def _start(self) -> EngineProcess:
        for spec in self._spec.sidekicks:
            self.sidekicks.append(await SidekickProcess.start(spec, self._limits.sidekick_directory))
        memory_bytes = self._spec.resources.memory_bytes
        peers = [sidekick.peer for sidekick in self.sidekicks]
        self._process = await EngineProcess.start(
            "replica",
            self._limits.work_directory,
            memory_bytes=memory_bytes + MEMORY_HEADROOM_BYTES if memory_bytes else 0,
            arena=self._limits.arena,
            peers=peers,
            listener=self._doorway.listener if self._doorway is not None else None,
            variables=thread_variables(threads(self._spec.resources.cpus)),
        )
        self._process.asked = self._decide
        for peer in peers:
            peer.close()
        return self._process

    async def _decide(self, question: bytes) -> bytes:
        """Answer what its door asks about a token."""
        digest, token = question[:DIGEST_BYTES], question[DIGEST_BYTES:].decode("latin-1")
        doors = self._limits.doors
        assert doors is not None, "it has a door"
        return digest + int(await doors.verdict(self._spec.pipeline_id, token)).to_bytes(2)

    async def _load(self, process: EngineProcess) -> None:
        """Have every process load what it runs.

        Raises
        ------
        EngineGone
            One of them ended.
        InvalidModel
            A model cannot be loaded, or not in time; says which.
        """
        limit_s = self._limits.load_s
        calls = {sidekick.load(limit_s): repr(sidekick.spec.model.name) for sidekick in self.sidekicks}
        own = process.call(Kind.LOAD, _encode(self._plan()), b"", time.monotonic() + limit_s)
        calls[own] = "the engine's own models"
        try:
            done, late = await asyncio.wait(calls, timeout=limit_s, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for call in calls:
                call.cancel()
        failures = [failure for call in done if (failure := call.exception()) is not None]
        if failures and not isinstance(failures[0], DeadlineExceeded):
            raise failures[0]
        if failures or late:
            slow = sorted(calls[call] for call in (late or {own}))
            raise InvalidModel(
                f"Loading {' and '.join(slow)} took longer than {limit_s:.0f} s.",
                hint="Have the model do less when it is loaded, or raise WallarooApp.load_time_limit_s.",
            )

    async def _first_end(self, process: EngineProcess) -> str:
        """Wait until the replica or one of its sidekicks has ended; none of them goes on without the others."""
        loop = asyncio.get_running_loop()
        waiting = [loop.create_task(beside.process.wait()) for beside in self.sidekicks]
        own = loop.create_task(process.wait())
        try:
            await asyncio.wait([own, *waiting], return_when=asyncio.FIRST_COMPLETED)
            if not own.done():
                await self._end_if_lost_beside(process)
            return await own
        finally:
            for task in (own, *waiting):
                task.cancel()

    async def _end_if_lost_beside(self, process: EngineProcess) -> None:
        """End the engine's process when one of its sidekicks has ended, and have it say which and how that came."""
        for sidekick in self.sidekicks:
            if not sidekick.process.is_alive:
                how = await sidekick.process.wait()
                reason = f"the sidekick of model {sidekick.spec.model.name!r} was lost: {how}"
                process.end_for(reason, is_memory=sidekick.process.was_too_large)
                return

    async def _end_sidekicks(self) -> None:
        ending, self.sidekicks = self.sidekicks, []
        await asyncio.gather(*(sidekick.end() for sidekick in ending))

    def _plan(self) -> Plan:
        spec = self._spec
        return Plan(
            pipeline_name=spec.pipeline_name,
            pipeline_version=spec.pipeline_version,
            models=spec.models,
            steps=spec.steps,
            journal_directory=spec.journal_directory,
            replica=self.name,
            threads=threads(spec.resources.cpus),
            is_logged=self._limits.is_logged,
            durability=self._limits.durability,
        )

    def _set(self, status: Status, reason: str | None) -> None:
        self._phase = status
        self.reason = reason
        self._changed()
