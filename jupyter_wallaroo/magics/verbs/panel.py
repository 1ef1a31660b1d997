"""``%wl panel``: a pipeline, or the connections, as a widget in the output; `sdk.panels` is the door to them."""

from __future__ import annotations

from typing import Any

from jupyter_wallaroo.magics.parser import Live, Parser
from jupyter_wallaroo.magics.usage import unknown, usage
from jupyter_wallaroo.magics.verb import Call, Verb

VIEWS = ("deployment", "inference", "logs")


def _configure(parser: Parser) -> None:
    parser.live("pipeline", Live.PIPELINE, metavar="PIPELINE", nargs="?", help="its name; default: the connections")
    view = parser.add_argument("--view", metavar="VIEW", help=f"{', '.join(VIEWS)}; default: {VIEWS[0]}")
    parser.completes(view, VIEWS)


def _run(call: Call) -> Any:
    view, name = call.args.view, call.args.pipeline
    if view is not None and view not in VIEWS:
        raise unknown("view", view, VIEWS)
    if view is not None and name is None:
        raise usage("%wl panel: --view is of a pipeline.", f"Write %wl panel PIPELINE --view {view}.")
    return call.client.panel(name, view or VIEWS[0])


VERB = Verb(
    "panel",
    "open the panel of a pipeline, or of the connections",
    _run,
    _configure,
    examples=("%wl panel fraud", "%wl panel fraud --view inference", "%wl panel"),
)
