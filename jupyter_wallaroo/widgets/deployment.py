"""The deployment panel: how a pipeline runs, its versions, and what can be done about both."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta, Struct

from jupyter_wallaroo.errors import NotFound
from jupyter_wallaroo.types.deployment import Status
from jupyter_wallaroo.widgets import assets, plain
from jupyter_wallaroo.widgets.panel import Answer, Panel

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.pipeline import Pipeline
    from jupyter_wallaroo.types.deployment import DeploymentStatus, PodStatus
    from jupyter_wallaroo.types.traffic import Traffic
    from jupyter_wallaroo.widgets.work import Work

UNDEPLOYED = "Not deployed"

Replicas = Annotated[int, Meta(ge=1)]


class _Ask(Struct, frozen=True, kw_only=True, tag_field="verb"):
    """What the browser may ask."""


class Look(_Ask, frozen=True, kw_only=True, tag="look"):
    """How everything is; ``versions`` are wanted seldom, the rest every few seconds."""

    versions: bool = True


class Deploy(_Ask, frozen=True, kw_only=True, tag="deploy"):
    """Run the pipeline as the notebook's object has it, in so many replicas."""

    replicas: Replicas


class Scale(_Ask, frozen=True, kw_only=True, tag="scale"):
    """Run what runs in so many replicas."""

    replicas: Replicas


class Undeploy(_Ask, frozen=True, kw_only=True, tag="undeploy"):
    """End the deployment."""


class Diff(_Ask, frozen=True, kw_only=True, tag="diff"):
    """What differs from one version to another, both by UUID."""

    before: str
    after: str


class RollBack(_Ask, frozen=True, kw_only=True, tag="rollback"):
    """Run an earlier version, by UUID."""

    to: str


class Replica(Struct, frozen=True, kw_only=True):
    """A process that serves, and why if it does not."""

    name: str
    status: str
    pid: str
    reason: str


class Version(Struct, frozen=True, kw_only=True):
    """A version of the pipeline."""

    version: str
    created_at: str
    author: str
    models: str
    is_running: bool
    was_deployed: bool


class Live(Struct, frozen=True, kw_only=True):
    """What went through in the last minute, and requests a second over the last minutes for a line."""

    requests_s: float
    failed: int
    anomalies: int
    rows: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    total: int
    line: list[float]
    anomaly_line: list[float]
    slot_s: int


class Facts(Struct, frozen=True, kw_only=True):
    """What the panel shows; ``versions`` is null where they were not asked for."""

    pipeline: str
    workspace: str
    status: str
    reasons: list[str]
    url: str
    replicas: list[Replica]
    wanted: int
    live: Live
    versions: list[Version] | None


