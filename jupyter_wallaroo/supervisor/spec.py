"""What is to run, as the services tell the supervisor."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from jupyter_wallaroo.engine.arena import Arena
from jupyter_wallaroo.types.plan import Durability, PlannedModel


class Resources(Struct, frozen=True, kw_only=True):
    """What a deployment may use: copies, CPUs and memory of each; ``memory_bytes`` 0: no limit."""

    replicas: int
    cpus: float
    memory_bytes: int


class DeploymentSpec(Struct, frozen=True, kw_only=True):
    """One deployment: ``name`` is ``{deploy_id}-{id}``."""

    id: int
    name: str
    pipeline_id: int
    pipeline_name: str
    pipeline_version_id: int
    pipeline_version: str
    models: list[PlannedModel]
    resources: Resources
    journal_directory: str


class Limits(Struct, frozen=True, kw_only=True):
    """What holds for every deployment of a server, from its configuration."""

    queue: int
    """Requests that one deployment holds at once; more are refused."""
    load_s: float
    """How long a replica may take to load its models."""
    durability: Durability
    work_directory: Path
    """An empty directory that engine processes run in."""
    arena: Arena
    """Where large request bodies lie."""
