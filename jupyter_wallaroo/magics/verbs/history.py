"""``%wl diff`` and ``%wl rollback``: what a pipeline was, and back to it."""

from __future__ import annotations

from jupyter_wallaroo.magics.parser import Live, Parser
from jupyter_wallaroo.magics.usage import unknown, usage
from jupyter_wallaroo.magics.verb import Call, Verb
from jupyter_wallaroo.sdk.pipeline import Pipeline
from jupyter_wallaroo.sdk.pipeline_history import PipelineDiff


def _configure_diff(parser: Parser) -> None:
    parser.live("pipeline", Live.PIPELINE, metavar="PIPELINE", help="its name")
    parser.add_argument(
        "a", metavar="A", nargs="?", help="a version, or how it begins; default: the one before the newest"
    )
    parser.add_argument("b", metavar="B", nargs="?", help="another; default: the newest")


def _diff(call: Call) -> PipelineDiff:
    pipeline = call.client.get_pipeline(call.args.pipeline)
    versions = pipeline.known_versions()
    if call.args.a is None and len(versions) < 2:
        raise usage(f"Pipeline {pipeline.name()!r} has one version: there is nothing to compare it with.")
    first = versions[1] if call.args.a is None else version(pipeline, call.args.a)
    second = versions[0] if call.args.b is None else version(pipeline, call.args.b)
    return pipeline.diff(first, second)


def _configure_rollback(parser: Parser) -> None:
    parser.live("pipeline", Live.PIPELINE, metavar="PIPELINE", help="its name")
    parser.add_argument(
        "version", metavar="VERSION", nargs="?", help="one that ran, or how it begins; default: the one before"
    )
    parser.add_argument("--no-wait", action="store_true", help="do not wait until it runs")


def _roll_back(call: Call) -> Pipeline:
    pipeline = call.client.get_pipeline(call.args.pipeline)
    to = None if call.args.version is None else version(pipeline, call.args.version)
    return pipeline.rollback(to, wait_for_status=not call.args.no_wait)


def version(pipeline: Pipeline, begun: str) -> str:
    """Return the UUID of the one version of a pipeline that begins so."""
    found = [item for item in pipeline.known_versions() if item.startswith(begun)]
    if not found:
        raise unknown("version", begun, pipeline.known_versions(), pipeline.name())
    if len(found) > 1:
        raise usage(f"{len(found)} versions of {pipeline.name()!r} begin with {begun!r}.", "Give more of it.")
    return found[0]


DIFF = Verb(
    "diff",
    "what differs between two versions of a pipeline",
    _diff,
    _configure_diff,
    examples=("%wl diff fraud", "%wl diff fraud 0b989008"),
)
ROLLBACK = Verb(
    "rollback",
    "have an earlier version of a pipeline run again",
    _roll_back,
    _configure_rollback,
    examples=("%wl rollback fraud", "%wl rollback fraud 0b989008"),
)
