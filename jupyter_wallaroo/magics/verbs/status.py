"""``%wl status``: how a pipeline is, process by process."""

from __future__ import annotations

from jupyter_wallaroo.magics.parser import Live, Parser
from jupyter_wallaroo.magics.results import Facts, Sections, Shown, Table
from jupyter_wallaroo.magics.states import MARKS, State, state, version_of
from jupyter_wallaroo.magics.verb import Call, Verb
from jupyter_wallaroo.sdk import steps
from jupyter_wallaroo.sdk.pipeline import Pipeline
from jupyter_wallaroo.types.deployment import PodStatus


def _configure(parser: Parser) -> None:
    parser.live("pipeline", Live.PIPELINE, metavar="PIPELINE", help="its name")


def _run(call: Call) -> Sections:
    pipeline = call.client.get_pipeline(call.args.pipeline)
    found = state(pipeline)
    parts: list[tuple[str, Shown]] = [("facts", _facts(pipeline, found))]
    if found.facts is not None:
        parts.append(("processes", _processes([*found.facts.engines, *found.facts.sidekicks])))
    return Sections(f"Pipeline {pipeline.name()!r}: {found.words}", parts)


def _facts(pipeline: Pipeline, found: State) -> Facts:
    versions = pipeline.known_versions()
    running = version_of(pipeline)
    newest = "" if running == versions[0] else f"; the newest is {versions[0]}"
    facts: dict[str, object] = {
        "workspace": pipeline.workspace_name(),
        "models": ", ".join(found.models or steps.model_names(pipeline.steps())),
        "version": f"{running} (of {len(versions)}{newest})",
    }
    if found.facts is not None:
        facts["url"] = pipeline.url()
        if found.facts.replicas is not None and found.facts.replicas.autoscale:
            facts["autoscale"] = found.facts.replicas.autoscale
    if found.reasons:
        facts["because"] = " ".join(found.reasons)
    return Facts("", facts)


def _processes(pods: list[PodStatus]) -> Table[PodStatus]:
    columns = {
        "process": lambda pod: pod.name,
        "status": lambda pod: f"{MARKS[pod.info.health]} {pod.status}",
        "pid": lambda pod: pod.info.labels.get("pid", ""),
        "cpus": lambda pod: pod.info.required_cpu or "",
        "memory": lambda pod: pod.info.required_memory or "",
        "because": lambda pod: " ".join([pod.reason or "", *pod.details]).strip(),
    }
    return Table(pods, columns, "No process runs.")


VERB = Verb("status", "how a pipeline is, and each of its processes", _run, _configure, examples=("%wl status fraud",))
