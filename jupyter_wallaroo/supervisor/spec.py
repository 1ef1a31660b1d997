"""What is to run, as the services tell the supervisor."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from jupyter_wallaroo.engine.arena import Arena
from jupyter_wallaroo.supervisor.doorway import Doors
from jupyter_wallaroo.types.plan import Durability, PlannedModel, PlannedStep


class Trigger(StrEnum):
    """What autoscaling goes by."""

    CPU = "cpu"
    QUEUE = "queue"


class Autoscale(Struct, frozen=True, kw_only=True):
    """How the number of replicas follows the load.

    ``cpu_utilization`` is what the replicas should use on average, in percent of their share of the processors.
    The depths are requests in flight per replica: above ``scale_up_queue_depth`` there are more replicas, below
    ``scale_down_queue_depth`` for ``window_s`` seconds fewer. ``minimum`` is 0 only with `Trigger.QUEUE`, where a
    request that waits starts the first replica.
    """

    trigger: Trigger
    minimum: int
    maximum: int
    cpu_utilization: float
    scale_up_queue_depth: float
    scale_down_queue_depth: float
    window_s: float

    @property
    def words(self) -> str:
        """How it goes, as statuses and differences say it."""
        if self.trigger is Trigger.CPU:
            goal = f"{self.cpu_utilization:g}% CPU"
        else:
            goal = f"{self.scale_down_queue_depth:g} to {self.scale_up_queue_depth:g} waiting requests"
        return f"{self.minimum} to {self.maximum} replicas by {goal} each, fewer after {self.window_s:g} s"

    def bounded(self, replicas: int) -> int:
        """Return the allowed number that is nearest to ``replicas``."""
        return min(max(replicas, self.minimum), self.maximum)


class Resources(Struct, frozen=True, kw_only=True):
    """What a deployment may use: copies, CPUs and memory of each; ``memory_bytes`` 0: no limit.

    With ``autoscale`` the copies are those it begins with. ``gpus`` and ``labels`` say which machines may run it, where
    there are several; sidekicks run beside their replica, so the labels are the replica's.
    """

    replicas: int
    cpus: float
    memory_bytes: int
    gpus: float = 0.0
    labels: dict[str, str] = {}
    autoscale: Autoscale | None = None


class SidekickSpec(Struct, frozen=True, kw_only=True):
    """A model that runs beside each replica: in which Python, with which resources and variables.

    ``uid`` is ``{model name}-{model version id}``, the vendor's key for it (contract/deployment_config.md).
    """

    uid: str
    model: PlannedModel
    interpreter: str
    resources: Resources
    variables: dict[str, str]


class DeploymentSpec(Struct, frozen=True, kw_only=True):
    """One deployment: ``name`` is ``{deploy_id}-{id}``; ``release_id`` numbers what it was ever told."""

    id: int
    release_id: int
    name: str
    pipeline_id: int
    pipeline_name: str
    pipeline_version_id: int
    pipeline_version: str
    models: list[PlannedModel]
    steps: list[PlannedStep]
    sidekicks: list[SidekickSpec]
    """One for each model that the engine does not run itself, in their order."""
    resources: Resources
    journal_directory: str


OnRefused = Callable[[DeploymentSpec, DeploymentSpec], None]
"""Called with what did not come up, and with what goes on running."""


class Limits(Struct, frozen=True, kw_only=True):
    """What holds for every deployment of a server, from its configuration."""

    queue: int
    """Requests that one deployment holds at once; more are refused."""
    load_s: float
    """How long a replica may take to load its models."""
    is_logged: bool
    durability: Durability
    work_directory: Path
    """An empty directory that engine processes run in."""
    sidekick_directory: Path
    """Where each sidekick has a directory of its own."""
    arena: Arena
    """Where large request bodies lie."""
    autoscaled_replicas: int
    """Replicas of all deployments together up to which autoscaling adds more."""
    doors: Doors | None = None
    """The ports that replicas answer themselves, None where Jupyter is the only door."""
    rolled: Callable[[str], None] | None = None
    """Told of a directory in which a replica has finished a file of its journal."""
