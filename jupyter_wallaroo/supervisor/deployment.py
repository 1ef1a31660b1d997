"""One deployment: spreads inferences over its replicas, survives the loss of any, swaps them without a gap."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time

import msgspec

from jupyter_wallaroo.engine.arena import Region
from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.errors import Conflict, EngineFailure, NotFound, Unavailable
from jupyter_wallaroo.supervisor.launch import Launcher
from jupyter_wallaroo.supervisor.relay import Relay
from jupyter_wallaroo.supervisor.replica import Replica, Tried, pod_suffix
from jupyter_wallaroo.supervisor.spec import DeploymentSpec, Limits, OnRefused
from jupyter_wallaroo.supervisor.taker import Taker
from jupyter_wallaroo.types.deployment import Status
from jupyter_wallaroo.types.event import UNDEPLOYED, DeploymentChanged, Notify

DRAIN_LIMIT_S = 20.0
POISON_MEMORY_S = 60.0
DOORS_LIMIT_S = 1.0
"""How much longer a switch waits for requests at the doors that are closed; what takes longer is drained after it."""
IDLE_S = 1.0
"""How long a connection to a replica that is replaced may have been idle: a client may just be sending on it."""


class Deployment:
    """A running deployment.

    Parameters
    ----------
    spec
        What to run.
    limits
        What holds for every deployment.
    launcher
        Starts the processes of its replicas.
    notify
        Told when its status, version or number of running replicas changes.
    refused
        Told when a replacement does not come up.
    """

    def __init__(
        self, spec: DeploymentSpec, limits: Limits, launcher: Launcher, notify: Notify, refused: OnRefused
    ) -> None:
        self.spec = spec
        self.lb_name = f"engine-lb-{self._hash(spec)}-{pod_suffix()}"
        self.refusal: str | None = None
        """Why the last replacement was not taken, None when it was."""
        self.held: str | None = None
        """Why there are fewer replicas than the load calls for, None when there are enough."""
        self.taken = 0
        """How many requests ever came."""
        self._limits = limits
        self._launcher = launcher
        self._refused = refused
        self._waiting: list[asyncio.Future[None]] = []
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_closing = False
        self._poison: dict[bytes, float] = {}
        self._replacing: asyncio.Task[None] | None = None
        self._switching: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._fresh: list[Replica] = []
        self._notify = notify
        self._told: DeploymentChanged | None = None
        self._past_restarts = 0
        self.doorway = limits.doors.open() if limits.doors is not None else None
        """The port that its replicas answer themselves, None when there is none."""
        self._has_run = False
        self._tried = Tried()
        self.replicas = self._make(spec, spec.resources.replicas, self._tried)
        self._serve(self.replicas)
        self.tell()

    @staticmethod
    def _hash(spec: DeploymentSpec) -> str:
        return hashlib.sha256(f"{spec.name}:{spec.pipeline_version}".encode()).hexdigest()[:10]

    def _make(self, spec: DeploymentSpec, count: int, tried: Tried) -> list[Replica]:
        names = [f"engine-{self._hash(spec)}-{pod_suffix()}" for _ in range(count)]
        return [
            Replica(name, spec, self._limits, self._launcher, self._changed, tried=tried, doorway=self.doorway)
            for name in names
        ]

    @staticmethod
    def _serve(replicas: list[Replica]) -> None:
        for replica in replicas:
            replica.serve()

    @property
    def direct_url(self) -> str | None:
        """The address of its own port that takes inferences, None when it has none.

        Nor when all replicas may end, and nobody would answer there: then a request to the server starts one.
        """
        scaling = self.spec.resources.autoscale
        may_end = scaling is not None and not scaling.minimum
        if self.doorway is None or self._limits.doors is None or may_end:
            return None
        return self.doorway.address + self._limits.doors.path(self.spec.name)

    @property
    def status(self) -> Status:
        """Running or Error when every replica is, else Starting.

        With autoscaling it is Running with as many as there are at least; with none of none, as a request starts one.
        """
        statuses = [replica.status for replica in self.replicas]
        scaling = self.spec.resources.autoscale
        needed = min(len(statuses), max(1, scaling.minimum)) if scaling else len(statuses)
        if statuses.count(Status.RUNNING) >= needed:
            return Status.RUNNING
        return Status.ERROR if all(status is Status.ERROR for status in statuses) else Status.STARTING

    @property
    def in_flight(self) -> int:
        """How many requests wait for an answer, by whichever door they came."""
        return self._in_flight + sum(replica.owed_at_door for replica in self.replicas)

    @property
    def restarts(self) -> int:
        """How many engine processes were lost and started again, those of earlier versions included."""
        return self._past_restarts + sum(replica.restarts for replica in self.replicas)

    def news(self, status: str | None = None) -> DeploymentChanged:
        """Return how it is as its next event would say; ``status`` in place of its own."""
        reasons = [replica.reason for replica in self.replicas if replica.reason]
        return DeploymentChanged(
            deployment_id=self.spec.id,
            deployment=self.spec.name,
            pipeline_id=self.spec.pipeline_id,
            pipeline=self.spec.pipeline_name,
            pipeline_version=self.spec.pipeline_version,
            status=status or self.status,
            replicas_running=sum(replica.status is Status.RUNNING for replica in self.replicas),
            replicas_wanted=len(self.replicas),
            reason=next(iter(reasons), self.refusal or self.held),
        )

    def tell(self, status: str | None = None) -> None:
        """Tell whoever listens how it is, unless they know; ``status`` in place of its own."""
        event = self.news(status)
        is_over = self._told is not None and self._told.status == UNDEPLOYED
        if event != self._told and not is_over:
            self._told = event
            self._notify(event)

    def submit(self, head: bytes, body: Buffer | Region, deadline: float, taker: Taker[bytes]) -> None:
        """Have one request answered by the replica that owes least, and its outcome told to ``taker``, see `Relay`.

        Parameters
        ----------
        head
            An encoded `InferRequest`.
        deadline
            Seconds of the monotonic clock.

        Raises
        ------
        NotFound
            The deployment is ending.
        Unavailable
            It has as many requests as it holds.
        EngineFailure
            The request ended two engines a moment ago.
        """
        if self._is_closing:
            raise NotFound(f"Deployment {self.spec.name!r} is being undeployed.")
        if self._in_flight >= self._limits.queue:
            raise Unavailable(
                f"Deployment {self.spec.name!r} already has {self._in_flight} requests waiting, the most it holds.",
                hint="Try again shortly, or deploy with more replicas.",
            )
        if self._poison:
            self._refuse_poison(body)
        if not self._in_flight:
            self._idle.clear()
        self.taken += 1
        self._in_flight += 1
        Relay(self, head, body, deadline, taker).send()

    def relayed(self) -> None:
        """Count one request less (its relay calls this)."""
        self._in_flight -= 1
        if not self._in_flight:
            self._idle.set()

    def remember_poison(self, body: Buffer | Region) -> None:
        """Refuse a body for a minute (the relay calls this that lost two engines over it)."""
        self._poison[_digest(body)] = time.monotonic() + POISON_MEMORY_S

    def pick(self) -> Replica | None:
        """Return the running replica that owes least, None when none runs."""
        running = [replica for replica in self.replicas if replica.status is Status.RUNNING]
        return min(running, key=lambda replica: replica.in_flight) if running else None

    async def wait_for_replica(self, deadline: float) -> Replica:
        """Wait for a replica that ran before to come back; refuse at once when none is about to.

        Where autoscaling has left none, the first is started.

        Raises
        ------
        Unavailable
            The deployment is starting, or does not recover in time; says which.
        Conflict
            It cannot run; says why.
        """
        while True:
            if not self.replicas:
                self.scale(1)
            self._refuse_unless_recovering()
            replica = self.pick()
            if replica is not None:
                return replica
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await asyncio.wait_for(waiter, max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                raise Unavailable(
                    f"Deployment {self.spec.name!r} lost its engines and did not recover in time."
                ) from None
            finally:
                if waiter in self._waiting:
                    self._waiting.remove(waiter)

    def _refuse_unless_recovering(self) -> None:
        status = self.status
        reasons = " ".join(replica.reason for replica in self.replicas if replica.reason)
        if status is Status.ERROR and any(replica.is_refused for replica in self.replicas):
            raise Conflict(f"Deployment {self.spec.name!r} is in state Error: {reasons}", hint="Undeploy and mend it.")
        if status is Status.ERROR:
            raise Unavailable(f"Deployment {self.spec.name!r} is in state Error: {reasons}", retry_after_s=30)
        if self.replicas and all(replica.is_waiting for replica in self.replicas):
            raise Unavailable(f"Deployment {self.spec.name!r} is in state Starting: {reasons}", retry_after_s=5)
        if not self._has_run:
            raise Unavailable(f"Deployment {self.spec.name!r} is in state Starting; try again when it is Running.")

    def _refuse_poison(self, body: Buffer | Region) -> None:
        now = time.monotonic()
        self._poison = {key: until for key, until in self._poison.items() if until > now}
        if self._poison and _digest(body) in self._poison:
            raise EngineFailure("This request ended two engines a moment ago; it is refused for a minute.")

    def _changed(self) -> None:
        self._has_run = self._has_run or self.pick() is not None
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
        self.tell()

    @property
    def delay(self) -> str | None:
        """Why a replacement cannot come up yet, None when nothing keeps it from doing so."""
        waiting = (replica.reason for replica in self._fresh if replica.is_waiting)
        reason = next(waiting, None)
        return f"Its next version is waiting: {reason}" if reason else None

    async def _settled(self, replicas: list[Replica]) -> None:
        while any(replica.status is Status.STARTING for replica in replicas):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            await waiter

    def replace(self, spec: DeploymentSpec) -> list[str]:
        """Run another version in this one's place: prepared beside it, switched when ready, the old drained.

        Should the new one not come up, the old one goes on and `refusal` says why. Where only the number of replicas
        differs, those that run stay as they are.

        Returns
        -------
        list of str
            The replicas that go on until the new ones are ready, and then end.
        """
        if self._replacing is not None:
            self._replacing.cancel()
        if self._is_of_size(spec) and self.status is not Status.ERROR and not self._is_switching:
            self._resize(spec)
            return []
        self._replacing = asyncio.get_running_loop().create_task(self._replace(spec))
        return [replica.name for replica in self.replicas]

    def _is_of_size(self, spec: DeploymentSpec) -> bool:
        """Tell whether ``spec`` is what runs, but perhaps for the number of replicas and how that is found."""
        asked = spec.resources
        resources = msgspec.structs.replace(self.spec.resources, replicas=asked.replicas, autoscale=asked.autoscale)
        return msgspec.structs.replace(self.spec, resources=resources, release_id=spec.release_id) == spec

    def _resize(self, spec: DeploymentSpec) -> None:
        """Have more replicas, which serve as soon as each is ready, or fewer, those first that do not run."""
        self.refusal = None
        count = self._count(spec)
        # The rest stays as it is, even its identity: replicas that run are found by the models that they were given.
        self.spec = msgspec.structs.replace(self.spec, resources=spec.resources, release_id=spec.release_id)
        self.scale(count)

    def _count(self, spec: DeploymentSpec) -> int:
        """Return how many replicas ``spec`` begins with: those that the load brought, unless it says another number."""
        resources, scaling = spec.resources, spec.resources.autoscale
        is_said = scaling is None or resources.replicas != self.spec.resources.replicas
        return resources.replicas if is_said or not scaling else scaling.bounded(max(1, len(self.replicas)))

    @property
    def may_scale(self) -> bool:
        """Whether its load says anything: it answers, or nobody asks it, and it is not about to be replaced."""
        is_replacing = self._is_switching or (self._replacing is not None and not self._replacing.done())
        return not (self._is_closing or is_replacing) and (self.pick() is not None or not self.replicas)

    def hold(self, reason: str | None) -> None:
        """Note why there are fewer replicas than the load calls for, None when there are enough."""
        if reason != self.held:
            self.held = reason
            self.tell()

    def scale(self, count: int) -> None:
        """Run ``count`` replicas: new ones serve as soon as each is ready, others finish what they owe."""
        present = sorted(self.replicas, key=lambda replica: replica.status is not Status.RUNNING)
        kept, surplus = present[:count], present[count:]
        self.replicas = [*kept, *(more := self._make(self.spec, count - len(kept), self._tried))]
        self._serve(more)
        if surplus:
            self._retire(surplus)
        self._watch_doorway()
        self.tell()

    def _watch_doorway(self) -> None:
        """Start a replica for whoever connects while there is none: the connection waits, and is not refused."""
        if self.doorway is None or not self.doorway.is_open:
            return
        loop, listener = asyncio.get_running_loop(), self.doorway.listener.fileno()
        loop.remove_reader(listener)
        if not self.replicas and not self._is_closing:
            loop.add_reader(listener, self.scale, 1)

    def _close_doorway(self) -> None:
        if self.doorway is not None and self.doorway.is_open:
            asyncio.get_running_loop().remove_reader(self.doorway.listener.fileno())
            self.doorway.close()

    async def _replace(self, spec: DeploymentSpec) -> None:
        self.refusal = None
        tried = Tried()
        fresh = self._fresh = self._make(spec, self._count(spec), tried)
        try:
            if self.status is not Status.ERROR:
                await self._settled(fresh)
            failed = [replica for replica in fresh if replica.status is Status.ERROR]
            if failed:
                self.refusal = f"Version {spec.pipeline_version} was not taken: {failed[0].reason}"
                self.tell()
                self._refused(spec, self.spec)
                await self._stop(fresh)
                return
        except asyncio.CancelledError:
            await self._stop(fresh)
            raise
        finally:
            if self._fresh is fresh:
                self._fresh = []
        self._switching = asyncio.get_running_loop().create_task(self._switch(fresh, spec, tried))
        await asyncio.shield(self._switching)

    @property
    def _is_switching(self) -> bool:
        return self._switching is not None and not self._switching.done()

    async def _switch(self, fresh: list[Replica], spec: DeploymentSpec, tried: Tried) -> None:
        """Have ready replicas take the place of the others, once those answer nobody at their own doors any more.

        So whoever is told that the new version runs is not answered by the old one.
        """
        self._fresh = fresh
        self._serve(fresh)
        closing = [door for replica in self.replicas if (door := replica.close_door(idle_s=IDLE_S)) is not None]
        if closing:
            await asyncio.wait(closing, timeout=IDLE_S + DOORS_LIMIT_S)
        if self._fresh is fresh:
            self._fresh = []
        self._past_restarts = self.restarts
        self.held = None
        old, self.replicas, self.spec, self._tried = self.replicas, fresh, spec, tried
        self._watch_doorway()
        self._changed()
        self._retire(old)

    def _retire(self, replicas: list[Replica]) -> None:
        """Let ``replicas``, which get no new requests, finish what they owe, and end them, whatever comes meanwhile."""
        task = asyncio.get_running_loop().create_task(self._drain(replicas))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _drain(self, replicas: list[Replica]) -> None:
        with contextlib.suppress(TimeoutError):
            draining = (replica.until_idle(idle_s=IDLE_S) for replica in replicas)
            await asyncio.wait_for(asyncio.gather(*draining), DRAIN_LIMIT_S)
        await self._stop(replicas)

    @staticmethod
    async def _stop(replicas: list[Replica]) -> None:
        await asyncio.gather(*(replica.stop() for replica in replicas))

    def check(self, now: float) -> None:
        """Look after every process of this deployment."""
        for replica in (*self.replicas, *self._fresh):
            self.taken += replica.check(now)

    async def stop(self, *, drain_s: float = DRAIN_LIMIT_S) -> None:
        """Take no more requests, let those under way finish for ``drain_s`` seconds, end the processes."""
        self._is_closing = True
        self._watch_doorway()
        if self._replacing is not None:
            self._replacing.cancel()
            await asyncio.gather(self._replacing, return_exceptions=True)
        if self._switching is not None:
            await self._switching
        with contextlib.suppress(TimeoutError):
            draining = (replica.until_idle(idle_s=0.0) for replica in self.replicas)
            await asyncio.wait_for(asyncio.gather(self._idle.wait(), *draining), drain_s)
        await self._stop(self.replicas)
        self._close_doorway()
        if self._retiring:
            await asyncio.wait(self._retiring)


def _digest(body: Buffer | Region) -> bytes:
    return hashlib.sha256(body.view if isinstance(body, Region) else body).digest()
