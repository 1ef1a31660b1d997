"""How a deployment is, in the words of ``status/get_deployment`` (S1-26 … S1-33)."""

from __future__ import annotations

import time

from jupyter_wallaroo.supervisor.deployment import Deployment
from jupyter_wallaroo.supervisor.doorway import LOOPBACK
from jupyter_wallaroo.supervisor.process_table import cpu_seconds
from jupyter_wallaroo.supervisor.processors import processors, used_s
from jupyter_wallaroo.supervisor.replica import Replica
from jupyter_wallaroo.supervisor.spec import DeploymentSpec, SidekickSpec
from jupyter_wallaroo.types.deployment import (
    DeploymentStatus,
    EngineStatus,
    ModelStatus,
    ModelStatuses,
    PipelineStatus,
    PipelineStatuses,
    PodInfo,
    PodStatus,
    ProcessorUse,
    ReplicaCounts,
    Status,
)

_PHASE = {Status.RUNNING: "Running", Status.STARTING: "Pending", Status.ERROR: "Failed"}


def of(deployment: Deployment) -> DeploymentStatus:
    """Return the status of a deployment as it is now.

    A model in a process of its own has one sidekick per replica, a native one none (S1-31).
    """
    engines = [_engine(replica, deployment.spec) for replica in deployment.replicas]
    details = [replica.reason for replica in deployment.replicas if replica.reason]
    details += [note for note in (deployment.refusal, deployment.held, deployment.delay) if note]
    news, scaling = deployment.news(), deployment.spec.resources.autoscale
    return DeploymentStatus(
        status=deployment.status,
        details=details,
        engines=engines,
        engine_lbs=[_load_balancer(deployment.lb_name)],
        sidekicks=[
            _sidekick(replica, number, spec)
            for replica in deployment.replicas
            for number, spec in enumerate(deployment.spec.sidekicks)
        ],
        helm=[],
        replicas=ReplicaCounts(
            wanted=news.replicas_wanted,
            running=news.replicas_running,
            autoscale=scaling.words if scaling else None,
        ),
        use=ProcessorUse(
            replicas_s=sum(cpu_seconds(pid) for replica in deployment.replicas for pid in replica.pids),
            server_s=time.process_time(),
            machine_s=used_s(),
            processors=processors(),
        ),
    )


def _engine(replica: Replica, spec: DeploymentSpec) -> EngineStatus:
    models = [
        ModelStatus(name=model.name, version=model.version, sha=model.sha, status=replica.status)
        for model in spec.models
    ]
    ip = _ip(replica)
    info = PodInfo(
        name=replica.name,
        ip=ip,
        status=_PHASE[replica.status],
        health=replica.status,
        reason=replica.reason,
        details=[],
        labels=replica.unit.labels if replica.unit else {},
        required_cpu=f"{spec.resources.cpus:g}",
        required_memory=f"{spec.resources.memory_bytes // 2**20}Mi" if spec.resources.memory_bytes else None,
    )
    return EngineStatus(
        ip=ip,
        name=replica.name,
        status=_PHASE[replica.status],
        reason=replica.reason,
        details=[],
        info=info,
        pipeline_statuses=PipelineStatuses(pipelines=[PipelineStatus(id=spec.pipeline_name, status=replica.status)]),
        model_statuses=ModelStatuses(models=models),
    )


def _sidekick(replica: Replica, number: int, spec: SidekickSpec) -> PodStatus:
    """Return the entry of one model beside one replica: they start, run and end together."""
    name = f"engine-sidekick-{spec.uid}-{replica.name.removeprefix('engine-')}"
    ip = _ip(replica)
    return PodStatus(
        ip=ip,
        name=name,
        status=_PHASE[replica.status],
        reason=replica.reason,
        details=[],
        info=PodInfo(
            name=name,
            ip=ip,
            status=_PHASE[replica.status],
            health=replica.status,
            reason=replica.reason,
            details=[],
            labels=replica.unit.labels_beside(number) if replica.unit else {},
            required_cpu=f"{spec.resources.cpus:g}",
            required_memory=f"{spec.resources.memory_bytes // 2**20}Mi" if spec.resources.memory_bytes else None,
        ),
    )


def _ip(replica: Replica) -> str:
    return replica.unit.ip if replica.unit else LOOPBACK


def _load_balancer(name: str) -> PodStatus:
    """Return the entry for what spreads requests: the server itself, which runs while it answers this."""
    info = PodInfo(name=name, ip=LOOPBACK, status="Running", health=Status.RUNNING, reason=None, details=[])
    return PodStatus(ip=LOOPBACK, name=name, status="Running", reason=None, details=[], info=info)
