"""Deployments: a pipeline version wanted to run, and how it does run."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct

from jupyter_wallaroo.secret import MASK
from jupyter_wallaroo.types.model import ModelReference

EngineConfig = dict[str, Any]
"""The vendor's deployment configuration (contract/deployment_config.md), stored as sent."""


def without_variables(config: EngineConfig) -> EngineConfig:
    """Return a configuration in which the values of environment variables are masked, for what is kept for ever."""
    images = (config.get("engineAux") or {}).get("images") or {}
    if not any(image.get("env") for image in images.values()):
        return config
    masked = {
        uid: image | {"env": [{**item, "value": MASK} for item in image.get("env") or []]}
        for uid, image in images.items()
    }
    return {**config, "engineAux": {**config["engineAux"], "images": masked}}


class DeployPipeline(Struct, frozen=True, kw_only=True):
    """``pipelines/deploy`` (S1-13 … S1-19).

    ``strict_models`` says whether the models of the steps must be named again (S1-20). Left out, it is true for a
    request in the seed's form, which names the ``pipeline_id``, and false in the newer form without one (A7).
    """

    deploy_id: str
    pipeline_id: int | None = None
    pipeline_version_pk_id: int | None = None
    pipeline_version: str | None = None
    engine_config: EngineConfig | str | None = None
    model_configs: list[int] | None = None
    model_ids: list[int] | None = None
    models: list[ModelReference] | None = None
    strict_models: bool | None = None


class DeploymentId(Struct, frozen=True, kw_only=True):
    """The id of a deployment."""

    id: int


class UndeployPipeline(Struct, frozen=True, kw_only=True):
    """``pipelines/undeploy``: either id suffices, both must belong together (A10)."""

    pipeline_id: int | None = None
    deployment_id: int | None = None


class RollBackPipeline(Struct, frozen=True, kw_only=True):
    """``pipelines/rollback``: a pipeline by id, or by name and workspace; ``to`` is the UUID of a version that ran.

    Without ``to`` it is the version that was deployed before the present one.
    """

    pipeline_id: int | None = None
    pipeline_name: str | None = None
    workspace_id: int | None = None
    to: str | None = None


class RolledBack(Struct, frozen=True, kw_only=True):
    """``pipelines/rollback``'s answer; ``replacing`` names the engines that go on until the new ones are ready."""

    deployment_id: int
    deployment: str
    """``{deploy_id}-{id}``."""
    from_version: str
    to_version: str
    replacing: list[str]


class GetDeployment(Struct, frozen=True, kw_only=True):
    """``status/get_deployment``: ``name`` is ``{deploy_id}-{deployment id}`` (S1-25)."""

    name: str


class Status(StrEnum):
    """Whether something serves: a replica, or a deployment as a whole (S1-32)."""

    RUNNING = "Running"
    STARTING = "Starting"
    ERROR = "Error"


class PodInfo(Struct, frozen=True, kw_only=True):
    """One part of a deployment as 2026 clients read it."""

    name: str
    ip: str
    status: str
    health: Status
    reason: str | None
    details: list[str]
    labels: dict[str, str] = {}
    required_cpu: str | None = None
    required_memory: str | None = None


class PodStatus(Struct, frozen=True, kw_only=True):
    """One part of a deployment: the seed's flat keys (S1-27, S1-30) and the same under ``info``."""

    ip: str
    name: str
    status: str
    reason: str | None
    details: list[str]
    info: PodInfo


class PipelineStatus(Struct, frozen=True, kw_only=True):
    """A pipeline in an engine: ``id`` is its name (S1-28)."""

    id: str
    status: Status


class PipelineStatuses(Struct, frozen=True, kw_only=True):
    """The pipelines of an engine (there is one)."""

    pipelines: list[PipelineStatus]


class ModelStatus(Struct, frozen=True, kw_only=True):
    """A model in an engine (S1-29)."""

    name: str
    version: str
    sha: str
    status: Status


class ModelStatuses(Struct, frozen=True, kw_only=True):
    """The models of an engine."""

    models: list[ModelStatus]


class EngineStatus(PodStatus, frozen=True, kw_only=True):
    """One engine replica: a process of this machine."""

    pipeline_statuses: PipelineStatuses
    model_statuses: ModelStatuses


class ReplicaCounts(Struct, frozen=True, kw_only=True):
    """How many engines there are to be and how many run; ``autoscale`` says by which load that number is found.

    It is None where the number is fixed.
    """

    wanted: int
    running: int
    autoscale: str | None


class ProcessorUse(Struct, frozen=True, kw_only=True):
    """How long processors have computed until now, for whoever asks twice: the difference is what was used between.

    Parameters
    ----------
    replicas_s
        Of the replicas and their sidekicks, all threads together, in s.
    server_s
        Of the server itself, in s.
    machine_s
        Of everything on this machine or in this container, in s; None where it does not say.
    processors
        How many this server may use.
    """

    replicas_s: float
    server_s: float
    machine_s: float | None
    processors: float


class DeploymentStatus(Struct, frozen=True, kw_only=True):
    """``status/get_deployment``'s answer (S1-26), computed from the processes."""

    status: Status
    details: list[str]
    engines: list[EngineStatus]
    engine_lbs: list[PodStatus]
    sidekicks: list[PodStatus]
    helm: list[PodStatus]
    replicas: ReplicaCounts | None = None
    """Ours; other servers do not say it."""
    use: ProcessorUse | None = None
    """Ours as well; None where the replicas run on other machines."""
