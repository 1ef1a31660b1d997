"""``%wl deploy`` and ``%%wl deploy``: a pipeline is planned, shown, made to run."""

from __future__ import annotations

from typing import Any

from jupyter_wallaroo import strict_yaml
from jupyter_wallaroo.magics.parser import Live, Parser
from jupyter_wallaroo.magics.states import state
from jupyter_wallaroo.magics.usage import usage
from jupyter_wallaroo.magics.verb import Call, Verb
from jupyter_wallaroo.sdk.applying import Applied
from jupyter_wallaroo.sdk.model_version import ModelVersion
from jupyter_wallaroo.sdk.pipeline import Pipeline


def _configure(parser: Parser) -> None:
    parser.live("pipeline", Live.PIPELINE, metavar="PIPELINE", nargs="?", help="its name; in a cell it may stand there")
    parser.live(
        "models", Live.MODEL, metavar="MODEL", nargs="*",
        help="the models of its steps in order: a name, name@version, or a variable; default: as it is",
    )  # fmt: skip
    parser.add_argument("--replicas", type=int, metavar="N", help="engine processes")
    parser.add_argument("--cpus", type=float, metavar="N", help="processors of each, as 0.5")
    parser.add_argument("--memory", metavar="SIZE", help="memory of each, as 512Mi")
    parser.add_argument("--dry-run", action="store_true", help="only show the plan")
    parser.add_argument("--no-wait", action="store_true", help="do not wait until it runs")


def _run(call: Call) -> Applied | Pipeline:
    items = _of_line(call) if call.cell is None else _of_cell(call)
    plan = call.client.apply(items, dry_run=True)
    if call.args.dry_run:
        return plan
    call.say(str(plan))
    applied = call.client.apply(items, wait_for_status=not call.args.no_wait)
    results = applied.results()
    if len(results) != 1 or results[0].deployment is None:
        return applied
    pipeline = call.client.get_pipeline(results[0].name)
    if not call.args.no_wait:
        call.say(f"{pipeline.name()}: {state(pipeline).words} at {pipeline.url()}")
    return pipeline


def _of_line(call: Call) -> list[dict[str, Any]]:
    if call.args.pipeline is None:
        raise usage("%wl deploy: which PIPELINE?", "%wl ls pipelines lists them, %wl deploy NAME MODEL makes one.")
    item: dict[str, Any] = {"name": call.args.pipeline}
    if call.args.models:
        item["steps"] = [{"model": _model(call, word)} for word in call.args.models]
    return [item | _resources(call)]


def _of_cell(call: Call) -> list[dict[str, Any]]:
    assert call.cell is not None
    if call.args.models:
        raise usage(f"%%wl deploy: {call.args.models[0]!r}: the cell says the models.", "Put them into its steps.")
    written = strict_yaml.decode(call.cell)
    items = written.get("pipelines", written) if isinstance(written, dict) else written
    items = items if isinstance(items, list) else [items]
    if not all(isinstance(item, dict) for item in items):
        raise usage("The cell is not a pipeline: expected YAML with keys such as steps and resources.")
    name = call.args.pipeline
    if name is not None:
        if len(items) != 1 or items[0].get("name", name) != name:
            raise usage(f"The cell is of another pipeline than {name!r}, or of several.", "Leave the name out of one.")
        items = [{"name": name} | items[0]]
    elif any("name" not in item for item in items):
        raise usage("The cell does not say the pipeline's name.", "Write %%wl deploy NAME, or name: NAME in the cell.")
    resources = _resources(call)
    return [item | resources for item in items]


def _resources(call: Call) -> dict[str, Any]:
    given = {name: getattr(call.args, name) for name in ("replicas", "cpus", "memory")}
    given = {name: value for name, value in given.items() if value is not None}
    return {"resources": given} if given else {}


def _model(call: Call, word: str) -> Any:
    found = call.session.variables().get(word)
    return found if isinstance(found, ModelVersion) else word


VERB = Verb(
    "deploy",
    "make a pipeline of models, or change it, and have it run",
    _run,
    _configure,
    cell="YAML with steps, splits, validations and resources, as wl.apply takes it",
    examples=(
        "%wl deploy fraud fraud-model --replicas 2 --cpus 0.5 --memory 512Mi",
        "%wl deploy fraud --dry-run --replicas 4",
        "%%wl deploy fraud",
        "steps:",
        "  - model: fraud-model",
        "resources: {replicas: 2}",
    ),
)
