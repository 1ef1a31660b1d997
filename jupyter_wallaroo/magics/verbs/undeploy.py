"""``%wl undeploy``: a pipeline's processes end; everything else stays."""

from __future__ import annotations

from jupyter_wallaroo.magics.parser import Live, Parser
from jupyter_wallaroo.magics.states import NOT_DEPLOYED
from jupyter_wallaroo.magics.verb import Call, Verb
from jupyter_wallaroo.sdk.pipeline import Pipeline


def _configure(parser: Parser) -> None:
    parser.live("pipeline", Live.PIPELINE, metavar="PIPELINE", help="its name")


def _run(call: Call) -> Pipeline:
    pipeline = call.client.get_pipeline(call.args.pipeline).undeploy()
    call.say(f"{pipeline.name()}: {NOT_DEPLOYED}. Its versions, models and log stay.")
    return pipeline


VERB = Verb("undeploy", "end a pipeline's processes; versions and log stay", _run, _configure)
