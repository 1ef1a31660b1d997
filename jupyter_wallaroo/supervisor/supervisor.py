"""All deployments of a server, and beside them the archivist and the analyst."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable

import msgspec

from jupyter_wallaroo.supervisor.analyst import AnalystProcess
from jupyter_wallaroo.supervisor.archiving import Archiving
from jupyter_wallaroo.supervisor.archivist import ArchivistProcess
from jupyter_wallaroo.supervisor.autoscaler import Autoscaler
from jupyter_wallaroo.supervisor.deployment import Deployment
from jupyter_wallaroo.supervisor.launch import Launcher
from jupyter_wallaroo.supervisor.spec import DeploymentSpec, Limits, OnRefused
from jupyter_wallaroo.types.deployment import Status
from jupyter_wallaroo.types.event import UNDEPLOYED, Notify
from jupyter_wallaroo.types.plan import Archive

CHECK_PERIOD_S = 0.25


class Supervisor:
    """Everything that runs.

    Parameters
    ----------
    limits
        What holds for every deployment.
    archive
        Where the logs lie and how long they are kept.
    notify
        Told of every change of a deployment.
    launcher
        Starts the processes of replicas.
    """

    def __init__(self, limits: Limits, archive: Archive, notify: Notify, launcher: Launcher) -> None:
        self.archivist = ArchivistProcess(limits.work_directory)
        self.analyst = AnalystProcess(limits.work_directory)
        self.on_refused: OnRefused | None = None
        """Told when a replacement does not come up."""
        self._archiving = Archiving(self.archivist, archive)
        self._limits = msgspec.structs.replace(limits, rolled=self._archiving.rolled)
        self.launcher = launcher
        self._autoscaler = Autoscaler(limits.autoscaled_replicas)
        self._notify = notify
        self._deployments: dict[int, Deployment] = {}
        self._past_restarts: Counter[int] = Counter()
        self._ending: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, specs: Iterable[DeploymentSpec]) -> None:
        """Begin to watch, and bring back what was wanted when the server last ended."""
        self.launcher.open()
        for spec in specs:
            self.apply(spec)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._check()), loop.create_task(self._archiving.run())]

    @property
    def log_bytes(self) -> dict[str, int]:
        """What the log of each pipeline takes on disk, by the name of its directory, as last looked at."""
        return self._archiving.log_bytes

    def apply(self, spec: DeploymentSpec) -> list[str]:
        """Run ``spec``: new, or in place of what runs under its id.

        Returns
        -------
        list of str
            The replicas that go on until the new ones are ready, and then end.
        """
        running = self._deployments.get(spec.id)
        if running is not None:
            return running.replace(spec)
        self._deployments[spec.id] = Deployment(spec, self._limits, self.launcher, self._notify, self._refused)
        return []

    def _refused(self, refused: DeploymentSpec, running: DeploymentSpec) -> None:
        if self.on_refused is not None:
            self.on_refused(refused, running)

    def get(self, deployment_id: int) -> Deployment | None:
        """Return a running deployment by id."""
        return self._deployments.get(deployment_id)

    def remove(self, deployment_id: int) -> None:
        """End a deployment: it is gone for callers at once, and drains in the background."""
        deployment = self._deployments.pop(deployment_id, None)
        if deployment is not None:
            deployment.tell(UNDEPLOYED)
            self._past_restarts[deployment.spec.pipeline_id] += deployment.restarts
            task = asyncio.get_running_loop().create_task(deployment.stop())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def counts(self) -> tuple[int, int, int]:
        """Return how many deployments there are, replicas that run, and replicas that are wanted."""
        replicas = [replica for deployment in self._deployments.values() for replica in deployment.replicas]
        running = sum(replica.status is Status.RUNNING for replica in replicas)
        return len(self._deployments), running, len(replicas)

    @property
    def deployments(self) -> list[Deployment]:
        """What is deployed."""
        return list(self._deployments.values())

    def restarts(self) -> Counter[int]:
        """Return by pipeline how many engine processes were lost and started again since the server started."""
        found = self._past_restarts.copy()
        for deployment in self._deployments.values():
            found[deployment.spec.pipeline_id] += deployment.restarts
        return found

    @property
    def is_busy(self) -> bool:
        """Whether anything is starting, ending or being answered."""
        return bool(self._ending) or any(
            deployment.in_flight or deployment.status is Status.STARTING for deployment in self._deployments.values()
        )

    async def stop(self, *, drain_s: float) -> None:
        """End everything, letting requests under way finish for ``drain_s`` seconds."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        deployments = list(self._deployments.values())
        self._deployments.clear()
        await asyncio.gather(*(deployment.stop(drain_s=drain_s) for deployment in deployments))
        if self._ending:
            await asyncio.wait(self._ending, timeout=drain_s)
        await asyncio.gather(self.archivist.stop(), self.analyst.stop(), self.launcher.close())

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(CHECK_PERIOD_S)
            now = time.monotonic()
            for deployment in self._deployments.values():
                deployment.check(now)
            self.launcher.check(now)
            self._autoscaler.check(self._deployments.values(), now)
            self.archivist.check(now)
            self.analyst.check(now)
