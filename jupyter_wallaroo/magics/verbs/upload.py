"""``%wl upload``: a file or a model in a variable becomes a model version."""

from __future__ import annotations

import os
from typing import Any

from jupyter_wallaroo.magics.data import variable
from jupyter_wallaroo.magics.parser import Live, Parser
from jupyter_wallaroo.magics.usage import unknown, usage
from jupyter_wallaroo.magics.verb import Call, Verb
from jupyter_wallaroo.sdk import live_models, waiting
from jupyter_wallaroo.sdk.framework import Framework
from jupyter_wallaroo.sdk.model_version import ModelVersion


def _configure(parser: Parser) -> None:
    parser.live(
        "source", Live.SOURCE, metavar="SOURCE", help="a file, or a variable that holds a fitted model or module"
    )
    parser.live("--name", Live.MODEL, required=True, help="the model's name; the same name makes a new version")
    framework = parser.add_argument("--framework", metavar="F", help="where a file comes from, as sklearn or pytorch")
    parser.completes(framework, [str(item) for item in Framework])
    parser.live(
        "--sample", Live.DATA, metavar="VAR", help="rows that the model takes, by which the conversion is checked"
    )


def _run(call: Call) -> ModelVersion:
    args, client = call.args, call.client
    found = call.session.variables().get(args.source)
    sample = None if args.sample is None else variable(call.session, args.sample, "--sample")
    if found is None or isinstance(found, str | os.PathLike):
        path = args.source if found is None else found
        return client.upload_model(args.name, path, _framework(args.framework), sample=sample)
    if not live_models.is_live(found):
        raise usage(
            f"The variable {args.source!r} holds a {type(found).__name__}, which is no model.",
            "A fitted scikit-learn or XGBoost model, a PyTorch module or a path can be uploaded.",
        )
    return _live(call, found, sample)


def _live(call: Call, model: Any, sample: Any) -> ModelVersion:
    """Convert, compare, say how they compare, upload."""
    if call.args.framework is not None:
        raise usage("--framework is for files: a model in a variable is converted to ONNX.", "Leave it out.")
    with waiting.progress(f"Converting {type(model).__name__} to ONNX"):
        made = live_models.convert(model, sample)
    call.say(f"{type(model).__name__} as ONNX: {made.comparison.sentence()}")
    return call.client.upload_model(call.args.name, made)


def _framework(name: str | None) -> str | None:
    if name is not None and name not in list(Framework):
        raise unknown("framework", name, [str(item) for item in Framework])
    return name


VERB = Verb(
    "upload",
    "make a model version of a file, or of a fitted model in a variable",
    _run,
    _configure,
    examples=(
        "%wl upload classifier --name fraud --sample X_test",
        "%wl upload models/fraud.onnx --name fraud",
        "%wl upload model.pkl --name fraud --framework sklearn",
    ),
)
