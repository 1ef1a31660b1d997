"""``%wl panel``: a pipeline, the connections or the tasks as a widget in the output; `sdk.panels` is the door."""

from __future__ import annotations

from typing import Any

from jupyter_wallaroo.magics.parser import Live, Parser
from jupyter_wallaroo.magics.usage import unknown
from jupyter_wallaroo.magics.verb import Call, Verb

PIPELINE_VIEWS = ("deployment", "inference", "logs")
OTHER_VIEWS = ("connections", "tasks")


def _configure(parser: Parser) -> None:
    parser.live("pipeline", Live.PIPELINE, metavar="PIPELINE", nargs="?", help="its name")
    said = f"of a pipeline: {', '.join(PIPELINE_VIEWS)}; without one: {', '.join(OTHER_VIEWS)}; default: the first"
    view = parser.add_argument("--view", metavar="VIEW", help=said)
    parser.completes(view, PIPELINE_VIEWS + OTHER_VIEWS)


def _run(call: Call) -> Any:
    view, name = call.args.view, call.args.pipeline
    views = PIPELINE_VIEWS if name is not None else OTHER_VIEWS
    if view is not None and view not in views:
        raise unknown("view", view, views, more="" if name is not None else "Those of a pipeline want its name.")
    return call.client.panel(name, view)


VERB = Verb(
    "panel",
    "open the panel of a pipeline, of the connections or of the tasks",
    _run,
    _configure,
    examples=("%wl panel fraud", "%wl panel fraud --view inference", "%wl panel --view tasks"),
)
