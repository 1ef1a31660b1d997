"""How pipelines are, in a word, a mark and a number: colour is not the only signal."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from jupyter_wallaroo.errors import NotFound
from jupyter_wallaroo.sdk.pipeline import Pipeline
from jupyter_wallaroo.types.deployment import DeploymentStatus, Status

MARKS = {Status.RUNNING: "●", Status.STARTING: "◐", Status.ERROR: "✖"}
NOT_DEPLOYED = "○ not deployed"

_MARKS_OF_WORK = {
    "success": "●", "ready": "●", "started": "◐", "running": "◐", "pending": "◐", "queued": "◐", "packaging": "◐",
    "pending_packaging": "◐", "pending_kill": "◐", "pending_pause": "◐", "failed": "✖", "failure": "✖", "error": "✖",
    "timed_out": "✖", "interrupted": "✖", "crash_loop": "✖", "schedule_error": "✖",
}  # fmt: skip
_NO_WORK = "○"

_AT_ONCE = 8


class State(Struct, frozen=True):
    """How a pipeline is: in words, and as the server says it where it is deployed."""

    words: str
    facts: DeploymentStatus | None = None

    @property
    def models(self) -> list[str]:
        """The models that run, in order."""
        engines = self.facts.engines if self.facts else []
        return [model.name for model in engines[0].model_statuses.models] if engines else []

    @property
    def reasons(self) -> list[str]:
        """Why it is not well."""
        return list(self.facts.details) if self.facts else []


def marked(status: str) -> str:
    """Return how a task, a run or an orchestration is, after its mark.

    Examples
    --------
    >>> [marked(status) for status in ("success", "timed_out", "paused")]
    ['● success', '✖ timed out', '○ paused']
    """
    return f"{_MARKS_OF_WORK.get(status, _NO_WORK)} {status.replace('_', ' ')}"


def version_of(pipeline: Pipeline) -> str:
    """Return the UUID of the version that is deployed, else of the newest; "" where there is none."""
    return pipeline.known_deployed_version() or next(iter(pipeline.known_versions()), "")


def state(pipeline: Pipeline) -> State:
    """Return how a pipeline is, asking the server once where it was deployed when it was listed."""
    deployment = pipeline.known_deployment()
    if deployment is None:
        return State(NOT_DEPLOYED)
    try:
        facts = deployment.facts()
    except NotFound:
        return State(NOT_DEPLOYED)
    running = sum(engine.info.health is Status.RUNNING for engine in facts.engines)
    return State(f"{MARKS[facts.status]} {facts.status.value} {running}/{len(facts.engines)}", facts)


def states(pipelines: Iterable[Pipeline]) -> list[State]:
    """Return how each of several pipelines is, asking about a few at once."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(state, pipelines))
