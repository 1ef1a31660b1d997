"""What is to run, as the services tell the supervisor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from jupyter_wallaroo.engine.arena import Arena
from jupyter_wallaroo.supervisor.doorway import Doors
from jupyter_wallaroo.types.plan import Durability, PlannedModel, PlannedStep


class Resources(Struct, frozen=True, kw_only=True):
    """What a deployment may use: copies, CPUs and memory of each; ``memory_bytes`` 0: no limit."""

    replicas: int
    cpus: float
    memory_bytes: int


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
    durability: Durability
    work_directory: Path
    """An empty directory that engine processes run in."""
    sidekick_directory: Path
    """Where each sidekick has a directory of its own."""
    arena: Arena
    """Where large request bodies lie."""
    doors: Doors | None = None
    """The ports that replicas answer themselves, None where Jupyter is the only door."""
