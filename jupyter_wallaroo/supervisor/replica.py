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
from jupyter_wallaroo.errors import DeadlineExceeded, InvalidModel, Unavailable, WallarooError
from jupyter_wallaroo.supervisor.doorway import Doorway
from jupyter_wallaroo.supervisor.launch import Launcher, Unit
from jupyter_wallaroo.supervisor.process import EngineGone, EngineProcess, OnChange, Reply, forget
from jupyter_wallaroo.supervisor.spec import DeploymentSpec, Limits
from jupyter_wallaroo.supervisor.taker import Taker
from jupyter_wallaroo.types.deployment import Status
from jupyter_wallaroo.types.door import Retire
from jupyter_wallaroo.types.plan import Loaded, Plan, Trial

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
_decode_loaded = msgspec.msgpack.Decoder(Loaded).decode


def pod_suffix() -> str:
    """Return five random letters and digits, the end of a replica's name (S1-33)."""
    return "".join(random.choices(string.ascii_lowercase + string.digits, k=5))  # noqa: S311  a name, not a secret


class Tried:
    """What one replica has found out about a plan, for the others of the same."""

    trial: Trial | None = None


class Replica:
    """One copy of a deployment's models.

    Parameters
    ----------
    name
        ``engine-<hash>-<rand>``.
    spec, limits
        What it runs, and how.
    launcher
        Starts its processes.
    changed
        Called whenever `status` may have changed.
    tried
        What the first of those that run ``spec`` finds out.
    doorway
        The port that it answers itself, once `serve` was called; None for none.
    """

    def __init__(
        self,
        name: str,
        spec: DeploymentSpec,
        limits: Limits,
        launcher: Launcher,
        changed: OnChange,
        *,
        tried: Tried,
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
        self.is_waiting = False
        """Whether it cannot start before something else happens, such as room on a node; `reason` says what."""
        self._phase = Status.STARTING
        self._spec = spec
        self._limits = limits
        self._launcher = launcher
        self._changed = changed
        self._tried = tried
        self._unit: Unit | None = None
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
        if self._phase is Status.RUNNING and self.unit is None:
            return Status.STARTING
        return self._phase

    @property
    def unit(self) -> Unit | None:
        """Its processes, None while the engine's does not live."""
        return self._unit if self._unit is not None and self._unit.process.is_alive else None

    @property
    def _process(self) -> EngineProcess | None:
        """The engine's, or the last one that was."""
        return self._unit.process if self._unit is not None else None

    @property
    def pids(self) -> list[int]:
        """The ids of those of its processes that do its work on this machine."""
        return self.unit.pids if self.unit is not None else []

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
        self.close_door(idle_s=idle_s)
        if self._process is not None:
            await self._process.until_idle()

    def close_door(self, *, idle_s: float) -> asyncio.Future[Reply] | None:
        """Take no more connections at its door; return what is done when every one has ended, None for no door."""
        was_open, self._serves = self._serves, False
        if self._process is None or self._doorway is None or not was_open:
            return None
        until = time.monotonic() + DOOR_LIMIT_S
        closing = self._process.call(Kind.RETIRE, _encode(Retire(idle_s=idle_s)), b"", until)
        closing.add_done_callback(forget)
        return closing

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
        """Look after its processes; return how many requests its door answered."""
        answered = self.count()
        if self._unit is not None:
            self._unit.check(now)
        return answered

    async def stop(self) -> None:
        """End the process and do not start it again."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._unit is not None:
            await self._unit.process.stop()
            self.count()
            await self._unit.end()

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
        unit = None
        try:
            async with self._launcher.start(self.name, self._spec, self._doorway, self._wait) as unit:
                self._unit = unit
                unit.process.asked = self._decide
                unit.process.rolled = self._tell_rolled
                self.is_waiting = False
                try:
                    await self._load(unit)
                except EngineGone:
                    await self._end_if_lost_beside(unit)
                    return await unit.process.wait()
                except WallarooError:
                    await unit.process.stop()
                    raise
                except asyncio.CancelledError:
                    unit.process.kill("it was stopped")
                    raise
            self._set(Status.RUNNING, None)
            self.has_run = True
            if self._serves:
                self.serve()
            loaded = time.monotonic()
            reason = await self._first_end(unit)
            self._served = time.monotonic() - loaded > SERVED_S
            return reason
        except OSError as error:
            return f"it could not be started ({error.strerror or error})"
        except EngineGone as gone:
            return gone.reason
        except Unavailable as error:
            return error.message.rstrip(".")
        finally:
            self.count()
            if unit is not None:
                await unit.end()

    def _wait(self, status: Status, reason: str) -> None:
        self.is_waiting = True
        self._set(status, reason)

    def _tell_rolled(self) -> None:
        if self._limits.rolled is not None:
            self._limits.rolled(self._spec.journal_directory)

    async def _decide(self, question: bytes) -> bytes:
        """Answer what its door asks about a token."""
        digest, token = question[:DIGEST_BYTES], question[DIGEST_BYTES:].decode("latin-1")
        doors = self._limits.doors
        assert doors is not None, "it has a door"
        return digest + int(await doors.verdict(self._spec.pipeline_id, token)).to_bytes(2)

    async def _load(self, unit: Unit) -> None:
        """Have every process load what it runs.

        Raises
        ------
        EngineGone
            One of them ended.
        InvalidModel
            A model cannot be loaded, or not in time; says which.
        """
        limit_s = self._limits.load_s
        calls = {sidekick.load(limit_s): repr(sidekick.spec.model.name) for sidekick in unit.sidekicks}
        own = unit.process.call(Kind.LOAD, _encode(self._plan(unit.threads)), b"", time.monotonic() + limit_s)
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
        self._tried.trial = _decode_loaded(own.result()[0]).trial

    async def _first_end(self, unit: Unit) -> str:
        """Wait until the replica or one of its sidekicks has ended; none of them goes on without the others."""
        loop = asyncio.get_running_loop()
        waiting = [loop.create_task(beside.process.wait()) for beside in unit.sidekicks]
        own = loop.create_task(unit.process.wait())
        try:
            await asyncio.wait([own, *waiting], return_when=asyncio.FIRST_COMPLETED)
            if not own.done():
                await self._end_if_lost_beside(unit)
            return await own
        finally:
            for task in (own, *waiting):
                task.cancel()

    async def _end_if_lost_beside(self, unit: Unit) -> None:
        """End the engine's process when one of its sidekicks has ended, and have it say which and how that came."""
        for sidekick in unit.sidekicks:
            if not sidekick.process.is_alive:
                how = await sidekick.process.wait()
                reason = f"the sidekick of model {sidekick.spec.model.name!r} was lost: {how}"
                unit.process.end_for(reason, is_memory=sidekick.process.was_too_large)
                return

    def _plan(self, threads: int) -> Plan:
        spec = self._spec
        return Plan(
            pipeline_name=spec.pipeline_name,
            pipeline_version=spec.pipeline_version,
            models=spec.models,
            steps=spec.steps,
            journal_directory=spec.journal_directory,
            replica=self.name,
            threads=threads,
            is_logged=self._limits.is_logged,
            durability=self._limits.durability,
            trial=self._tried.trial,
        )

    def _set(self, status: Status, reason: str | None) -> None:
        self._phase = status
        self.reason = reason
        self._changed()