class DeploymentPanel(Panel):
    """Shows and changes how a pipeline runs.

    Parameters
    ----------
    pipeline
        Which; its draft is what gets deployed.
    """

    _esm = assets.module("deployment")
    _css = assets.style()
    asks: ClassVar[Any] = Look | Deploy | Scale | Undeploy | Diff | RollBack

    def __init__(self, pipeline: Pipeline) -> None:
        self._subject = pipeline
        super().__init__()

    def answer(self, ask: Any, work: Work) -> Answer:  # noqa: ARG002  the server works; the panel looks how far it is
        """Return the answer to one of `asks`; changes are answered once they are accepted, not once they are done."""
        pipeline = copy.copy(self._subject)  # each thread refreshes its own
        match ask:
            case Look(versions=versions):
                return Answer(value=facts(pipeline, with_versions=versions))
            case Deploy(replicas=replicas):
                self._deploy(pipeline, replicas)
            case Scale(replicas=replicas):
                pipeline.scale(replicas, wait_for_status=False)
            case Undeploy():
                deployment = pipeline.deployment()
                if deployment is not None:
                    deployment.end()
            case Diff(before=before, after=after):
                return Answer(value=plain.lines(str(pipeline.diff(before, after))))
            case RollBack(to=to):
                pipeline.rollback(to, wait_for_status=False)
        return Answer(value=facts(pipeline, with_versions=True))

    def _deploy(self, pipeline: Pipeline, replicas: int) -> None:
        item = {
            "name": pipeline.name(),
            "workspace": pipeline.workspace_id(),
            "definition": pipeline.definition(),
            "resources": {"replicas": replicas},
        }
        pipeline.client.apply(item, wait_for_status=False)

    def facts_text(self) -> str:
        """Return how the pipeline runs, as text."""
        found = facts(copy.copy(self._subject), with_versions=True)
        live = found.live
        ready = sum(replica.status == Status.RUNNING for replica in found.replicas)
        head = f"Deployment: pipeline {found.pipeline} (workspace {found.workspace}): {found.status}"
        figures = f"last minute: {live.requests_s:.4g} requests/s, {live.failed:,} failed, {live.anomalies:,} anomalies"
        if live.p50_ms is not None:
            figures += f", p50 {live.p50_ms:.4g} ms, p95 {live.p95_ms:.4g} ms, p99 {live.p99_ms:.4g} ms"
        parts = ["\n".join(plain.line(text) for text in (head, *found.reasons, figures))]
        if found.replicas:
            rows = [[item.name, item.status, item.pid, item.reason] for item in found.replicas]
            title = f"{ready} of {found.wanted} replicas run"
            parts.append(f"{title}\n" + plain.table(["replica", "status", "pid", "reason"], rows))
        rows = [
            [item.version[:8], item.created_at, item.author, item.models, "runs" if item.is_running else ""]
            for item in (found.versions or [])[:10]
        ]
        parts.append(plain.table(["version", "created (UTC)", "by", "models", ""], rows))
        return "\n\n".join(parts)


def facts(pipeline: Pipeline, *, with_versions: bool) -> Facts:
    """Return how a pipeline runs, as its server says."""
    deployment = pipeline.deployment()
    status, url = None, ""
    if deployment is not None:
        try:
            status = deployment.facts()
            url = pipeline.client.infer_url(deployment.name(), pipeline.name())
        except NotFound:
            status = None  # it ended between two questions
    return Facts(
        pipeline=pipeline.name(),
        workspace=pipeline.workspace_name(),
        status=status.status.value if status else UNDEPLOYED,
        reasons=list(dict.fromkeys(status.details)) if status else [],
        url=url,
        replicas=_replicas(status) if status else [],
        wanted=len(status.engines) if status else 0,
        live=_live(pipeline.traffic()),
        versions=_versions(pipeline) if with_versions else None,
    )


def _replicas(status: DeploymentStatus) -> list[Replica]:
    return [_replica(pod) for pod in (*status.engines, *status.sidekicks)]


def _replica(pod: PodStatus) -> Replica:
    reasons = dict.fromkeys(text for text in (pod.reason, *pod.details) if text)
    return Replica(
        name=pod.name, status=pod.info.health.value, pid=pod.info.labels.get("pid", ""), reason=" ".join(reasons)
    )


def _versions(pipeline: Pipeline) -> list[Version]:
    return [
        Version(
            version=item.version,
            created_at=item.created_at[:19].replace("T", " "),
            author=item.author,
            models=", ".join(item.models),
            is_running=item.is_deployed,
            was_deployed=item.was_deployed,
        )
        for item in pipeline.history()
    ]


def _live(traffic: Traffic) -> Live:
    recent = traffic.recent
    over = traffic.slots[:-1]
    return Live(
        requests_s=recent.requests / traffic.recent_s,
        failed=recent.failed,
        anomalies=recent.anomalies,
        rows=recent.rows,
        p50_ms=recent.p50_ms,
        p95_ms=recent.p95_ms,
        p99_ms=recent.p99_ms,
        total=traffic.total_requests,
        line=[slot.requests / traffic.slot_s for slot in over],
        anomaly_line=[float(slot.anomalies) for slot in over],
        slot_s=traffic.slot_s,
    )
